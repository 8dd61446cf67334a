"""The commands and the Python that made the labels of a page, with the names of files and models and no folders."""

from __future__ import annotations

import json
import shlex
from pathlib import PurePath
from typing import TYPE_CHECKING

from nwb_unitrefine.models.recorded import recorded_source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nwb_unitrefine.records import Curation

__all__ = ["python_that_labelled", "shell_that_labelled", "source_name"]

_HINTS = ("spike_times_in", "sampling_rate_hz")
"""What the user stated about the source, as a run records it under the names of `SourceHints`."""


def source_name(curation: Curation) -> str:
    """Return the name of the file or folder that was labelled, without what leads to it."""
    return curation.units.source.uri.split("?")[0].replace("\\", "/").rstrip("/").rpartition("/")[2]


def shell_that_labelled(curation: Curation) -> str:
    """Return the commands that give these labels and this page."""
    name, given = source_name(curation), curation.parameters
    options = [word for source in _models(curation) if source != "default" for word in ("--model", source)]
    for labels in _labels(curation):
        options += ["--labels", ",".join(f"{own}={label}" for own, label in labels.items())]
    for key in ("missing", "decide", *_HINTS):
        if key in given:
            options += [f"--{key.replace('_', '-')}", str(given[key])]
    only_label = ["--from-raw"] if given.get("from_raw") else []
    only_label += ["--adapt"] if "adaptation" in given else []
    return "\n".join(
        (
            shlex.join(["nwb-unitrefine", "label", name, *options, *only_label]),
            shlex.join(["nwb-unitrefine", "report", name, *options, "--output", "report.html"]),
        )
    )


def python_that_labelled(curation: Curation) -> str:
    """Return the Python that gives these labels."""
    given, models = curation.parameters, _models(curation)
    model = models[0] if len(models) == 1 else models
    loading: dict[str, object] = {key: given[key] for key in ("missing", "decide") if key in given}
    labels = _labels(curation)
    if labels:
        loading["labels"] = labels[0] if len(models) == 1 else labels
    hints = {key: given[key] for key in _HINTS if key in given}
    imports = ["curate", *(["load_model"] if loading else []), "write_curation"]
    lines = [f"from nwb_unitrefine import {', '.join(imports)}"]
    arguments = [repr(source_name(curation))]
    if loading:
        lines += ["", f"model = load_model({', '.join([repr(model), *_keywords(loading)])})"]
        arguments.append("model=model")
    else:
        lines.append("")
        arguments += [] if model == "default" else [f"model={model!r}"]
    if hints:
        lines.insert(1, "from nwb_unitrefine.records import SourceHints")
        arguments.append(f"hints=SourceHints({', '.join(_keywords(hints))})")
    if given.get("from_raw"):
        lines.insert(1, "from nwb_unitrefine.records import RawOptions")
        arguments.append("raw=RawOptions()")
    arguments += ["adapt=True"] if "adaptation" in given else []
    return "\n".join([*lines, f"curation = curate({', '.join(arguments)})", "write_curation(curation)"])


def _keywords(values: Mapping[str, object]) -> list[str]:
    return [f"{name}={value!r}" for name, value in values.items()]


def _models(curation: Curation) -> list[str]:
    """What loads the model, or the two in a row; a folder by its name alone."""
    source = recorded_source(curation.model)
    each = source if isinstance(source, list) else [source]
    return [one if one.startswith(("hf://", "rules/")) else PurePath(one.replace("\\", "/")).name for one in each]


def _labels(curation: Curation) -> list[dict[str, str]]:
    """What the user stated about the classes of each model."""
    if "labels" not in curation.parameters:
        return []
    found = json.loads(str(curation.parameters["labels"]))
    return found if isinstance(found, list) else [found]
