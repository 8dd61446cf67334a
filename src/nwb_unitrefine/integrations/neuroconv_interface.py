"""A neuroconv interface that labels the units which the interfaces before it added.

This module needs neuroconv, and is imported only where the interface is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neuroconv import BaseDataInterface

from nwb_unitrefine.integrations.session import label_session

if TYPE_CHECKING:
    from pynwb import NWBFile

__all__ = ["UnitRefineInterface"]


class UnitRefineInterface(BaseDataInterface):  # type: ignore[misc]  # neuroconv is untyped at its door
    """Label the units of a conversion; place it after the sorting interface.

    Parameters
    ----------
    model : str, optional
        Whatever `load_model` takes.
    columns : str, optional
        ``"unitrefine"`` or ``"quality"``: the pair of columns that is written.
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

    def __init__(self, model: str = "default", columns: str = "unitrefine", *, verbose: bool = False) -> None:
        super().__init__(verbose=verbose, model=model, columns=columns)

    def add_to_nwbfile(self, nwbfile: NWBFile, metadata: dict[str, Any] | None = None) -> None:
        """Label the units that are in `nwbfile`.

        Parameters
        ----------
        nwbfile : NWBFile
        metadata : dict, optional
            Not used.
        """
        del metadata
        label_session(nwbfile, model=self.source_data["model"], columns=self.source_data["columns"])
