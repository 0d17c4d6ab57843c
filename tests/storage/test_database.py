"""Opening a database: addresses that cannot be used, and databases of past versions."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from cellquery.core import ProjectError
from cellquery.storage import Accounts, Annotations, Database

PAST = Path(__file__).parent / "past"


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("nonsense", "its address is no URL"),
        ("sqlite://labels.sqlite", "is no address of a file"),
        ("postgresql://nobody:secret@host:port/labels", "the port in its address is no number"),
        ("postgresql://nobody:s@secret:secret@host/labels", "the port in its address is no number"),
        ("mysql://host/name", "is no database that can be used"),
        ("sqlite:////absent/folder/labels.sqlite", "cannot be opened"),
        ("postgresql://nobody:secret@127.0.0.1:1/none", "cannot be opened"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_line_without_the_password(
    url: str, fault: str
) -> None:
    with pytest.raises(ProjectError, match=fault) as caught:
        Database(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "labels.sqlite"
    file.write_text("not a database " * 100)
    with pytest.raises(ProjectError, match="cannot be opened"):
        Database.in_file(file)
    assert file.read_text().startswith("not a database")


@pytest.mark.parametrize("file", sorted(PAST.glob("*.sqlite")), ids=lambda file: file.stem)
def test_a_database_of_every_past_version_is_brought_up_to_date(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "labels.sqlite"
    shutil.copy(file, copy)
    database = Database.in_file(copy)
    history = Annotations(database).since()
    assert [each.key for each in history] == ["first", "second", "third"]
    assert [each.pattern for each in history] == ["golgi", "speckled", None]
    assert Accounts(database).sign_in("ana", "a long password") is not None
    with sqlite3.connect(copy) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_every_revision_has_a_database_of_its_time() -> None:
    versions = Path(__file__).parents[2] / "src/cellquery/storage/migrations/versions"
    revisions = {path.name[:4] for path in versions.glob("[0-9]*.py")}
    assert {path.stem for path in PAST.glob("*.sqlite")} == revisions
