"""What every test may ask for: the folder of real files, a browser, and a Hub of models on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# Several tests run at once: threads of OpenMP would wait for each other busily, for most of the time that tests take.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A machine that is busy with other things fails no test.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real files; the test is skipped, saying so, where it is absent."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("NWB_UNITREFINE_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"real data not found: set NWB_UNITREFINE_DATA or provide {default}")
    return folder


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The secret that journals are sealed with is one of these tests, and not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Chromium without a window, for tests of pages."""
    from helpers.browser import browser

    with browser() as started:
        yield started


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Hub on loopback, and a client that knows no other."""
    from huggingface_hub import constants

    from helpers.servers.hub_server import serve

    with serve() as running:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, running.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", "hf_loopback")
        yield running
