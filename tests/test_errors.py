"""What every message of an error keeps, and what it leaves out."""

from __future__ import annotations

import pytest

from nwb_unitrefine import errors


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name.endswith("Error")])
def test_no_error_holds_a_secret_of_an_address(name: str) -> None:
    """In Python as on the command line: neither the message nor the tip has user, password or query."""
    kind = getattr(errors, name)
    address = "https://ana:pw@lab.org/a.nwb?X-Amz-Signature=1"
    message = f"{address}: the server does not answer."
    error = kind.__new__(kind)
    errors.UnitRefineError.__init__(error, message, tip=f"Open {address} in a browser.")
    assert error.message == "https://lab.org/a.nwb: the server does not answer."
    assert error.tip == "Open https://lab.org/a.nwb in a browser."
    assert "pw" not in f"{error!s} {error!r} {error.args}"
