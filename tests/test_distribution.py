"""What the wheel installs, and beside what else it can stand."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXTENSION = ROOT / "extensions" / "ndx-unit-curation"


def _install(project: Path, site: Path) -> set[Path]:
    """Put into a folder what a project's wheel would; return the files, relative to it."""
    wheel = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    places = {package: Path(package).name for package in wheel["packages"]} | wheel["force-include"]
    before = set(site.rglob("*"))
    for source, target in places.items():
        place = site / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if (project / source).is_dir():
            shutil.copytree(project / source, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(project / source, place)
    return {path.relative_to(site) for path in set(site.rglob("*")) - before if path.is_file()}


def _extension_is_from(site: Path) -> str:
    """Where `ndx_unit_curation` comes from with that folder alone on the path; its type is used, too."""
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import ndx_unit_curation as extension\n"
        "assert extension.UnitCuration.__name__ == 'UnitCuration'\n"
        "from pathlib import Path; print(Path(extension.__file__).parent.parent.name)"
    )
    # -I: neither the working folder nor PYTHONPATH, which hold the source tree.
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, cwd=site)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize("first", ["package", "extension"])
def test_either_distribution_can_go_without_breaking_the_other(tmp_path: Path, first: str) -> None:
    """The package brings a copy of the extension and shares no file with the distribution of that name."""
    site = tmp_path / "site-packages"
    site.mkdir()
    projects = {"package": (ROOT, "nwb_unitrefine"), "extension": (EXTENSION, "site-packages")}
    second = next(name for name in projects if name != first)
    kept = _install(projects[second][0], site)
    assert _extension_is_from(site) == projects[second][1]
    added = _install(projects[first][0], site)
    assert not kept & added
    assert _extension_is_from(site) == "site-packages", "the distribution of its own comes first"
    for file in added:
        (site / file).unlink()
    assert _extension_is_from(site) == projects[second][1]


def test_the_wheel_is_described_truthfully() -> None:
    """Authors are those of the licence, and every Python that is named is one that can be installed on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (author,) = project["authors"]
    assert author["name"] in (ROOT / "LICENSE").read_text()
    named = [one.rpartition(" ")[2] for one in project["classifiers"] if one.startswith("Programming Language")]
    assert [one for one in named if "." in one] == ["3.11", "3.12", "3.13"]
    assert f"version: {project['version']}" in (ROOT / "CITATION.cff").read_text()
