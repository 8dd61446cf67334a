"""A Hub for tests of models."""

from __future__ import annotations

import pytest

from helpers.servers.hub_server import serve


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub, and a client that knows no other."""
    from huggingface_hub import constants

    with serve() as running:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, running.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", "hf_loopback")
        yield running
