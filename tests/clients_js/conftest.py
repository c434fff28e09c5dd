"""The built client, once for a test process."""

from pathlib import Path

import pytest

from clients_js.package import build


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the built client."""
    return build(tmp_path_factory.mktemp("clients"))
