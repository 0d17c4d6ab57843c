"""What SQLite and PostgreSQL both promise: one suite, no exemptions."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sql
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from cellquery.core import InputError, ProjectError
from cellquery.storage import Accounts, Annotations, Database, Leases, NewAnnotation
from cellquery.storage.backup import back_up, restore
from cellquery.storage.owner import claim, identity
from cellquery.storage.schema import metadata


def label(key: str, cell: str = "a", who: str = "ana", pattern: str = "golgi") -> NewAnnotation:
    return NewAnnotation(key, cell, who, "label", pattern, seconds=1.5, keystrokes=1)


def test_the_history_comes_back_as_it_was_given_in_order(database: Database) -> None:
    history = Annotations(database)
    first = history.add([label("1"), label("2", "b")])
    second = history.add([NewAnnotation("3", "a", "ana", "withdrawn")])
    found = history.since()
    assert [each.number for each in found] == [*first, *second] == sorted({*first, *second})
    assert [(e.key, e.cell_id, e.kind, e.pattern) for e in found] == [
        ("1", "a", "label", "golgi"),
        ("2", "b", "label", "golgi"),
        ("3", "a", "withdrawn", None),
    ]
    assert [each.key for each in history.of_cell("a")] == ["1", "3"]
    assert [each.key for each in history.since(first[-1])] == ["3"]
    assert history.add([]) == []


def test_a_key_that_comes_again_is_stored_once(database: Database) -> None:
    history = Annotations(database)
    number = history.add([label("1")])
    assert history.add([label("1", pattern="speckled"), label("2", "b")])[:1] == number
    assert [each.pattern for each in history.since()] == ["golgi", "golgi"]


def test_numbers_of_numpy_come_back_as_numbers(database: Database) -> None:
    history = Annotations(database)
    new = NewAnnotation(
        "1", "a", "ana", "label", "golgi", seconds=np.float32(2.5), keystrokes=np.int64(3)
    )
    history.add([new])
    with database.reading() as connection:
        row = connection.execute(sql.text("SELECT seconds, keystrokes FROM annotations")).one()
    assert tuple(row) == (2.5, 3)


def test_all_of_a_batch_is_stored_or_none(database: Database) -> None:
    history = Annotations(database)
    broken = NewAnnotation("2", "b", "ana", None)  # type: ignore[arg-type]
    with pytest.raises(sql.exc.IntegrityError):
        history.add([label("1"), broken])
    assert history.since() == []


def test_writers_at_once_lose_nothing_and_readers_see_numbers_in_order(database: Database) -> None:
    history, stop, seen = Annotations(database), threading.Event(), []

    def watch() -> None:
        while not stop.is_set() or len(seen) < 100:
            seen.extend(e.number for e in history.since(seen[-1] if seen else 0))

    def write(who: int) -> None:
        for number in range(25):
            history.add([label(f"{who}-{number}", f"cell-{number}", f"p{who}")])

    watching = threading.Thread(target=watch)
    watching.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    stop.set()
    watching.join(30)
    assert seen == [each.number for each in history.since()]
    assert len({each.key for each in history.since()}) == 100


def test_a_cell_is_never_with_two_people(database: Database) -> None:
    leases = Leases(database)
    wanted = [(f"cell-{number}", 0) for number in range(120)]
    with ThreadPoolExecutor(6) as pool:
        given = list(pool.map(lambda who: leases.take(f"p{who}", wanted, 20), range(6)))
    assert [len(each) for each in given] == [20] * 6
    assert len({cell for each in given for cell in each}) == 120
    assert leases.take("late", wanted, 5) == []


def test_a_cell_read_in_the_meantime_is_not_given_to_another(database: Database) -> None:
    leases, history = Leases(database), Annotations(database)
    known = history.add([label("1", "a")])[0]
    history.add([label("2", "b")])
    assert leases.take("ben", [("b", 0), ("c", 0)], 2, known=known) == ["c"]
    assert leases.take("ben", [("b", 0), ("c", 0)], 2) == ["b", "c"]


def test_leases_are_taken_again_by_their_holder_end_with_the_label_and_run_out(
    database: Database,
) -> None:
    leases = Leases(database, lease_s=60)
    assert leases.take("ana", [("a", 0), ("b", 0)], 2) == ["a", "b"]
    assert leases.take("ana", [("a", 0)], 1) == ["a"]
    assert leases.take("ben", [("a", 0), ("a", 1)], 1) == ["a"]
    assert leases.held() == {("a", 0): "ana", ("b", 0): "ana", ("a", 1): "ben"}
    Annotations(database).add([label("1", "a")])
    assert leases.held() == {("b", 0): "ana", ("a", 1): "ben"}
    leases.give_back("ana", ["b"])
    assert leases.held() == {("a", 1): "ben"}
    short = Leases(database, lease_s=-1)
    short.take("cem", [("c", 0)], 1)
    assert leases.take("ana", [("c", 0)], 1) == ["c"]


def test_only_the_right_password_signs_in_and_not_after_many_wrong_ones(database: Database) -> None:
    accounts = Accounts(database)
    accounts.add("ana", "reviewer", "correct horse")
    accounts.add("linked", "annotator")
    assert accounts.sign_in("ana", "correct horse") == accounts.find("ana")
    assert accounts.sign_in("linked", "") is None
    assert accounts.sign_in("nobody", "correct horse") is None
    for _ in range(8):
        assert accounts.sign_in("ana", "wrong") is None
    assert accounts.sign_in("ana", "correct horse") is None
    with database.reading() as connection:
        kept = connection.execute(sql.text("SELECT password_hash FROM accounts")).scalars().all()
    assert all(each is None or each.startswith("$argon2id$") for each in kept)


def test_links_work_once_and_sessions_until_they_end(database: Database) -> None:
    accounts = Accounts(database)
    accounts.add("ana", "annotator", "correct horse")
    link = accounts.issue("ana", "link")
    assert accounts.of_session(link) is None
    assert accounts.use_link(link) == accounts.find("ana")
    assert accounts.use_link(link) is None
    token = accounts.issue("ana", "session")
    assert accounts.use_link(token) is None
    assert accounts.of_session(token) == accounts.find("ana")
    accounts.end_session(token)
    assert accounts.of_session(token) is None
    token = accounts.issue("ana", "session")
    accounts.change("ana", active=False)
    assert accounts.of_session(token) is None
    assert accounts.sign_in("ana", "correct horse") is None


@pytest.mark.parametrize(
    ("name", "role", "password", "fault"),
    [
        ("<script>", "annotator", None, "the name is unfit"),
        ("ben", "king", None, "no role 'king'"),
        ("ben", "annotator", "short", "too short"),
        ("ana", "annotator", None, "there is such an account"),
    ],
)
def test_unfit_accounts_are_refused(
    database: Database, name: str, role: str, password: str | None, fault: str
) -> None:
    accounts = Accounts(database)
    accounts.add("ana", "annotator")
    with pytest.raises(InputError, match=fault):
        accounts.add(name, role, password)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no such account"):
        accounts.change("nobody", active=False)


def test_a_backup_restores_accounts_and_history(database: Database, tmp_path: Path) -> None:
    Accounts(database).add("ana", "reviewer", "correct horse")
    Annotations(database).add([label("1"), label("2", "b")])
    assert back_up(database, tmp_path / "backup.gz") == 2
    other = Database.in_file(tmp_path / "other.sqlite")
    assert restore(other, tmp_path / "backup.gz") == 2
    assert Annotations(other).since() == Annotations(database).since()
    assert Accounts(other).sign_in("ana", "correct horse") is not None
    with pytest.raises(InputError, match="is not empty"):
        restore(database, tmp_path / "backup.gz")


def test_a_backup_restored_goes_on_counting(url: str, tmp_path: Path) -> None:
    source = Database.in_file(tmp_path / "source.sqlite")
    numbers = Annotations(source).add([label("1"), label("2", "b")])
    back_up(source, tmp_path / "backup.gz")
    database = Database(url)
    restore(database, tmp_path / "backup.gz")
    assert Annotations(database).add([label("3", "c")])[0] > numbers[-1]
    database.close()


@pytest.mark.parametrize(
    "content",
    [b"", b"text", gzip.compress(b"{}\n", mtime=0), gzip.compress(b"[]\n", mtime=0)],
    ids=["empty", "text", "object", "list"],
)
def test_what_is_no_backup_is_refused_and_nothing_restored(
    database: Database, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match=r"file: (is no backup|cannot be read)"):
        restore(database, tmp_path / "file")
    with pytest.raises(InputError, match="no such file"):
        restore(database, tmp_path / "absent")
    assert Annotations(database).since() == []


def test_a_torn_backup_is_refused(database: Database, tmp_path: Path) -> None:
    Annotations(database).add([label(str(n), str(n)) for n in range(50)])
    back_up(database, tmp_path / "backup.gz")
    torn = tmp_path / "torn.gz"
    torn.write_bytes((tmp_path / "backup.gz").read_bytes()[:-40])
    other = Database.in_file(tmp_path / "other.sqlite")
    with pytest.raises(InputError, match="cannot be read"):
        restore(other, torn)
    assert Annotations(other).since() == []


DIGESTS = {"a": "1", "b": "2", "c": "3"}


def test_a_database_knows_its_project(database: Database) -> None:
    claim(database, DIGESTS)
    told = identity(database)
    claim(database, {**DIGESTS, "d": "4"})
    claim(database, {**DIGESTS, "c": "taken again"})
    assert identity(database) == told
    for other in ({}, {"x": "1"}, {"a": "7", "b": "8", "c": "3"}):
        with pytest.raises(ProjectError, match="holds labels of another project"):
            claim(database, other)


def test_a_database_of_an_earlier_version_is_the_projects_whose_cells_it_names(
    database: Database,
) -> None:
    Annotations(database).add([label("1", "a")])
    with pytest.raises(ProjectError, match="labels of 'a', which is no cell of this project"):
        claim(database, {"x": "1"})
    claim(database, DIGESTS)
    with pytest.raises(ProjectError, match="another project"):
        claim(database, {"x": "1"})


def test_two_that_open_a_new_database_at_once_agree(url: str) -> None:
    databases = [Database(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: claim(each, DIGESTS), databases))
    assert len({identity(each) for each in databases}) == 1
    for each in databases:
        each.close()


@pytest.mark.parametrize("earlier_version", [False, True])
def test_a_backup_of_another_project_is_refused(
    database: Database, tmp_path: Path, earlier_version: bool
) -> None:
    claim(database, DIGESTS)
    Annotations(database).add([label("1"), label("2", "b")])
    file = tmp_path / "backup.gz"
    back_up(database, file)
    if earlier_version:
        lines = gzip.decompress(file.read_bytes()).decode().replace('"0002"', '"0001"').splitlines()
        kept = [line for line in lines if not line.startswith('["project"')]
        file.write_bytes(gzip.compress("\n".join(kept).encode(), mtime=0))
    other = Database.in_file(tmp_path / "other.sqlite")
    strange = {"a": "7", "x": "8", "y": "9"}
    claim(other, strange)
    fault = "'b', which is no cell" if earlier_version else "another project"
    with pytest.raises(ProjectError, match=rf"backup\.gz: holds labels of {fault}"):
        restore(other, file, strange)
    assert Annotations(other).since() == []
    again = Database.in_file(tmp_path / "again.sqlite")
    claim(again, DIGESTS)
    assert restore(again, file, DIGESTS) == 2
    assert identity(again) == identity(database)


def test_a_damaged_backup_is_refused_wherever_the_damage_is(
    database: Database, tmp_path: Path
) -> None:
    Annotations(database).add([label(str(n), str(n)) for n in range(50)])
    back_up(database, tmp_path / "backup.gz")
    whole, damaged = (tmp_path / "backup.gz").read_bytes(), tmp_path / "damaged.gz"
    other = Database.in_file(tmp_path / "other.sqlite")
    # After the head of a gzip file, which ends with a name.
    for place in range(whole.index(0, 10) + 1, len(whole), 7):
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(InputError, match=r"damaged\.gz: "):
            restore(other, damaged)
    assert Annotations(other).since() == []


def test_the_migrations_make_the_tables_that_the_code_names(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_opening_again_changes_nothing_and_newer_databases_are_refused(url: str) -> None:
    first = Database(url)
    Annotations(first).add([label("1")])
    second = Database(url)
    assert len(Annotations(second).since()) == 1
    second.close()
    with first.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ProjectError, match="made by a newer version"):
        Database(url)
    first.close()
