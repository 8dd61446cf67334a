"""The texts of a page: how to use the labels, how they were made, and what to cite."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.models.adaptation import Adaptation
from nwb_unitrefine.records import RunKind
from nwb_unitrefine.report.commands import python_that_labelled, shell_that_labelled, source_name
from nwb_unitrefine.vocabulary.labels import meaning
from nwb_unitrefine.vocabulary.model_classes import classes_in_words

if TYPE_CHECKING:
    from nwb_unitrefine.records import Curation

__all__ = ["page_texts"]

_PYNWB = """\
from pynwb import NWBHDF5IO

with NWBHDF5IO({name!r}, "r") as io:
    units = io.read().units.to_dataframe()
good = units[(units["unitrefine_label"] == {label!r}) & ~units["unitrefine_uncertain"]]"""

_SPIKEINTERFACE = """\
from spikeinterface.extractors import read_nwb_sorting

sorting = read_nwb_sorting({name!r}, electrical_series_path=None, sampling_frequency={rate:g})
single = sorting.get_property("unitrefine_label") == {label!r}
certain = ~sorting.get_property("unitrefine_uncertain").astype(bool)
good = sorting.select_units(sorting.unit_ids[single & certain])"""

_PYNAPPLE = """\
import pynapple as nap

file = nap.load_file({name!r})
units = file["units"]
uncertain = file.nwb.units["unitrefine_uncertain"].data[:]  # pynapple leaves out columns of booleans
good = units[(units["unitrefine_label"] == {label!r}) & ~uncertain.astype(bool)]"""


def page_texts(curation: Curation) -> list[dict[str, Any]]:
    """Return titled texts and code, with the file's name and never its folder.

    Parameters
    ----------
    curation : Curation

    Returns
    -------
    list of dict
        ``title``, and ``text`` or ``code``.
    """
    name = source_name(curation)
    rate = curation.units.sampling_rate_hz or 30000.0
    classes = curation.predictions.classes
    label = next((one for one in classes if "sua" in (meaning(one) or ())), classes[0])
    texts: list[dict[str, Any]] = [
        {"title": "What made these labels", "code": shell_that_labelled(curation)},
        {"title": "The same in Python", "code": python_that_labelled(curation)},
    ]
    if curation.units.source.kind.startswith("nwb-hdf5"):
        texts += [
            {"title": f"Only the certain {label} units: pynwb", "code": _PYNWB.format(name=name, label=label)},
            {
                "title": f"Only the certain {label} units: SpikeInterface",
                "code": _SPIKEINTERFACE.format(name=name, label=label, rate=rate),
            },
            {"title": f"Only the certain {label} units: pynapple", "code": _PYNAPPLE.format(name=name, label=label)},
        ]
    return [*texts, {"title": "For a methods section", "text": _methods(curation)}]


def _methods(curation: Curation) -> str:
    """Describe what was done as a paper would, with what it rests on."""
    model, features = curation.model, curation.features
    n_present = int(np.isfinite(features.values).any(axis=0).sum())
    classes = classes_in_words(curation.predictions.classes)
    what = "spike times and mean waveforms" if curation.units.waveforms is not None else "spike times"
    named = f"{model.name} {model.revision}".strip()
    how = "the thresholds" if curation.kind is RunKind.RULE else "the model"
    adapted = ""
    if "adaptation" in curation.parameters:
        n_labels = sum(Adaptation.from_json(str(curation.parameters["adaptation"])).n_labels)
        adapted = f" The model was adapted to {n_labels} labels that people had set."
    return (
        f"Units were labelled as {classes} with nwb-unitrefine {version('nwb-unitrefine')} and {how} {named} "
        f"({model.digest[:19]}…), after the method of UnitRefine (Jain and Halcrow) on NWB files (Rübel et al. 2022). "
        f"{n_present} quality metrics of {what} were used, computed as SpikeInterface defines them (Buccino et al. "
        f"2020).{adapted}\n"
        "UnitRefine: https://doi.org/10.6084/m9.figshare.28282841\n"
        "Buccino et al. (2020), SpikeInterface, a unified framework for spike sorting, eLife 9:e61834, "
        "https://doi.org/10.7554/eLife.61834\n"
        "Rübel et al. (2022), The Neurodata Without Borders ecosystem for neurophysiological data science, eLife "
        "11:e78362, https://doi.org/10.7554/eLife.78362"
    )
