"""Exit codes of the program."""

from __future__ import annotations

__all__ = ["EXIT_FAULT", "EXIT_INTERRUPTED", "EXIT_READER_LEFT", "EXIT_REFUSED"]

EXIT_REFUSED = 1
EXIT_FAULT = 70
EXIT_INTERRUPTED = 130
"""128 + 2: what a shell reports of a program that Ctrl-C ended."""

EXIT_READER_LEFT = 141
"""128 + 13: what a shell reports of a program that a closed pipe ended."""
