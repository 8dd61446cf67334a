"""Labels for what is not an NWB file: tables beside a sorter's output, properties and a table for a SortingAnalyzer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal.appearing import appearing
from nwb_unitrefine.records.csv_text import to_csv
from nwb_unitrefine.write.report import WriteReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nwb_unitrefine.records import Curation

__all__ = ["TABLE_KINDS", "write_tables"]

TABLE_KINDS = frozenset({"sorter", "analyzer"})
"""Kinds of source (`Source.kind`) that get tables."""

_LABEL, _PROBABILITY = "unitrefine_label", "unitrefine_probability"


def write_tables(
    curation: Curation,
    *,
    output: str | Path | None = None,
    columns: str | Sequence[str] = "unitrefine",
    units_only: bool = False,
    dry_run: bool = False,
) -> WriteReport:
    """Write labels beside what the units came from.

    A sorter's folder gets ``cluster_unitrefine_label.tsv``, which Phy shows as a column, and ``unitrefine_labels.csv``
    with probabilities and features. A SortingAnalyzer gets its labels as unit properties, and the table beside it. What
    an earlier call wrote is replaced; nothing else is touched.

    Parameters
    ----------
    curation : Curation
        Of sorter output or of a SortingAnalyzer on this machine.
    output : str or Path, optional
        Folder for the tables; the source is then left as it is.
    columns, units_only
        As of `write_curation`; what they ask for is refused, since tables cannot hold it.
    dry_run : bool, optional
        Write nothing.

    Returns
    -------
    WriteReport
        Its `path` is the table with probabilities, its `tables` all that were written.

    Raises
    ------
    WriteError
        If there is no such place, it cannot be written, or something else than tables was asked for.
    """
    _require_tables_wanted(curation.units.source.uri, output, columns=columns, units_only=units_only)
    source = Path(curation.units.source.uri)
    if output is None and not source.exists():
        raise WriteError(
            f"{source} is not a place to write to.", tip="Name a folder for the tables with the option output."
        )
    is_analyzer = curation.units.source.kind == "analyzer"
    home = source.parent if is_analyzer or source.is_file() else source
    folder = home if output is None else Path(output)
    stem = f"{source.stem}_" if is_analyzer or source.is_file() else ""
    table = folder / f"{stem}unitrefine_labels.csv"
    texts = {table: _probabilities(curation)}
    if not is_analyzer:
        texts[folder / f"{stem}cluster_{_LABEL}.tsv"] = _for_phy(curation)
    n_bytes = 0
    if not dry_run:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for place, text in texts.items():
                n_bytes += _replace(place, text)
        except OSError as error:
            raise WriteError(f"{folder} cannot be written: {error.strerror or error}.") from error
        if is_analyzer and output is None:
            _set_properties(source, curation)
    return WriteReport(
        path=table,
        run="",
        columns=(_LABEL, _PROBABILITY),
        n_units=len(curation.units),
        n_changed=int(np.count_nonzero(curation.predictions.labels != "")),
        bytes_written=n_bytes,
        tables=() if dry_run else tuple(texts),
    )


def _require_tables_wanted(
    uri: str, output: str | Path | None, *, columns: str | Sequence[str], units_only: bool
) -> None:
    """Refuse what only an NWB file can have."""
    named_nwb = output is not None and Path(output).suffix in {".nwb", ".zarr"} and not Path(output).is_dir()
    if units_only or named_nwb:
        raise WriteError(
            f"{uri} is not an NWB file: its labels are written to tables in a folder.",
            tip=f"Name a folder as output, or make an NWB file of it: nwb-unitrefine convert {uri}",
        )
    if columns != "unitrefine":
        raise WriteError(
            f"{uri} is not an NWB file: its labels are written to tables, in columns with names of their own.",
            tip="Leave the option columns out.",
        )


def _probabilities(curation: Curation) -> str:
    """Labels, probabilities and features of every unit."""
    frame = curation.predictions.to_frame().join(curation.features.to_frame())
    return to_csv(frame)


def _for_phy(curation: Curation) -> str:
    """Labels as Phy reads a column of clusters."""
    predictions = curation.predictions
    pairs = zip(predictions.unit_ids.tolist(), predictions.labels.tolist(), strict=True)
    return "\n".join([f"cluster_id\t{_LABEL}", *(f"{unit}\t{label}" for unit, label in pairs)]) + "\n"


def _replace(path: Path, text: str) -> int:
    """Write a file so that it is there either as it was or as it is to be."""
    data = text.encode()
    with appearing(path, overwrite=True) as new:
        new.write_bytes(data)
    return len(data)


def _set_properties(folder: Path, curation: Curation) -> None:
    """Give the units of a saved analyzer their labels as properties."""
    import spikeinterface

    analyzer = spikeinterface.load_sorting_analyzer(folder, load_extensions=False)
    predictions = curation.predictions
    analyzer.set_sorting_property(_LABEL, predictions.labels.astype(str), save=True)
    analyzer.set_sorting_property(_PROBABILITY, predictions.confidence, save=True)
