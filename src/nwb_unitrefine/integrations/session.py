"""Label the units of a session that pynwb holds in memory, as part of making its file.

Importing this module registers the extension's types with pynwb, which must know them before it opens the file that a
labelled session is then written to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ndx_unit_curation as _registers_types  # noqa: F401
from nwb_unitrefine.integrations.memory import MemoryStore, show_as_storage
from nwb_unitrefine.pipeline import curate
from nwb_unitrefine.read.nwb import read_nwb
from nwb_unitrefine.write.columns import column_names
from nwb_unitrefine.write.labels import record_curation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Curation

__all__ = ["label_session"]


def label_session(
    nwbfile: Any, *, model: str | Path | Model = "default", columns: str | Sequence[str] = "unitrefine"
) -> Curation:
    """Label the units of an ``NWBFile`` in memory; what writes it then writes the labels and their record too.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        With units, not yet written; it gets two columns and a `UnitCuration`.
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
    ColumnExistsError, WriteError
        If there are labels already.

    Examples
    --------
    >>> label_session(nwbfile).predictions.labels  # doctest: +SKIP
    array(['sua', 'mua'], dtype='<U5')
    """
    units = read_nwb(show_as_storage(nwbfile), uri=f"session {nwbfile.identifier}", kind="nwb-memory", size_bytes=0)
    curation = curate(units, model=model)
    record_curation(MemoryStore(nwbfile), curation, names=column_names(columns))
    return curation
