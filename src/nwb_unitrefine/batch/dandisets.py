"""Assets of a dandiset as entries of a plan: listed once, with what their metadata states, and no byte of them read."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.batch.plan import Entry, output_path
from nwb_unitrefine.errors import MissingExtraError, SourceError, SourceNotFoundError
from nwb_unitrefine.storage.remote.addresses import dandi_client

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["is_dandiset", "plan_dandiset"]

_DANDISET = re.compile(
    r"(?P<instance>(?:[A-Z]+-)?DANDI(?:-[A-Z-]+)?):(?P<dandiset>\d{6})(?:@(?P<version>[\w.]+))?(?:/(?P<path>.*))?",
    re.IGNORECASE,
)
_NWB = (".nwb", ".nwb.zarr", ".zarr")


def is_dandiset(source: str) -> bool:
    """Whether a text names a dandiset, or assets of one.

    Examples
    --------
    >>> [is_dandiset(text) for text in ("DANDI:000123", "DANDI-SANDBOX:000123@draft/sub-1/*.nwb", "dandi_files")]
    [True, True, False]
    """
    return _DANDISET.fullmatch(source) is not None


def plan_dandiset(source: str, *, instance: str = "") -> Iterator[Entry]:
    """Yield an entry for each asset of a dandiset that may hold units, and for those that do not the reason.

    Parameters
    ----------
    source : str
        ``DANDI:000123``, ``DANDI:000123@0.230223.0815``, or with a path, a folder or a pattern of paths behind it
        (``DANDI:000123/sub-1/*.nwb``). Without a version, the draft is meant.
    instance : str, optional
        Name of the DANDI instance; by default, as `source` or the environment variable ``DANDI_INSTANCE`` names it.

    Raises
    ------
    MissingExtraError
        If DANDI's client is not installed.
    SourceNotFoundError
        If there is no such dandiset or version, or no asset at that path.
    SourceError
        If DANDI refuses it or cannot be reached.
    """
    try:
        import requests
        from dandi.exceptions import NotFoundError
    except ImportError as error:
        raise MissingExtraError("dandi", extra="dandi", purpose="to list a dandiset") from error
    found = _DANDISET.fullmatch(source)
    if found is None:
        raise SourceError(f"{source} is not a dandiset.", tip="A dandiset is named as DANDI:000123.")
    named = found["instance"].lower()
    instance = instance or (named if named != "dandi" else os.environ.get("DANDI_INSTANCE", "dandi"))
    try:
        with dandi_client(instance) as client:
            dandiset = client.get_dandiset(found["dandiset"], found["version"] or "draft", lazy=False)
            place = f"{instance.upper()}:{dandiset.identifier}@{dandiset.version_id}"
            params: dict[str, Any] = {"metadata": True, "order": "path", **_selected(found["path"] or "")}
            n_found = 0
            for data in client.paginate(f"{dandiset.version_api_path}assets/", params=params):
                metadata = data.get("metadata") or client.get(f"/assets/{data['asset_id']}/")
                n_found += 1
                yield _entry(data, metadata, place=place, instance=instance)
    except NotFoundError as error:
        raise SourceNotFoundError(f"{source} does not exist on {instance}.") from error
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else None
        if status == 404:
            raise SourceNotFoundError(f"{source} does not exist on {instance}.") from error
        tip = "Log in: set the environment variable DANDI_API_KEY." if status in {401, 403} else ""
        raise SourceError(f"DANDI refuses {source} (status {status}).", tip=tip) from error
    except (requests.RequestException, OSError, ValueError) as error:
        raise SourceError(f"DANDI cannot be reached for {source}: {error}.", tip="Try again later.") from error
    if not n_found:
        raise SourceNotFoundError(f"{source} has no assets.", tip="Check the path or pattern.")


def _selected(path: str) -> dict[str, str]:
    """What selects assets on the server: a pattern, or the beginning of their paths."""
    if not path:
        return {}
    return {"glob": path} if set(path) & set("*?[") else {"path": path}


def _entry(data: Mapping[str, Any], metadata: Mapping[str, Any], *, place: str, instance: str) -> Entry:
    """The entry of one asset."""
    path, digests = str(data["path"]), dict(metadata.get("digest") or {})
    blob, store = data.get("blob"), data.get("zarr")
    etag = digests.get("dandi:dandi-etag") or digests.get("dandi:dandi-zarr-checksum") or ""
    sha256 = digests.get("dandi:sha2-256", "")
    kind = "dandi-etag" if blob else "dandi-zarr-checksum"
    stated = f"sha256:{sha256}" if sha256 else (f"{kind}:{etag}" if etag else "")
    return Entry(
        id=f"{place}/{path}",
        source=f"dandi://{instance}/assets/{data['asset_id']}",
        content=f"blob:{blob}" if blob else f"zarr:{store}:{etag}",
        digest=stated,
        size_bytes=int(data.get("size") or 0),
        output=output_path(path),
        skip=_why_skipped(path, metadata),
    )


def _why_skipped(path: str, metadata: Mapping[str, Any]) -> str:
    """Why an asset cannot hold units, as far as its metadata states; empty where it may hold some."""
    if not path.endswith(_NWB) or path.endswith(".ome.zarr"):
        return "It is not an NWB file."
    measured = metadata.get("variableMeasured")
    if not measured:
        return ""
    names = {str(one.get("value", "")) if isinstance(one, dict) else str(one) for one in measured}
    return "" if "Units" in names else "Its metadata lists no units (variableMeasured)."
