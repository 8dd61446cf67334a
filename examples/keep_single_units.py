"""Read a labelled file with plain pynwb and keep the single units that can be relied on.

Nothing of nwb-unitrefine is needed to read what it wrote: the labels are ordinary columns of the units table. A label
that a person set has no probability (NaN), and is relied on.
Run it with: python examples/keep_single_units.py FILE.nwb [PROBABILITY]
"""

import math
import sys

from pynwb import NWBHDF5IO

path = sys.argv[1]
at_least = float(sys.argv[2]) if len(sys.argv) > 2 else 0.8

with NWBHDF5IO(path, "r") as io:
    units = io.read().units
    has_probability = "unitrefine_probability" in units.colnames
    for row in range(len(units)):
        label = units["unitrefine_label"][row]
        probability = units["unitrefine_probability"][row] if has_probability else math.nan
        if label == "sua" and not probability < at_least:
            sure = "set by a person" if math.isnan(probability) else f"p = {probability:.2f}"
            print(f"unit {units.id[row]}: {len(units['spike_times'][row])} spikes, {sure}")
