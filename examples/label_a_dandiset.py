"""Label assets of DANDI from Python: each into a small file of its own, on this machine.

Only what the labels need is fetched: spike times, mean waveforms and electrodes, never raw data. It needs the extra
dandi. For thousands of assets, use a study (nwb-unitrefine dandiset), which can be interrupted and shared.
Run it with: python examples/label_a_dandiset.py DANDI:000409/sub-CSHL049/ [FOLDER]
"""

import sys
from pathlib import Path

from nwb_unitrefine import label_many
from nwb_unitrefine.batch.dandisets import plan_dandiset
from nwb_unitrefine.write import WriteOptions

address = sys.argv[1]  # a dandiset, one version of it (DANDI:000409@0.230223.0815), a folder or a pattern in it
folder = Path(sys.argv[2] if len(sys.argv) > 2 else "curated")

assets = list(plan_dandiset(address))  # reads their metadata, not the files
for asset in assets:
    if asset.skip:
        print(f"{asset.id}: left out. {asset.skip}")

sources = [asset.source for asset in assets if not asset.skip]
for result in label_many(sources, output=f"{folder}/", write_options=WriteOptions(units_only=True)):
    if result.error is not None:
        print(f"refused: {result.error}")
        continue
    labels = result.labels.predictions.labels.tolist()
    counts = ", ".join(f"{labels.count(label)} {label}" for label in ("sua", "mua", "noise"))
    print(f"{result.report.path}: {counts}")
