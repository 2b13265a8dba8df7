"""The wheel contains what the command needs and nothing else, and works outside the checkout."""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from generator import __version__
from tests.workspace import ROOT, Done

hatchling = pytest.importorskip("hatchling.build", reason="hatchling, which builds the wheel, is not installed")

pytestmark = [pytest.mark.xdist_group("wheel"), pytest.mark.usefixtures("home")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the files that the build needs."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def build_wheel(folder: Path) -> Path:
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("generator", "chart-templates", "ci"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    code = "import hatchling.build as b; print(b.build_wheel('dist'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "dist" / done.stdout.split()[-1]


def link_libraries(folder: Path) -> Path:
    """Fill `folder` with links to the installed libraries, without this project's own package."""
    # Debian's Python names folders that a virtual environment does not have.
    places = (Path(place) for place in site.getsitepackages() if Path(place).is_dir())
    for entry in (entry for place in places for entry in place.iterdir()):
        # Without the .pth file of an editable install, which leads to the checkout.
        if entry.suffix != ".pth" and not entry.name.startswith(("gitops_workloads", "_gitops_workloads")):
            (folder / entry.name).symlink_to(entry)
    return folder


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and the installed libraries, but without the checkout."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, symlinks=True)
    own = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(folder)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(own)
    libraries = link_libraries(tmp_path_factory.mktemp("libraries"))
    (own / "libraries.pth").write_text(f"{libraries}\n")
    return folder / "bin" / "python"


def run(python: Path, *args: str, cwd: Path) -> Done:
    code = "import sys; from importlib.metadata import entry_points as e; sys.argv[0] = 'workloads'; "
    code += "e(group='console_scripts', name='workloads')['workloads'].load()()"
    done = subprocess.run([str(python), "-I", "-c", code, *args], cwd=cwd, capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def test_the_wheel_contains_only_the_package_and_the_templates(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"generator", f"gitops_workloads-{__version__}.dist-info"}
    templates = {
        f"generator/{path.relative_to(ROOT)}"
        for folder in ("chart-templates", "ci")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert templates <= set(names)
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "generator").rglob("*.py")}
    modules |= {str(path.relative_to(ROOT)) for path in (ROOT / "generator").rglob("*.toml")}
    pages = {
        str(path.relative_to(ROOT))
        for part in ("diff/templates", "site/assets", "site/templates")
        for path in (ROOT / "generator" / part).iterdir()
    }
    assert pages
    assert {name for name in names if name.startswith("generator/") and name not in templates} == modules | pages


def test_the_metadata_names_the_command_the_python_version_and_the_licence(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    info = f"gitops_workloads-{__version__}.dist-info"
    assert "workloads = generator.__main__:run" in archive.read(f"{info}/entry_points.txt").decode()
    metadata = archive.read(f"{info}/METADATA").decode()
    assert "Requires-Python: >=3.11" in metadata
    assert "License-Expression: Apache-2.0" in metadata
    assert f"{info}/licenses/LICENSE" in archive.namelist()


def test_the_same_sources_give_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    assert build_wheel(tmp_path).read_bytes() == wheel.read_bytes()


def test_the_version_is_printed_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    assert run(installed, "--version", cwd=tmp_path).out == f"workloads, version {__version__}\n"


def test_the_sample_is_rendered_and_checked_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "apps.toml", tmp_path)
    rendered = run(installed, "render", cwd=tmp_path)
    assert rendered.code == 0, rendered.err
    checked = run(installed, "check", cwd=tmp_path)
    assert (checked.code, checked.out) == (0, "3 charts, 9 Applications: valid and up to date\n"), checked.err
    for path in (tmp_path / "multi-repo").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (ROOT / path.relative_to(tmp_path)).read_bytes(), path


def test_the_installed_package_is_not_the_checkout(installed: Path, tmp_path: Path) -> None:
    code = "import generator; print(generator.__file__)"
    done = subprocess.run([str(installed), "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert str(ROOT) not in done.stdout
