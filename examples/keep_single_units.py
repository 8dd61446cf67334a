"""Read a labelled file with plain pynwb and keep the single units that can be relied on.

Nothing of nwb-unitrefine is needed to read what it wrote: the labels are ordinary columns of the units table.
Run it with: python examples/keep_single_units.py FILE.nwb [PROBABILITY]
"""

import sys

from pynwb import NWBHDF5IO

path = sys.argv[1]
at_least = float(sys.argv[2]) if len(sys.argv) > 2 else 0.8

with NWBHDF5IO(path, "r") as io:
    units = io.read().units
    for row in range(len(units)):
        label, probability = units["unitrefine_label"][row], units["unitrefine_probability"][row]
        if label == "sua" and probability >= at_least:
            print(f"unit {units.id[row]}: {len(units['spike_times'][row])} spikes, p = {probability:.2f}")
