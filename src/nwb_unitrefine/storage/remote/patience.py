"""How long to wait for a network, and how much to take from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["Patience", "asked_wait_s"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long to try again, and when to give up.

    Parameters
    ----------
    attempts : int
        Tries without a byte of progress before giving up.
    wait_s : float
        Wait before the second try; each further wait is twice as long, up to half a minute.
    longest_wait_s : float
        Longest wait before a try that a server can ask for (``Retry-After``).
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
    longest_wait_s: float = 120.0
    timeout_s: float = 30.0
    slowest_bytes_per_s: float = 1000.0
    longest_s: float = 3600.0
    most_bytes: int = 16 << 30

    def wait(self, failures: int, asked_s: float = 0.0) -> float:
        """Seconds to wait after so many failures; as long as the server asked for, where that is longer.

        Examples
        --------
        >>> Patience().wait(1), Patience().wait(3), Patience().wait(1, asked_s=20.0), Patience().wait(1, asked_s=9e9)
        (0.5, 2.0, 20.0, 120.0)
        """
        own_s = min(30.0, self.wait_s * 2 ** (failures - 1))
        return float(max(own_s, min(asked_s, self.longest_wait_s)))


def asked_wait_s(retry_after: str) -> float:
    """Seconds that a server asks to wait with the header ``Retry-After``: a number or a date (RFC 9110, 10.2.3).

    Anything else, and a date that has passed, is no wait.

    Examples
    --------
    >>> [asked_wait_s(value) for value in ("7", "-1", "soon", "", "Thu, 01 Jan 1970 00:00:00 GMT")]
    [7.0, 0.0, 0.0, 0.0, 0.0]
    """
    value = retry_after.strip()
    if value.isascii() and value.isdigit():
        return float(value[:10])
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return 0.0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
