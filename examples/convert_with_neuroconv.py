"""Label units as part of a neuroconv conversion: the file is labelled from its first moment.

The sorting here is made up, so that the example runs anywhere; put the interface of your sorter in its place. This one
has no mean waveforms, and a warning is given: `nwb_unitrefine.integrations.mean_waveforms` gives yours, see
docs/how-to/neuroconv.md.
Run it with: python examples/convert_with_neuroconv.py
"""

import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from neuroconv import NWBConverter
from neuroconv.tools.testing.mock_interfaces import MockSortingInterface

from nwb_unitrefine.integrations import UnitRefineInterface
from nwb_unitrefine.read import read_units
from nwb_unitrefine.verification import verify

warnings.simplefilter("ignore", FutureWarning)  # neuroconv's own, about its next format of metadata


class Session(NWBConverter):
    """A sorting, and labels for its units: interfaces are run in this order."""

    data_interface_classes: ClassVar = {"Sorting": MockSortingInterface, "Labels": UnitRefineInterface}


path = Path("converted.nwb")
converter = Session({"Sorting": {"num_units": 6, "durations": [120.0]}, "Labels": {"model": "default"}})
metadata = converter.get_metadata()
metadata["NWBFile"]["session_start_time"] = datetime(2026, 1, 31, 12, tzinfo=UTC)
converter.run_conversion(nwbfile_path=path, metadata=metadata, overwrite=True)

columns = read_units(path).columns
for name, label in zip(columns["unit_name"].values, columns["unitrefine_label"].values, strict=True):
    print(f"unit {name}: {label}")
print("verified" if verify(path).passed else "does not verify")
