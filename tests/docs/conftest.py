"""What several tests of the documents need, made once."""

import asyncio
from pathlib import Path

import pytest

from clients_js.package import build
from docs.scraped import Catalog, every_metric


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """Return all metrics there are."""
    return asyncio.run(every_metric())


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the built client for JavaScript."""
    return build(tmp_path_factory.mktemp("clients"))
