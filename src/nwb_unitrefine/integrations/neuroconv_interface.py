"""A neuroconv interface that labels the units which the interfaces before it added.

This module needs neuroconv, and is imported only where the interface is asked for.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import MissingExtraError
from nwb_unitrefine.integrations.session import label_session

try:
    from neuroconv import BaseDataInterface

except ImportError as error:
    raise MissingExtraError("neuroconv", extra="neuroconv", purpose="to label within a conversion") from error

if TYPE_CHECKING:
    from pynwb import NWBFile

__all__ = ["SpikeTimesOnlyWarning", "UnitRefineInterface"]


class SpikeTimesOnlyWarning(UserWarning):
    """The units of a conversion have no mean waveforms, so that labels rest on the spike times alone."""


class UnitRefineInterface(BaseDataInterface):  # type: ignore[misc]  # neuroconv is untyped at its door
    """Label the units of a conversion; place it after the sorting interface.

    The units are labelled as they will be written, so the written file verifies like one that was labelled itself; it
    may be HDF5 or Zarr, new or appended to. Without mean waveforms, labels rest on the spike times alone, and tell
    multi-units from noise badly: give the sorting interface's conversion option ``waveform_data_dict``, which
    `mean_waveforms` reads from the sorter's folder.

    Parameters
    ----------
    model : str or list of str, optional
        Whatever `load_model` takes.
    columns : str or list of str, optional
        As of `write_curation`: ``"unitrefine"``, ``"quality"``, or a name for the labels and one for the probabilities.
    verbose : bool, optional
        Not used; neuroconv gives it to every interface.

    Examples
    --------
    >>> class Session(NWBConverter):  # doctest: +SKIP
    ...     data_interface_classes = dict(Sorting=PhySortingInterface, Labels=UnitRefineInterface)
    >>> Session(dict(Sorting=dict(folder_path="phy"), Labels=dict(model="default")))  # doctest: +SKIP
    """

    display_name = "UnitRefine labels"
    keywords = ("spike sorting", "curation")
    associated_suffixes = ()
    info = "Labels the units of the session as single unit, multi-unit or noise."

    def __init__(
        self, model: str | list[str] = "default", columns: str | list[str] = "unitrefine", *, verbose: bool = False
    ) -> None:
        super().__init__(verbose=verbose, model=model, columns=columns)

    def add_to_nwbfile(self, nwbfile: NWBFile, metadata: dict[str, Any] | None = None) -> None:
        """Label the units that are in `nwbfile`.

        Parameters
        ----------
        nwbfile : NWBFile
        metadata : dict, optional
            Not used.

        Warns
        -----
        SpikeTimesOnlyWarning
            If the units have no mean waveforms.
        """
        del metadata
        curation = label_session(nwbfile, model=self.source_data["model"], columns=self.source_data["columns"])
        if curation.units.waveforms is None:
            warnings.warn(
                "The units have no mean waveforms: their labels rest on the spike times alone. Give the sorting "
                "interface the conversion option waveform_data_dict, see nwb_unitrefine.integrations.mean_waveforms.",
                SpikeTimesOnlyWarning,
                stacklevel=2,
            )
