"""A command that needs an optional package which is missing is refused before anything heavy is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from helpers.bare_nwb import make_small_session

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {"sklearn", "scipy.stats", "numba", "pynwb", "hdmf", "spikeinterface", "neuroconv", "skops", "matplotlib"}

PROGRAM = """
import json, sys
sys.modules.update(dict.fromkeys({packages!r}))  # None: as if it was not installed
from nwb_unitrefine.cli import main
code = main({arguments!r})
print(json.dumps([code, [name for name, module in sys.modules.items() if module is not None]]))
"""


def _refused(packages: list[str], *arguments: str | Path) -> str:
    """Run a command without some packages; return its refusal, having seen that nothing heavy was imported for it."""
    program = PROGRAM.format(packages=packages, arguments=list(map(str, arguments)))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 1, done.stderr
    assert set(modules) & HEAVY == set()
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1
    return done.stderr


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A session as HDF5 and as Zarr, and a sorter's folder that SpikeInterface reads."""
    folder = tmp_path_factory.mktemp("sessions")
    circus = folder / "circus"
    (circus / "recording").mkdir(parents=True)
    (circus / "recording.params").write_text("[data]\n")
    (circus / "recording" / "recording.result.hdf5").touch()
    return {
        "hdf5": make_small_session(folder / "a.nwb"),
        "zarr": make_small_session(folder / "a.nwb.zarr"),
        "circus": circus,
        "new": folder / "new",
    }


SOURCES = {"zarr": ["zarr"], "https://localhost:1/a.nwb": ["urllib3"], "DANDI:000123/a.nwb": ["dandi"]}
READING = {
    "label": ["--dry-run"],
    "show": [],
    "features": [],
    "predict": [],
    "explain": [],
    "report": ["--output", "{new}.html"],
    "train": [],
    "evaluate": [],
}
OF_FILES = {
    "verify": [],
    "history": [],
    "relabel": ["--unit", "1=sua", "--by", "me"],
    "undo": [],
    "export": ["{new}.csv"],
    "review": ["--by", "me", "--no-browser"],
}


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("command", READING)
def test_a_source_that_needs_an_extra(places: dict[str, Path], command: str, source: str) -> None:
    """A Zarr store, an address and an asset of DANDI are refused by every command that reads units."""
    options = [one.format(**places) for one in READING[command]]
    text = _refused(SOURCES[source], command, places.get(source, source), *options)
    assert f"{SOURCES[source][0]} is needed" in text
    assert "pip install 'nwb-unitrefine[" in text


@pytest.mark.parametrize("command", OF_FILES)
def test_a_zarr_store_whose_history_is_asked_for(places: dict[str, Path], command: str) -> None:
    """The commands about what is in a file refuse a Zarr store in the same way."""
    options = [one.format(**places) for one in OF_FILES[command]]
    assert "zarr is needed" in _refused(["zarr"], command, places["zarr"], *options)


@pytest.mark.slow
@pytest.mark.parametrize("command", READING)
def test_sorter_output_without_spikeinterface(places: dict[str, Path], command: str) -> None:
    """Output that SpikeInterface has to read is refused before a model is loaded."""
    options = [one.format(**places) for one in READING[command]]
    assert "spikeinterface is needed" in _refused(["spikeinterface"], command, places["circus"], *options)


@pytest.mark.parametrize(
    ("packages", "arguments", "needs"),
    [
        (["spikeinterface"], ["features", "{hdf5}", "--from-raw"], "spikeinterface"),
        (["spikeinterface"], ["label", "{hdf5}", "--from-raw"], "spikeinterface"),
        (["xgboost"], ["train", "{hdf5}", "--classifier", "xgboost"], "xgboost"),
        (["matplotlib"], ["evaluate", "{hdf5}", "--figures", "{new}"], "matplotlib"),
        (["starlette"], ["review", "{hdf5}", "--by", "me"], "starlette"),
        (["uvicorn"], ["review", "{hdf5}", "--by", "me"], "uvicorn"),
        (["zarr"], ["label", "{hdf5}", "--output", "{new}.nwb.zarr", "--units-only"], "zarr"),
        (["neuroconv"], ["convert", "{circus}", "--output", "{new}.nwb"], "neuroconv"),
    ],
)
def test_an_option_that_needs_an_extra(
    places: dict[str, Path], packages: list[str], arguments: list[str], needs: str
) -> None:
    """What an option needs is looked for before anything is read."""
    text = _refused(packages, *(one.format(**places) for one in arguments))
    assert needs in text
    assert "pip install" in text
