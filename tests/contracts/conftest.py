"""The databases that every store's contract is held against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cellquery.storage import Database


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """An empty database."""
    made = Database(url)
    yield made
    made.close()
