"""Models on the Hugging Face Hub: fetching one, and sharing one."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import ModelError, first_line
from nwb_unitrefine.models.cascade_folder import CASCADE_FILES, is_cascade_folder, read_cascade
from nwb_unitrefine.models.folder import APPRAISAL, CARD, INFO, LABELS, MANIFEST, STEPS, TRAINING_DATA, read_folder
from nwb_unitrefine.models.skops.estimator import load_estimator
from nwb_unitrefine.records import ModelIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["HubAddress", "fetch", "parse_address", "push_model"]

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_ADDRESS = re.compile(
    rf"(?P<scheme>hf://)?(?P<repo>{_NAME}/{_NAME})(?:@(?P<revision>[A-Za-z0-9._/-]+?))?(?:/(?P<file>[^/@]+\.skops))?"
)
_LOGIN = "Log in with `hf auth login`, or set HF_TOKEN, if it is private."


@dataclass(frozen=True, slots=True)
class HubAddress:
    """Where on the Hub a model is.

    Parameters
    ----------
    repo_id : str
        ``"owner/repo"``.
    revision : str or None
        Branch, tag or commit; None for the newest.
    file : str or None
        Name of the ``.skops`` file, where the repository has several.
    """

    repo_id: str
    revision: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        file = f"/{self.file}" if self.file else ""
        return f"hf://{self.repo_id}{revision}{file}"


def parse_address(source: str) -> HubAddress | None:
    """Read ``hf://owner/repo[@revision][/file.skops]``; ``hf://`` may be left out where there is a revision.

    Examples
    --------
    >>> parse_address("hf://lab/model@v2")
    HubAddress(repo_id='lab/model', revision='v2', file=None)
    >>> parse_address("models/mine") is None
    True
    """
    found = _ADDRESS.fullmatch(source)
    if found is None or not (found["scheme"] or found["revision"]):
        return None
    return HubAddress(found["repo"], found["revision"], found["file"])


def fetch(address: HubAddress, *, include_data: bool = False) -> tuple[Path, str]:
    """Bring a model to this machine, or find it there when the Hub cannot be reached.

    Only the files of a model are fetched, into the Hub client's own cache (``HF_HOME``); with ``HF_HUB_OFFLINE=1``
    the Hub is not asked.

    Parameters
    ----------
    address : HubAddress
    include_data : bool, optional
        Whether to fetch the training table, too, where the repository has it.

    Returns
    -------
    folder : Path
    commit : str
        The commit that the folder holds.

    Raises
    ------
    ModelError
        If there is no such repository or revision, or it cannot be reached and is not in the cache.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        with _quietly():
            folder = snapshot_download(
                address.repo_id,
                revision=address.revision,
                allow_patterns=[
                    *(address.file or "*.skops", INFO, MANIFEST, APPRAISAL, CARD, *CASCADE_FILES),
                    *((TRAINING_DATA, LABELS) if include_data else ()),
                ],
            )
    except RepositoryNotFoundError as error:
        raise ModelError(f"There is no repository {address.repo_id} on the Hub.", tip=_LOGIN) from error
    except RevisionNotFoundError as error:
        raise ModelError(f"{address.repo_id} has no revision {address.revision!r}.") from error
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"The Hub cannot be reached, and {address} is not in its cache on this machine.",
            tip="Load it once with a connection; after that it works without one.",
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{address} cannot be fetched: {first_line(error)}.") from error
    return Path(folder), Path(folder).name


def push_model(
    path: Path | str,
    repo_id: str,
    *,
    message: str = "",
    private: bool = False,
    include_data: bool = False,
    allow_types: Sequence[str] = (),
) -> ModelIdentity:
    """Share a model folder on the Hugging Face Hub.

    The folder is loaded first, so that nothing is shared that others could not load. Its card, written from the
    manifest, states what was measured and on which data.

    Parameters
    ----------
    path : Path or str
        A model folder with a manifest.
    repo_id : str
        ``"owner/repo"``; made if it is not there.
    message : str, optional
        Of the commit.
    private : bool
        Whether a repository that is made here is private.
    include_data : bool
        Whether ``training_data.csv`` and ``labels.csv`` are shared too. By default not: they may not be yours to share.
    allow_types : sequence of str
        As of `load_model`.

    Returns
    -------
    ModelIdentity
        Under which everyone can load it: ``hf://repo_id``, and the commit.

    Raises
    ------
    ModelError
        If the folder is not a complete model, or the Hub does not take it.
    """
    if is_cascade_folder(Path(path)):
        return _push_cascade(
            Path(path), repo_id, message=message, private=private, include_data=include_data, allow_types=allow_types
        )
    folder = read_folder(Path(path))
    if folder.manifest is None or not (folder.path / CARD).is_file():
        absent = MANIFEST if folder.manifest is None else CARD
        raise ModelError(
            f"{folder.path} has no {absent}, so what it was made of is not known.",
            tip="Share folders that this package wrote.",
        )
    load_estimator(folder.skops, allow_types=allow_types)
    files = [folder.skops.name, INFO, MANIFEST, APPRAISAL, CARD, *((TRAINING_DATA, LABELS) if include_data else ())]
    message = message or f"Add {folder.manifest.name} {folder.manifest.version}"
    commit = _upload(folder.path, repo_id, files, message=message, private=private)
    return ModelIdentity(
        name=folder.manifest.name,
        source=str(HubAddress(repo_id)),
        revision=commit,
        digest=folder.digest,
        licence=folder.licence,
    )


def _push_cascade(
    path: Path, repo_id: str, *, message: str, private: bool, include_data: bool, allow_types: Sequence[str]
) -> ModelIdentity:
    """Share two models in a row, each loaded before."""
    folder = read_cascade(path)
    for step in STEPS:
        load_estimator(read_folder(path / step).skops, allow_types=allow_types)
    files = [*CASCADE_FILES, *((TRAINING_DATA, LABELS) if include_data else ())]
    message = message or f"Add {folder.manifest.name} {folder.manifest.version}"
    return ModelIdentity(
        name=folder.manifest.name,
        source=str(HubAddress(repo_id)),
        revision=_upload(path, repo_id, files, message=message, private=private),
        digest=folder.digest,
        licence=folder.licence,
    )


def _upload(folder: Path, repo_id: str, files: Sequence[str], *, message: str, private: bool) -> str:
    """Commit files of a folder, and return the commit."""
    from huggingface_hub import HfApi

    try:
        with _quietly():
            api = HfApi()
            api.create_repo(repo_id, private=private, exist_ok=True)
            commit = api.upload_folder(
                repo_id=repo_id, folder_path=folder, allow_patterns=list(files), commit_message=message
            )
    except Exception as error:
        # The client passes on the errors of its HTTP library, which was another one in each of its major releases.
        raise ModelError(f"The Hub did not take {repo_id}: {first_line(error)}.", tip=_LOGIN) from error
    return str(commit.oid)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the client's progress bars out of a program's output; a model is a few megabytes."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
