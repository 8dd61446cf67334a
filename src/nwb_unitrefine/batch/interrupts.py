"""Ctrl-C while files are labelled: a write that has begun is finished first."""

from __future__ import annotations

import signal
import sys
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

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Interrupt what is done in here as ever, and remember it: Python drops one that comes while it frees objects.

        A program that handles Ctrl-C in another way keeps its way.
        """
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, self._note_and_raise)
        report = sys.unraisablehook
        sys.unraisablehook = lambda dropped: None if dropped.exc_type is KeyboardInterrupt else report(dropped)
        try:
            yield
        finally:
            sys.unraisablehook = report
            signal.signal(signal.SIGINT, signal.default_int_handler)

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

    def _note_and_raise(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as above
        self.pending = True
        raise KeyboardInterrupt
