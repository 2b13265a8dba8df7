"""A registry in a checkout, the workloads repository on its server, and what users do to both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from generator.charts.inventory import Inventory, parse_inventory
from tests.git.remotes import Remote, git
from tests.workspace import Done, Run, untouched

RECORD = "multi-repo/.generated.json"


@dataclass
class Arrangement:
    """`checkout` holds the registry, `remote` the charts; `registry_remote` the registry, if it is in another."""

    checkout: Path
    remote: Remote
    run: Run
    registry_remote: Remote | None = None

    @property
    def registry(self) -> Path:
        return self.checkout / "apps.toml"

    @property
    def text(self) -> str:
        return self.registry.read_text()

    def with_repository(self, text: str) -> str:
        return text + f'\n[workloads]\nrepository = "{self.remote.url}"\n'

    def edit(self, text: str) -> None:
        self.registry.write_text(text)

    def commit(self, message: str) -> str:
        git(self.checkout, "add", "apps.toml")
        git(self.checkout, "commit", "--quiet", "-m", message)
        return git(self.checkout, "rev-parse", "HEAD")

    def publish(self, *args: str | Path) -> Done:
        """Run `workloads publish --keep-checkout` in the checkout, which is left as it is to the last byte."""
        with untouched(self.checkout):
            return self.run("publish", "--keep-checkout", *args, cwd=self.checkout)

    def refused(self, code: int, *args: str | Path) -> Done:
        """Run `workloads publish`, which must end with this code and leave the branch where it is."""
        before = self.heads()
        done = self.publish(*args)
        assert (done.code, done.last, done.out) == (code, "nothing was pushed", ""), done
        assert self.heads() == before
        return done

    def heads(self) -> str:
        return self.remote.git("for-each-ref")

    def message(self) -> list[str]:
        """The lines of the last commit's message on the branch."""
        return self.remote.git("log", "-1", "--format=%B", "main").splitlines()

    def read(self, path: str) -> str:
        return self.remote.git("cat-file", "blob", f"main:{path}") + "\n"

    def charts(self) -> dict[str, str]:
        return {path: text for path, text in self.remote.files().items() if path.startswith("multi-repo/")}

    def record(self) -> Inventory:
        return parse_inventory(self.read(RECORD).encode(), RECORD)

    def others(self, files: dict[str, str], gone: tuple[str, ...] = ()) -> None:
        """Somebody else's commit on the branch, by hand."""
        self.remote.write(files, "by hand")
        if gone:
            tree = self.remote.git("ls-tree", "-r", "main").splitlines()
            kept = "\n".join(line for line in tree if line.partition("\t")[2] not in gone)
            index = {"GIT_INDEX_FILE": str(self.remote.path / "index-of-others")}
            git(self.remote.path, "read-tree", "--empty", variables=index)
            git(self.remote.path, "update-index", "--index-info", stdin=f"{kept}\n", variables=index)
            new = git(self.remote.path, "write-tree", variables=index)
            commit = self.remote.git("commit-tree", new, "-p", "main", "-m", "deleted by hand")
            self.remote.git("update-ref", "refs/heads/main", commit)
