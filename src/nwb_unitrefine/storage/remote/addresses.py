"""From what a user types to an address that can be read: https, s3, DANDI."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from nwb_unitrefine.errors import MissingExtraError, SourceError, SourceNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Address", "dandi_client", "is_address", "resolve_address"]

_DANDI = re.compile(
    r"(?P<instance>DANDI(?:-[A-Z]+)?):(?P<dandiset>\d{6})(?:@(?P<version>[\w.]+))?/(?P<path>.+)", re.IGNORECASE
)
_ASSET_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ON_INSTANCE = re.compile(rf"dandi://(?P<instance>[\w.-]+)/assets/(?P<asset>{_ASSET_ID.pattern})", re.IGNORECASE)
_ZARR = re.compile(rf"(?:\.zarr|/zarr/{_ASSET_ID.pattern})/*$", re.IGNORECASE)
"""What the root of a Zarr store is called: by its suffix, or as in DANDI's own bucket."""

_WEB = re.compile(r"https?://", re.IGNORECASE)
_S3 = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a remote file is.

    Parameters
    ----------
    url : str
        http or https.
    headers : mapping of str to str
        To send with every request.
    is_zarr : bool
        Whether it is the root of a Zarr store; else it is one file.
    size_bytes : int
        0 where it is not known beforehand.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    is_zarr: bool = False
    size_bytes: int = 0


def is_address(source: str) -> bool:
    """Whether a text is an address rather than a path.

    Examples
    --------
    >>> [is_address(s) for s in ("DANDI:000001/sub-1/sub-1.nwb", "s3://bucket/a.nwb", "data/a.nwb")]
    [True, True, False]
    """
    return any(pattern.match(source) for pattern in (_WEB, _S3)) or any(
        pattern.fullmatch(source) for pattern in (_DANDI, _ASSET_ID, _ON_INSTANCE)
    )


def resolve_address(source: str) -> Address:
    """Find out where a remote source can be read.

    Parameters
    ----------
    source : str
        ``https://…``, ``s3://bucket/key``, ``DANDI:000123/path`` (``DANDI:000123@0.230223.0815/path`` for a published
        version, ``DANDI-SANDBOX:…`` for the sandbox), the id of a DANDI asset, or ``dandi://INSTANCE/assets/ID``. The
        environment variable ``DANDI_INSTANCE`` names the instance that ``DANDI:`` and plain asset ids mean.

    Raises
    ------
    MissingExtraError
        If it is on DANDI and its client is not installed.
    SourceError
        If it is not there, or not to be read without logging in.
    """
    if _WEB.match(source):
        return Address(url=source.rstrip("/"), is_zarr=_ZARR.search(urlsplit(source).path) is not None)
    if s3 := _S3.fullmatch(source):
        return Address(url=_s3_url(s3["bucket"], s3["key"].rstrip("/")), is_zarr=_ZARR.search(source) is not None)
    return _dandi_address(source)


def _s3_url(bucket: str, key: str) -> str:
    """Public web address of an S3 object; `AWS_ENDPOINT_URL` names another S3 server than Amazon's."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        return f"{endpoint.rstrip('/')}/{bucket}/{quote(key)}"
    if "." in bucket:  # a dot breaks the certificate of the address by host
        return f"https://s3.amazonaws.com/{bucket}/{quote(key)}"
    return f"https://{bucket}.s3.amazonaws.com/{quote(key)}"


def dandi_client(instance: str) -> Any:
    """Return DANDI's own client for an instance, with the key in ``DANDI_API_KEY`` if there is one.

    Parameters
    ----------
    instance : str
        One that the client knows by name: the key goes nowhere else.

    Raises
    ------
    SourceError
        If the client does not know it.
    """
    from dandi.consts import known_instances
    from dandi.dandiapi import DandiAPIClient

    if instance not in known_instances:
        raise SourceError(
            f"{instance} is not an instance of DANDI that its client knows.",
            tip=f"It knows {', '.join(known_instances)}.",
        )
    return DandiAPIClient.for_dandi_instance(instance, token=os.environ.get("DANDI_API_KEY") or None)


def _dandi_address(source: str) -> Address:
    """Ask DANDI where an asset is, with the user's key if there is one."""
    try:
        import requests
        from dandi.exceptions import NotFoundError
    except ImportError as error:
        raise MissingExtraError("dandi", extra="dandi", purpose="to read from DANDI") from error
    found = _DANDI.fullmatch(source)
    on_instance = _ON_INSTANCE.fullmatch(source)
    instance = found["instance"].lower() if found else "dandi"
    if on_instance:
        instance = on_instance["instance"]
    elif instance == "dandi":
        instance = os.environ.get("DANDI_INSTANCE", "dandi")
    try:
        with dandi_client(instance) as client:
            if found:
                dandiset = client.get_dandiset(found["dandiset"], found["version"] or "draft")
                asset = dandiset.get_asset_by_path(found["path"])
            else:
                asset = client.get_asset(on_instance["asset"] if on_instance else source)
            token = client.session.headers.get("Authorization")
            is_zarr = asset.asset_type.name == "ZARR"
            if is_zarr:
                url = asset.get_content_url(regex=r"/zarr/", strip_query=True).rstrip("/")
                return Address(url=url, is_zarr=True, size_bytes=asset.size)
            headers = {"Authorization": token} if isinstance(token, str) else {}
            return Address(url=asset.base_download_url, headers=headers, size_bytes=asset.size)
    except NotFoundError as error:
        raise SourceNotFoundError(
            f"{source} is not there.", tip="Look for a typing error, or a path that changed."
        ) from error
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else None
        tip = "Log in: set the environment variable DANDI_API_KEY." if status in {401, 403} else ""
        raise SourceError(f"DANDI refuses {source} (status {status}).", tip=tip) from error
    except (requests.RequestException, OSError) as error:
        raise SourceError(f"DANDI cannot be reached for {source}.", tip="Try again later.") from error
