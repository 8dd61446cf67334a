"""What every test may ask for: the folder of real files, and small files made on the spot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real files; the test is skipped, saying so, where it is absent."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("NWB_UNITREFINE_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"real data not found: set NWB_UNITREFINE_DATA or provide {default}")
    return folder
