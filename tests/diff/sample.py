"""A registry before and after each danger; `python -m tests.diff.sample` writes docs/diff.md anew."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.workspace import ROOT, Done, environment, spawn

PAGE = ROOT / "docs" / "diff.md"
BEFORE = """\
version = 1

[environments.dev]
createProjects = true
apps = ["billing", "blog", "cart", "docs", "edge", "feed", "gone", "letgo", "mail", "menu", "news", "stock"]
retired.letgo = "2026-11-01 nobody needs it"

[environments.prod]
promotesFrom = ["dev"]
apps = ["billing@v1.0.0", "cart@v1.0.0"]
policy.pin = "tag"

[teams.shop]
projects = ["mail", "pages"]
repositories = ["https://github.com/acme/", "https://gitlab.com/acme/"]
namespaces = ["shop", "docs"]
allow = ["destination"]

[defaults]
path = "chart"
namespace = "shop"

[projects.cart]
description = "The cart"

[projects.stock]
sourceRepos = ["https://github.com/acme/"]

[apps]
billing = { team = "shop", repoURL = "https://gitlab.com/acme/billing.git" }
blog = { team = "shop", project = "pages", repoURL = "https://github.com/acme/blog.git" }
cart = { team = "shop", repoURL = "https://github.com/acme/cart.git" }
docs = { team = "shop", repoURL = "https://github.com/acme/docs.git" }
edge = { team = "shop", repoURL = "https://github.com/acme/edge.git" }
feed = { team = "shop", repoURL = "https://github.com/acme/feed.git", syncPolicy.automated.selfHeal = false }
gone = { team = "shop", repoURL = "https://github.com/acme/gone.git" }
letgo = { team = "shop", repoURL = "https://github.com/acme/letgo.git" }
mail = { team = "shop", repoURL = "https://github.com/acme/mail.git" }
menu = { team = "shop", repoURL = "https://github.com/acme/menu.git" }
news = { team = "shop", project = "pages", repoURL = "https://github.com/acme/news.git" }
stock = { team = "shop", repoURL = "https://github.com/acme/stock.git" }
"""
#: What stands in BEFORE, and what takes its place.
CHANGES = (
    (', "gone", "letgo", "mail"', ', "fresh", "mail"'),
    ('retired.letgo = "2026-11-01 nobody needs it"\n', 'retired.news = "2026-11-28 merged into blog"\n'),
    ("billing@v1.0.0", "billing@v1.1.0"),
    ("cart@v1.0.0", "cart@main"),
    ('description = "The cart"', 'description = "The cart"\nsourceRepos = ["https://github.com/acme/"]'),
    ('[projects.stock]\nsourceRepos = ["https://github.com/acme/"]\n', ""),
    ('blog = { team = "shop",', 'blog = { team = "shop", namespace = "docs",'),
    ('docs = { team = "shop",', 'docs = { team = "shop", server = "https://other.example.com",'),
    ('edge = { team = "shop",', 'edge = { team = "shop", finalizer = "none",'),
    ('mail = { team = "shop",', 'mail = { team = "shop", createProject = false,'),
    ('menu = { team = "shop",', 'menu = { team = "shop", path = "deploy",'),
    ("[projects.cart]", '[argocd]\nexistingProjects = ["mail"]\n\n[projects.cart]'),
    ("selfHeal = false", "selfHeal = true"),
    ("[apps]\n", '[apps]\nfresh = { team = "shop", repoURL = "https://github.com/acme/fresh.git" }\n'),
    ("version = 1\n", "version = 1 # a remark\n"),
)


def changed() -> str:
    """The registry with all of the changes."""
    text = BEFORE
    for before, after in CHANGES:
        assert before in text, before
        text = text.replace(before, after, 1)
    return text


def committed(folder: Path, registry: str) -> None:
    """A repository whose one commit has a registry and its charts."""
    folder.mkdir()
    (folder / "apps.toml").write_text(registry)
    assert spawn("render", cwd=folder).code == 0
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "charts"]):
        subprocess.run(["git", *command], cwd=folder, env=environment(), check=True, capture_output=True)


def replayed(run: Callable[..., Done], folder: Path, text: str) -> str:
    """The page with the output that its commands have now, in the repository at `folder`."""
    return "\n".join(_lines(run, folder, text.splitlines())) + "\n"


def _lines(run: Callable[..., Done], folder: Path, lines: list[str]) -> Iterator[str]:
    skipping = False
    for line in lines:
        if line == "~~~~":
            skipping = False
        if not skipping:
            yield line
        if line.startswith("$ workloads diff"):
            skipping = True
            done = run(*line.split()[2:], cwd=folder)
            text = re.sub(r"(?<=at )[0-9a-f]{12}", "0c1d2e3f4a5b", done.out)
            yield from re.sub(r'(?<="revision": ")[0-9a-f]{40}', "0c1d2e3f4a5b" + "0" * 28, text).splitlines()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "shop"
        committed(folder, BEFORE)
        (folder / "apps.toml").write_text(changed())
        PAGE.write_text(replayed(lambda *args, cwd: spawn(*args, cwd=cwd), folder, PAGE.read_text()))


if __name__ == "__main__":
    main()
