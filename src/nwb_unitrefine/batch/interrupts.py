"""Ctrl-C while files are labelled: a write that has begun is finished first."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["Interrupts"]


class Interrupts:
    """Remembers a Ctrl-C that comes while it must not be acted on.

    Examples
    --------
    >>> interrupts = Interrupts()
    >>> with interrupts.held():
    ...     pass  # write
    >>> interrupts.pending
    False
    """

    def __init__(self) -> None:
        self.pending = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Do not interrupt what is done in here; only the main thread is ever interrupted."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def raise_if_pending(self) -> None:
        """Act on it now.

        Raises
        ------
        KeyboardInterrupt
            If it came.
        """
        if self.pending:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        self.pending = True
