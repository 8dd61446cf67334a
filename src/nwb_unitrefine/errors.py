"""Every error this package raises on purpose.

::

    UnitRefineError
    ├── SourceError            a source cannot be read
    │   ├── SourceNotFoundError   there is nothing at that path or address; a FileNotFoundError, too
    │   ├── NoUnitsError       it can, and has no units
    │   └── SpikeTimesUnitError   its spike times are in another unit than seconds
    ├── FeatureError           a feature is unknown, or needed and not there
    ├── ModelError             a model folder is broken or cannot be used
    │   └── UntrustedModelError   it holds types that are not allowed
    ├── TrainingError          labels or features do not allow a model to be trained or scored
    ├── WriteError             a file cannot be written; it is as it was
    │   ├── ColumnExistsError  a column that is not ours is in the way
    │   ├── FileBusyError      another program has the file open
    │   ├── FileChangedError   the file is no longer the one that was read
    │   └── JournalError       a journal beside the file cannot be applied
    ├── SchedulerError         a cluster's scheduler is gone or cannot run a task
    └── MissingExtraError      an optional dependency is not installed
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from urllib.parse import urlsplit, urlunsplit

__all__ = [
    "ColumnExistsError",
    "FeatureError",
    "FileBusyError",
    "FileChangedError",
    "JournalError",
    "MissingExtraError",
    "ModelError",
    "NoUnitsError",
    "SchedulerError",
    "SourceError",
    "SourceNotFoundError",
    "SpikeTimesUnitError",
    "TrainingError",
    "UnitRefineError",
    "UntrustedModelError",
    "WriteError",
    "first_line",
    "require_installed",
    "shown_name",
    "without_secrets",
]

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)
_PUNCTUATION = ".,:;)"


def first_line(error: BaseException) -> str:
    """Return the first line of another library's error, without its full stop; its type where it has no text.

    Examples
    --------
    >>> first_line(ValueError("No such column.")), first_line(KeyboardInterrupt())
    ('No such column', 'KeyboardInterrupt')
    """
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def shown_name(source: str) -> str:
    """Return a source as messages show it: an address without user, password, query and fragment; a path as it is.

    Examples
    --------
    >>> shown_name("https://ana:pw@lab.org/a/sub-1.nwb?X-Amz-Signature=1")
    'https://lab.org/a/sub-1.nwb'
    """
    if not _URL.match(source):
        return source
    try:
        parts = urlsplit(source)
    except ValueError:  # it is not an address after all
        return source.partition("?")[0].rpartition("@")[2]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def without_secrets(text: str) -> str:
    """Return a message with every address in it as `shown_name` shows it.

    Examples
    --------
    >>> without_secrets("https://lab.org/a.nwb?token=1: the server cannot be read (https://ana:pw@lab.org/).")
    'https://lab.org/a.nwb: the server cannot be read (https://lab.org/).'
    """

    def shown(found: re.Match[str]) -> str:
        address = found[0].rstrip(_PUNCTUATION)
        return shown_name(address) + found[0][len(address) :]

    return _ADDRESS.sub(shown, text)


class UnitRefineError(Exception):
    """Root of the tree: what went wrong, where, and what to do.

    Parameters
    ----------
    message : str
        One line: what is wrong, and where (file, unit, feature).
    tip : str, optional
        One line: what the user can do about it.

    Notes
    -----
    Addresses in both lose user, password and query, so that no log holds a secret.
    """

    def __init__(self, message: str, *, tip: str = "") -> None:
        message, tip = without_secrets(message), without_secrets(tip)
        super().__init__(message)
        self.message = message
        self.tip = tip

    def __str__(self) -> str:
        return f"{self.message} {self.tip}".rstrip()


class SourceError(UnitRefineError):
    """A source of units cannot be read."""


class SourceNotFoundError(SourceError, FileNotFoundError):
    """There is nothing at a path or address."""


class NoUnitsError(SourceError):
    """A source can be read and has no units to label."""


class SpikeTimesUnitError(SourceError):
    """The spike times of a source are not in seconds, and nobody states what they are in."""


class FeatureError(UnitRefineError):
    """A feature is unknown, or a model needs one that is not there.

    Parameters
    ----------
    message, tip : str
        As of `UnitRefineError`.
    missing : tuple of str, optional
        Names of the features that are the problem.
    """

    def __init__(self, message: str, *, tip: str = "", missing: tuple[str, ...] = ()) -> None:
        super().__init__(message, tip=tip)
        self.missing = missing


class ModelError(UnitRefineError):
    """A model folder is broken, incomplete or cannot be used here."""


class UntrustedModelError(ModelError):
    """A model file holds types that are not on the allow-list; none was constructed.

    Parameters
    ----------
    message, tip : str
        As of `UnitRefineError`.
    types : tuple of str
        The offending types, as the file names them.
    """

    def __init__(self, message: str, *, tip: str = "", types: tuple[str, ...] = ()) -> None:
        super().__init__(message, tip=tip)
        self.types = types


class TrainingError(UnitRefineError):
    """Labels or features do not allow a model to be trained or scored."""


class WriteError(UnitRefineError):
    """A file cannot be written. It is as it was before."""


class ColumnExistsError(WriteError):
    """A column of the file that another program wrote is in the way.

    Parameters
    ----------
    message, tip : str
        As of `UnitRefineError`.
    columns : tuple of str
        Names of those columns.
    """

    def __init__(self, message: str, *, tip: str = "", columns: tuple[str, ...] = ()) -> None:
        super().__init__(message, tip=tip)
        self.columns = columns


class FileBusyError(WriteError):
    """Another program has the file open."""


class FileChangedError(WriteError):
    """The file is no longer the one that was read."""


class JournalError(WriteError):
    """A journal beside the file is damaged or belongs to another file."""


class SchedulerError(UnitRefineError):
    """The scheduler of a cluster cannot be reached, went away, or cannot run a task."""


class MissingExtraError(UnitRefineError):
    """An optional dependency is not installed.

    Parameters
    ----------
    package : str
        The package that is needed.
    extra : str
        The extra of this package that installs it.
    purpose : str
        What it is needed for, as in "to read Zarr files".
    """

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{package} is needed {purpose} and is not installed.",
            tip=f"Install it with: pip install 'nwb-unitrefine[{extra}]'",
        )
        self.package = package
        self.extra = extra


def require_installed(package: str, *, extra: str, purpose: str) -> None:
    """Refuse to go on without an optional package, which is not imported to find out.

    Parameters
    ----------
    package, extra, purpose : str
        As of `MissingExtraError`.

    Raises
    ------
    MissingExtraError
    """
    if find_spec(package) is None:
        raise MissingExtraError(package, extra=extra, purpose=purpose)
