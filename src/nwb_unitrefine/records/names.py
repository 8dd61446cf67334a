"""What a source or model may be called: in a file that is published, and on a screen."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import urlsplit, urlunsplit

from nwb_unitrefine.errors import shown_name, without_secrets

__all__ = ["IN_A_ROW", "asset_id", "private_parts", "recorded_name", "shown_name", "without_secrets"]

IN_A_ROW = " + "
"""Between the names, sources and revisions of two models in a row."""

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_HUB = re.compile(r"hf://", re.IGNORECASE)
_ASSET = re.compile(r"/assets/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/|$)", re.IGNORECASE)
_DANDI = re.compile(r"(?:[A-Z]+-)?DANDI(?:-[A-Z-]+)?:\d{6}(?:@[\w.]+)?/", re.IGNORECASE)
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(?:@[\w./-]+)?")

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)
_WORD = r"[\w.+@%~-]+"
_FOLDER = rf"{_WORD}(?: {_WORD})*"
_IN_NWB = "general|units|acquisition|processing|analysis|scratch|stimulus|intervals|specifications"
_PRIVATE = re.compile(
    rf"(?<![\w.:/\\-])(?:~|(?!/(?:{_IN_NWB})\b)/{_FOLDER})(?:/{_FOLDER})*/{_WORD}"  # /home/ana/a.nwb, ~/a.nwb
    r"|(?<!\w)[a-z]:[\\/][^\s'\"<>|]+"  # C:\Users\ana\a.nwb
    r"|\\\\[\w.-]+\\[^\s'\"<>|]+"  # \\server\share\a.nwb
    r"|X-Amz-[\w-]+=[^\s&'\"]*"
    r"|(?<![\w-])(?:sig|token|signature|AWSAccessKeyId|access_token|api_key|password)=[^\s&'\"]+",
    re.IGNORECASE,
)


def recorded_name(source: str) -> str:
    r"""Return what a file may record of where something came from: a public identifier, or else its name alone.

    No folder, host, user, password or query: a file is published, and these are the affair of who made it.

    Parameters
    ----------
    source : str
        Path, address, identifier or name.

    Examples
    --------
    >>> recorded_name("/home/ana/sessions/sub-1.nwb"), recorded_name(r"C:\data\sub-1.nwb")
    ('sub-1.nwb', 'sub-1.nwb')
    >>> recorded_name("https://ana:pw@lab.org/a/sub-1.nwb?X-Amz-Signature=1")
    'sub-1.nwb'
    >>> recorded_name("DANDI:000123/sub-1/sub-1.nwb"), recorded_name("hf://lab/model")
    ('DANDI:000123/sub-1/sub-1.nwb', 'hf://lab/model')
    """
    if _URL.match(source):
        parts = urlsplit(source)
        if _HUB.match(source):
            return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        if asset := _ASSET.search(parts.path):
            return asset[1]
        return PurePosixPath(parts.path).name
    if _DANDI.match(source):
        return source
    name = PureWindowsPath(source).name if "\\" in source or re.match(r"[A-Za-z]:", source) else source
    return PurePosixPath(name).name


def asset_id(address: str) -> str:
    """Return the id of a DANDI asset that an address holds; empty where it holds none.

    Examples
    --------
    >>> asset_id("dandi://dandi/assets/00000000-1111-2222-3333-444444444444"), asset_id("/home/ana/a.nwb")
    ('00000000-1111-2222-3333-444444444444', '')
    """
    found = _ASSET.search(urlsplit(address).path if _URL.match(address) else f"/assets/{address}")
    return found[1] if found else ""


def private_parts(text: str) -> tuple[str, ...]:
    """Find what a text holds that should not be in a published file: paths, addresses with secrets, tokens.

    Parameters
    ----------
    text : str

    Returns
    -------
    tuple of str
        In the order in which they stand; what is within another is not listed on its own.

    Examples
    --------
    >>> private_parts("loaded from /home/ana/models/best, see https://lab.org/?token=1")
    ('/home/ana/models/best', 'https://lab.org/?token=1')
    >>> private_parts("spikes/s, sua/mua; see https://doi.org/10.1177/0013 and hf://lab/model")
    ()
    """
    found: dict[int, str] = {}
    for address in _ADDRESS.finditer(text):
        if address[0] != shown_name(address[0]):
            found[address.start()] = address[0]
    rest = _ADDRESS.sub(lambda address: " " * len(address[0]), text)
    found |= {match.start(): match[0] for match in _PRIVATE.finditer(rest)}
    return tuple(found[start] for start in sorted(found))
