"""Label the units of a session that pynwb holds in memory, as part of making its file.

Importing this module registers the extension's types with pynwb, which must know them before it opens the file that a
labelled session is then written to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ndx_unit_curation as _registers_types  # noqa: F401
from nwb_unitrefine.errors import ColumnExistsError
from nwb_unitrefine.pipeline import curate
from nwb_unitrefine.read.nwb.in_memory import build_nwbfile, read_nwbfile
from nwb_unitrefine.write.columns import column_names
from nwb_unitrefine.write.curation import record_curation
from nwb_unitrefine.write.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Curation

__all__ = ["label_session"]


def label_session(
    nwbfile: Any, *, model: str | Path | Model = "default", columns: str | Sequence[str] = "unitrefine"
) -> Curation:
    """Label the units of an ``NWBFile`` object; what writes it then writes the labels and their record too.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        With units, and without labels of ours: in memory, or opened with pynwb for appending. It gets two columns and a
        `UnitCuration`; add further units before, not after.
    model : str, Path or Model, optional
        Whatever `load_model` takes.
    columns : str or pair of str, optional
        As of `write_curation`.

    Returns
    -------
    Curation

    Raises
    ------
    NoUnitsError
        If there are no units.
    SourceError
        If spike times or waveforms are iterators, which can be read only once.
    ColumnExistsError
        If a column of that name is there.
    WriteError
        If there are labels of ours already.

    Examples
    --------
    >>> label_session(nwbfile).predictions.labels  # doctest: +SKIP
    array(['sua', 'mua'], dtype='<U5')
    """
    names = column_names(columns)
    built = build_nwbfile(nwbfile)
    units = read_nwbfile(nwbfile, built=built)
    store = MemoryStore(nwbfile, built)
    if taken := tuple(name for name in (names.label, names.probability) if name in store.columns()):
        raise ColumnExistsError(
            f"{store.name} already has {' and '.join(map(repr, taken))}.",
            tip="Choose other names with columns.",
            columns=taken,
        )
    curation = curate(units, model=model)
    record_curation(store, curation, names=names)
    return curation
