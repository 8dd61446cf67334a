"""Units that were read, in the shape of a neuroconv sorting interface, for sources that neuroconv has none for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import SourceError

if TYPE_CHECKING:
    from nwb_unitrefine.records import Units

__all__ = ["UnitsSorting"]


class UnitsSorting:
    """What conversion asks of an interface: metadata, the sorting, and to add it to a session.

    Parameters
    ----------
    units : Units

    Raises
    ------
    SourceError
        If there are no spikes, or no sampling rate to count them by.
    """

    def __init__(self, units: Units) -> None:
        from spikeinterface.core import NumpySorting

        if units.sampling_rate_hz is None or not len(units.spike_times_s.values):
            raise SourceError(f"{units.source.uri} has no spike times to convert.")
        trains = {
            unit_id: np.round(train * units.sampling_rate_hz).astype(np.int64)
            for unit_id, train in zip(units.unit_ids.tolist(), units.spike_times_s, strict=True)
        }
        self.sorting_extractor = NumpySorting.from_unit_dict(trains, sampling_frequency=units.sampling_rate_hz)
        for name, column in units.columns.items():
            if isinstance(column.values, np.ndarray) and column.values.ndim == 1:
                values = column.values.astype(str) if column.values.dtype == object else column.values
                self.sorting_extractor.set_property(name, values)

    def get_metadata(self) -> Any:
        """Nothing is known of the session."""
        from neuroconv.utils import DeepDict

        return DeepDict({"NWBFile": {}, "Ecephys": {"UnitProperties": []}})

    def add_to_nwbfile(self, nwbfile: Any, *, metadata: Any, **options: Any) -> None:
        """Add the units with neuroconv's own function.

        Parameters
        ----------
        nwbfile : pynwb.NWBFile
        metadata : dict
            Whose ``Ecephys.UnitProperties`` describe the columns.
        **options
            As of ``neuroconv.tools.spikeinterface.add_sorting_to_nwbfile``.
        """
        from neuroconv.tools.spikeinterface import add_sorting_to_nwbfile

        described = {entry["name"]: entry["description"] for entry in metadata["Ecephys"]["UnitProperties"]}
        add_sorting_to_nwbfile(self.sorting_extractor, nwbfile=nwbfile, property_descriptions=described, **options)
