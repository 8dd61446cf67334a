"""A command that needs an optional package which is missing is refused before anything heavy is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.bare_nwb import make_small_session
from helpers.refusals import refusals

pytestmark = pytest.mark.slow


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


FIXTURES = Path(__file__).parents[1] / "models" / "fixtures"
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
def test_a_source_that_needs_an_extra(places: dict[str, Path], source: str) -> None:
    """A Zarr store, an address and an asset of DANDI are refused by every command that reads units."""
    for text in refusals(*_lines(READING, places.get(source, source), places), absent=SOURCES[source]):
        assert f"{SOURCES[source][0]} is needed" in text
        assert "pip install 'nwb-unitrefine[" in text


def _lines(commands: dict[str, list[str]], source: Path | str, places: dict[str, Path]) -> list[list[str]]:
    """Each command with a source and its options."""
    return [[name, str(source), *(one.format(**places) for one in options)] for name, options in commands.items()]


def test_a_zarr_store_whose_history_is_asked_for(places: dict[str, Path]) -> None:
    """The commands about what is in a file refuse a Zarr store in the same way."""
    texts = refusals(*_lines(OF_FILES, places["zarr"], places), absent=["zarr"])
    assert [text for text in texts if "zarr is needed" not in text] == []


def test_sorter_output_without_spikeinterface(places: dict[str, Path]) -> None:
    """Output that SpikeInterface has to read is refused before a model is loaded."""
    texts = refusals(*_lines(READING, places["circus"], places), absent=["spikeinterface"])
    assert [text for text in texts if "spikeinterface is needed" not in text] == []


@pytest.mark.parametrize("library", ["lightgbm", "xgboost", "catboost"])
def test_a_model_whose_library_is_not_installed(places: dict[str, Path], library: str) -> None:
    """A boosting model is refused by its types, before it, or the library, is loaded."""
    model = str(FIXTURES / "1.6.1" / f"{library}_3.skops")
    commands = [[name, places["hdf5"], "--model", model] for name in ("label", "predict", "explain", "features")]
    texts = refusals(*commands, ["model", "show", model], absent=[library])
    assert [text for text in texts if f"{library} is needed to use this model" not in text] == []


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
        (["shap"], ["model", "explain", "default"], "shap"),
        (["shap"], ["model", "explain", "default", "--data", "{hdf5}"], "shap"),
        (["matplotlib"], ["model", "explain", "default", "--figures", "{new}"], "matplotlib"),
    ],
)
def test_an_option_that_needs_an_extra(
    places: dict[str, Path], packages: list[str], arguments: list[str], needs: str
) -> None:
    """What an option needs is looked for before anything is read."""
    (text,) = refusals([one.format(**places) for one in arguments], absent=packages)
    assert needs in text
    assert "pip install" in text
