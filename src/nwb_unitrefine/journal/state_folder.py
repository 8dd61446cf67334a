"""Where this program keeps what it has to remember for a user: secrets, pins of models, answers of reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["state_folder"]


def state_folder() -> Path:
    """Return the folder, which may not be there yet.

    That is ``~/.local/state/nwb-unitrefine`` on Linux, or below ``XDG_STATE_HOME``.
    """
    import platformdirs

    return platformdirs.user_state_path("nwb-unitrefine", appauthor=False)
