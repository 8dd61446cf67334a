"""Write, interrupt and recover as on a system without POSIX calls; run by `test_system_calls`, in a process of its own.

Takes the calls away that Windows lacks, before anything is imported: `fcntl` cannot be imported, there is no reading
and writing at an offset, no opening by a folder's descriptor, no flag against links, no mode by descriptor and no id of
a user.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from pathlib import Path

sys.modules["fcntl"] = None  # type: ignore[assignment]
for missing in ("pread", "pwrite", "preadv", "pwritev", "fchmod", "geteuid", "posix_fallocate", "sync"):
    delattr(os, missing)
for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY", "O_CLOEXEC"):
    delattr(os, flag)
os.supports_dir_fd = set()

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
warnings.simplefilter("ignore")

import fault_campaign  # noqa: E402 - what is missing has to be missing first
import pytest  # noqa: E402 - as above

from nwb_unitrefine.errors import WriteError  # noqa: E402 - as above
from nwb_unitrefine.journal import Edit, RecoveryOutcome, journal_path, recover  # noqa: E402 - as above
from nwb_unitrefine.journal.record import Journal  # noqa: E402 - as above
from nwb_unitrefine.journal.secret import secret_for_writing  # noqa: E402 - as above
from nwb_unitrefine.journal.system_calls import HAS_FOLDER_DESCRIPTORS  # noqa: E402 - as above
from nwb_unitrefine.write import read_history, undo, write_curation  # noqa: E402 - as above


def main() -> None:
    """Label a file and a store, take it back, recover an interrupted write, and refuse a link."""
    assert not HAS_FOLDER_DESCRIPTORS
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        for name in ("session.nwb", "session.nwb.zarr"):
            target = Path(folder) / name
            trains = fault_campaign.make_session(target)
            write_curation(fault_campaign.make_curation(target, trains, seed=0))
            assert len(read_history(target)) == 1
            undo(target)
            assert not journal_path(target).exists()
        store = Path(folder) / "session.nwb.zarr"
        edit = Edit(".zattrs", 0, (store / ".zattrs").read_bytes(), b"{}")
        journal_path(store).write_bytes(Journal(store.name, -1, -1, (edit,)).sealed(secret_for_writing()))
        assert recover(store, undo=True).outcome is RecoveryOutcome.UNDONE
        (store / "units").rename(Path(folder) / "elsewhere")
        (store / "units").symlink_to(Path(folder) / "elsewhere")
        with pytest.raises(WriteError, match="link"):
            write_curation(fault_campaign.make_curation(store, trains, seed=1))
    sys.stdout.write("done\n")


main()
