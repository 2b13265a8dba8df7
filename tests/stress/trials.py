"""What the publish loop promises, tried: many at once, killed at any instant, against each other, and for nothing."""

from __future__ import annotations

import itertools
import random
import re
import resource
import signal
import subprocess
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.stress.farm import Ended, Farm, Machine, at_once, farm
from tests.workspace import REGISTRY, contents, onboarded, without

MOST_ATTEMPTS = 12


@dataclass
class Trial:
    """What was tried, what came of it, and everything that is not as promised."""

    name: str
    figures: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def expect(self, kept: bool, problem: str) -> None:
        if not kept:
            self.problems.append(problem)


@contextmanager
def measured(trial: Trial) -> Iterator[None]:
    """The time that passes inside, and the time that the processors work for it."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    yield
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    trial.figures["seconds"] = f"{time.monotonic() - started:.0f}"
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    trial.figures["processor seconds"] = f"{used:.0f}"


def _names(count: int) -> list[str]:
    return [f"app-{number:03}" for number in range(count)]


def _onboard(machine: Machine, name: str) -> None:
    machine.registry.write_text(onboarded(machine.registry.read_text()).replace("audit", name))


def _attempts(trial: Trial, ended: list[Ended]) -> None:
    attempts = sorted(each.data["attempts"] for each in ended if "attempts" in each.data)
    if attempts:
        trial.figures["attempts, median"] = str(attempts[len(attempts) // 2])
        trial.figures["attempts, most"] = str(attempts[-1])
        trial.expect(attempts[-1] <= MOST_ATTEMPTS, f"{attempts[-1]} attempts")


def _sound(trial: Trial, here: Farm) -> None:
    trial.expect(here.is_linear(), "the history is not a line")
    trial.expect(here.is_sound(), "git fsck complains")
    trial.expect(here.is_settled(), "the charts are not what the registry says")


def _apps(text: str, environment: str = "dev") -> set[str]:
    listed = tomllib.loads(text)["environments"][environment]["apps"]
    return {str(entry).partition("@")[0] for entry in listed}


def crowd(folder: Path, transport: str, count: int, most_seconds: float = 90.0) -> Trial:
    """Everybody onboards an app of their own at the same time."""
    trial = Trial(f"{count} at once over {transport}")
    with farm(folder, transport) as here:
        here.found()
        machines = [here.machine() for _ in range(count)]
        for machine, name in zip(machines, _names(count), strict=True):
            _onboard(machine, name)
        before = [contents(machine.checkout) for machine in machines]
        with measured(trial):
            ended = at_once(machines)
        _attempts(trial, ended)
        seconds = max(each.seconds for each in ended)
        trial.expect(seconds <= most_seconds, f"the last one was done after {seconds:.0f} s")
        trial.figures["published"] = str(sum(each.code == 0 for each in ended))
        failed = [each.said for each in ended if each.code]
        trial.expect(not failed, f"{len(failed)} failed, one with: {failed[:1]}")
        subjects = Counter(here.remote.subjects()[1:])
        trial.expect(subjects == Counter(f"update {name}: dev" for name in _names(count)), f"commits: {subjects}")
        trial.expect(_apps(here.registry()) == {"billing", "ledger", *_names(count)}, "apps are missing")
        trial.expect(before == [contents(machine.checkout) for machine in machines], "a checkout was touched")
        _sound(trial, here)
    return trial


def mixed(folder: Path, count: int) -> Trial:
    """Half of them onboard an app, and half take away one that is there.

    Every second pair also meets in one app: the first one of it moves the revision that its partner removes. A
    serial order is one in which every commit is exactly its operation, made on the commit before.
    """
    trial = Trial(f"{count} publish and {count} remove at once")
    old, new = [f"old-{name}" for name in _names(count)], _names(count)
    with farm(folder, "daemon") as here:
        text = REGISTRY
        for name in old:
            text = onboarded(text).replace("audit", name)
        here.found(text)
        adding, removing = [here.machine() for _ in new], [here.machine() for _ in old]
        partners = dict(list(zip(new, old, strict=True))[::2])
        for machine, name in zip(adding, new, strict=True):
            _onboard(machine, name)
            if name in partners:
                _moved(machine, partners[name])
        for machine, name in zip(removing, old, strict=True):
            machine.registry.write_text(without(machine.registry.read_text(), name, "dev"))
        flags = [["--allow-removal", f"dev/{name}"] for name in old]
        with measured(trial):
            ended = at_once([*adding, *removing], *[()] * count, *flags)
        _attempts(trial, ended)
        trial.figures["published"] = str(sum(each.code == 0 for each in ended))
        trial.figures["conflicts"] = str(sum(each.code == 6 for each in ended))
        trial.expect({each.code for each in ended} <= {0, 6}, str(Counter(each.code for each in ended)))
        _serial(trial, here, partners)
        for name, partner, adds, removes in zip(new, old, ended[:count], ended[count:], strict=True):
            _pair(trial, here, (name, adds.code == 0), (partner, removes.code == 0))
        _sound(trial, here)
    return trial


def _moved(machine: Machine, app: str) -> None:
    """Pin an app's entry of dev: a change of the very entry that somebody else removes."""
    machine.registry.write_text(machine.registry.read_text().replace(f'  "{app}",\n', f'  "{app}@v2",\n'))


def _pair(trial: Trial, here: Farm, adds: tuple[str, bool], removes: tuple[str, bool]) -> None:
    """Who is told that it is done has it done, and who is told otherwise has not."""
    apps = _apps(here.registry())
    trial.expect((adds[0] in apps) == adds[1], f"{adds[0]}: exit code and branch differ")
    trial.expect((removes[0] not in apps) == removes[1], f"{removes[0]}: exit code and branch differ")


def _serial(trial: Trial, here: Farm, partners: dict[str, str]) -> None:
    """Every commit differs from the one before by one operation, and by nothing else."""
    texts = [here.registry(commit) for commit in here.commits()]
    for before, after in itertools.pairwise(texts):
        added, gone = _apps(after) - _apps(before), _apps(before) - _apps(after)
        expected = tomllib.loads(before)
        entries: list[str] = expected["environments"]["dev"]["apps"]
        if len(added) == 1 and not gone:
            name = added.pop()
            mine = tomllib.loads(onboarded(REGISTRY).replace("audit", name))
            for kind in ("teams", "apps"):
                expected[kind][name] = mine[kind][name]
            entries.append(name)
            if name in partners:
                entries[entries.index(partners[name])] += "@v2"
        elif len(gone) == 1 and not added:
            name = gone.pop()
            entries[:] = [entry for entry in entries if entry.partition("@")[0] != name]
        trial.expect(_sorted(expected) == _sorted(tomllib.loads(after)), f"a commit is no operation: {added} {gone}")


def _sorted(data: dict[str, Any]) -> dict[str, Any]:
    for environment in data["environments"].values():
        environment["apps"] = sorted(environment["apps"])
    return data


def idle(folder: Path, count: int) -> Trial:
    """Publishing again and again what is published already."""
    trial = Trial(f"{count} runs without a change")
    with farm(folder, "file") as here:
        here.found()
        machines = [here.machine() for _ in range(2)]
        here.remote.hook("pre-receive", f"touch {folder}/pushed")
        before = contents(here.remote.path)
        with measured(trial), ThreadPoolExecutor(len(machines)) as pool:
            halves = pool.map(lambda m: [m.publish() for _ in range(count // len(machines))], machines)
            ended = [each for half in halves for each in half]
        trial.figures["commits"] = str(sum(each.code != 0 or each.data["pushed"] for each in ended))
        trial.expect(all(each.code == 0 and not each.data["pushed"] for each in ended), "a run pushed, or failed")
        trial.expect(not (folder / "pushed").exists(), "something was pushed")
        trial.expect(contents(here.remote.path) == before, "the server's repository changed")
    return trial


def kills(folder: Path, count: int, seed: int = 1) -> Trial:
    """Publishers killed at random points; each next run of the same user has to work without a hand.

    Over a daemon, so that only the client dies: with a folder the server's half would die too.
    """
    trial = Trial(f"{count} times SIGKILL")
    with farm(folder, "daemon") as here:
        here.found()
        users = [(here.machine(), app) for app in ("billing", "ledger")]
        share = [range(n, count, len(users)) for n in range(len(users))]
        with measured(trial), ThreadPoolExecutor(len(users)) as pool:
            chances = [random.Random(seed + n) for n in range(len(users))]  # noqa: S311 - no secret
            tallies = list(
                pool.map(lambda user, turns, chance: _killed(trial, here, user, turns, chance), users, share, chances)
            )
        tally = sum(tallies, Counter[str]())
        trial.figures |= {"killed before the push": str(tally["lost"]), "killed after it": str(tally["landed"])}
        trial.figures["next runs that worked"] = f"{tally['next runs']} of {tally['next runs due']}"
        trial.expect(tally["next runs"] == tally["next runs due"], "a run after a kill failed")
        trial.expect(tally["whole"] == tally["looked at"], "the branch was broken after a kill")
        twice = [subject for subject, times in Counter(_revisions(here)).items() if times > 1]
        trial.expect(not twice, f"published twice: {twice}")
        _sound(trial, here)
    return trial


def _killed(trial: Trial, here: Farm, user: tuple[Machine, str], turns: range, chance: random.Random) -> Counter[str]:
    """One user's runs, each of them killed; after every fourth the same change is published in peace."""
    machine, app = user
    tally: Counter[str] = Counter()
    usual = 1.0
    for turn in turns:
        machine.pull()
        revision = f"r{turn}"
        text = re.sub(
            rf'(\[apps\.{app}\][^\[]*targetRevision = )"[^"]*"', rf'\g<1>"{revision}"', machine.registry.read_text()
        )
        machine.registry.write_text(text)
        usual = max(usual * 0.9, _kill(machine, chance, usual))
        time.sleep(0.1)  # A git that outlived its parent may be at work still.
        tally["landed" if f'"{revision}"' in here.registry() else "lost"] += 1
        tally["looked at"] += 1
        tally["whole"] += _is_whole(here)
        if turn // 2 % 4 == 3:
            tally["next runs due"] += 1
            ended = machine.publish()
            done = ended.code == 0 and f'"{revision}"' in here.registry()
            tally["next runs"] += done
            trial.expect(done, f"after a kill: {ended.said}")
    return tally


def _kill(machine: Machine, chance: random.Random, usual: float) -> float:
    """Start a run and kill it: one in five anywhere, the rest once it talks to the server. How long it might take."""
    process, started = machine.start(), time.monotonic()
    if chance.random() > 0.2:
        while process.poll() is None and not machine.fetching():
            time.sleep(0.005)
    try:
        process.wait(chance.random() * usual)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return usual
    return min(usual, time.monotonic() - started)


def _is_whole(here: Farm) -> bool:
    """Whether every object that the branch's last commit needs is there."""
    done = subprocess.run(
        ["git", "rev-list", "--objects", "--max-count=1", "main"],
        cwd=here.remote.path,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def _revisions(here: Farm) -> list[tuple[str, str]]:
    """The app and the revision that each commit brought."""
    texts = [tomllib.loads(here.registry(commit))["apps"] for commit in here.commits()]
    return [
        (name, after[name]["targetRevision"])
        for before, after in itertools.pairwise(texts)
        for name in after
        if before.get(name) != after[name]
    ]
