"""How long to wait for a network, and how much to take from it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Patience"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long to try again, and when to give up.

    Parameters
    ----------
    attempts : int
        Tries without a byte of progress before giving up.
    wait_s : float
        Wait before the second try; each further wait is twice as long, up to half a minute.
    timeout_s : float
        Wait for a connection, and for the next bytes.
    slowest_bytes_per_s : float
        Rate that an answer has to reach once it took longer than `timeout_s`.
    longest_s : float
        Time that a range of bytes, or a small file, may take, all tries together.
    most_bytes : int
        Bytes that are fetched of one source; they are kept in memory.
    """

    attempts: int = 5
    wait_s: float = 0.5
    timeout_s: float = 30.0
    slowest_bytes_per_s: float = 1000.0
    longest_s: float = 3600.0
    most_bytes: int = 16 << 30

    def wait(self, failures: int) -> float:
        """Seconds to wait after so many failures."""
        return float(min(30.0, self.wait_s * 2 ** (failures - 1)))
