"""Label an NWB file from Python, write the labels into it, and check the file against its record.

Run it with: python examples/label_a_file.py [FILE.nwb]
Without a file, it makes a simulated session in the current folder.
"""

import sys
from pathlib import Path

from nwb_unitrefine import curate, write_curation
from nwb_unitrefine.demo import simulate_session
from nwb_unitrefine.verification import verify

if len(sys.argv) > 1:
    path = Path(sys.argv[1])
else:
    path = Path("example_session.nwb")
    path.unlink(missing_ok=True)
    simulate_session(path)

curation = curate(path)  # reads and predicts; writes nothing
print(curation.predictions.to_frame().head(10).to_string())
for what, decided in curation.features.notes.items():
    print(f"{what}: {decided}")

report = write_curation(curation)
print(f"{report.n_units} units labelled in {report.path}: {report.bytes_written} bytes written, as {report.run}")
print("verified" if verify(path).passed else "the file differs from its record")
