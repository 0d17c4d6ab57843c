"""Rows of csv and Parquet tables, whatever their delimiter and the spelling of their columns."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cellquery.core import InputError

Row = dict[str, str | None]

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".parquet"})
_IN_FOLDERS = (".csv", ".parquet")

USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("cellid", "id", "imageid"),
    "path": ("path", "file", "filename", "filepath", "image", "imagepath"),
    "pattern": ("pattern", "label", "class", "imageclass"),
    "specimen": ("specimen", "specimenid", "serum", "patient", "slide"),
    "intensity": ("intensity",),
    "mask": ("mask", "maskpath", "maskfile"),
    "part": ("part", "split"),
}
"""What a column is called when nobody says, without case, spaces, hyphens and underscores."""

_BLANK = frozenset({"", "-", "?", "na", "n/a", "nan", "none", "null", "unknown"})
_BLANK_LABELS = _BLANK | {"unlabelled", "unlabeled"}


@dataclass(frozen=True)
class Table:
    """A table whose cells are text; blank ones, such as "" and "n/a", are None."""

    path: Path
    columns: tuple[str, ...]

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Yield where each row stands, such as ``labels.csv line 12``, and the row."""
        if self.path.suffix.lower() == ".parquet":
            yield from _parquet_rows(self.path)
        else:
            yield from _csv_rows(self.path)

    def column(self, meaning: str, asked: str | None = None) -> str | None:
        """Return the column that holds ids, paths, patterns or the like, or None.

        Parameters
        ----------
        meaning : str
            A key of ``USUAL_NAMES``.
        asked : str or None
            The name that the user gave.

        Raises
        ------
        InputError
            When the name that the user gave is not there.
        """
        if asked is None:
            return self.named(*USUAL_NAMES[meaning])
        found = self.named(folded(asked))
        if found is None:
            raise InputError(
                self.path,
                f"no column {asked!r}",
                f"name one of its columns with --{meaning}-column: {', '.join(self.columns)}",
            )
        return found

    def named(self, *names: str) -> str | None:
        """Return the first column with one of these folded names, or None."""
        spellings = {folded(column): column for column in reversed(self.columns)}
        return next((spellings[name] for name in names if name in spellings), None)


def open_table(path: Path) -> Table:
    """Return a csv file (commas, semicolons or tabs) or a Parquet file.

    Raises
    ------
    InputError
        When it cannot be read or has no header.
    """
    try:
        if path.suffix.lower() == ".parquet":
            columns = pq.read_schema(path).names
        else:
            with path.open(encoding="utf-8-sig", newline="") as file:
                header = file.readline()
            columns = next(csv.reader([header], delimiter=delimiter(header)), [])
    except FileNotFoundError:
        raise InputError(path, "no such file", "check the path") from None
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowInvalid):
        raise _unreadable(path) from None
    if not any(column.strip() for column in columns):
        raise InputError(path, "empty table", "give it a header line and rows")
    return Table(path, tuple(columns))


def table_files(folder: Path) -> list[Path]:
    """Return the csv and Parquet files directly in a folder, without hidden ones, by name."""
    names = (name for name in os.listdir(folder) if name.lower().endswith(_IN_FOLDERS))
    paths = (folder / name for name in sorted(names) if name[0] != ".")
    return [path for path in paths if path.is_file()]


def tables_in(folder: Path) -> list[Table]:
    """Return the tables directly in a folder that can be read, sorted by name."""
    tables = []
    for path in table_files(folder):
        try:
            tables.append(open_table(path))
        except InputError:
            continue
    return tables


def names_files(table: Table, *, elsewhere: bool = False) -> bool:
    """Return whether a table says by a path where each image lies, as the layout ``table`` has it.

    Parameters
    ----------
    table : Table
    elsewhere : bool
        A column of bare file names is not enough: there are folders in its first path, or masks.
    """
    path = table.named("path", "file", "filename", "filepath", "imagepath")
    if path is None or not elsewhere:
        return path is not None
    try:
        _, first = next(table.rows(), ("", {path: None}))
    except InputError:
        return False
    return table.column("mask") is not None or bool(re.search(r"[/\\]", first[path] or ""))


def delimiter(header: str) -> str:
    """Return the delimiter of a csv file, judged by its first line."""
    return max(",;\t", key=header.count)


def folded(name: str) -> str:
    """Return a column's name without case, spaces, hyphens and underscores."""
    return re.sub(r"[\s_\-]+", "", name).casefold()


def label(text: str | None) -> str | None:
    """Return a label, or None for the words that mean that there is none."""
    return None if text is None or text.strip().casefold() in _BLANK_LABELS else text.strip()


def _csv_rows(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            mark = delimiter(file.readline())
            file.seek(0)
            reader = csv.DictReader(file, delimiter=mark)
            for row in reader:
                texts = {name: _text(row[name]) for name in reader.fieldnames or ()}
                yield f"{path} line {reader.line_num}", texts
    except (OSError, UnicodeDecodeError, csv.Error):
        raise _unreadable(path) from None


def _parquet_rows(path: Path) -> Iterator[tuple[str, Row]]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=4096):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path} row {number}", {name: _text(row[name]) for name in row}
    except (OSError, pa.ArrowInvalid):
        raise _unreadable(path) from None


def _text(value: object) -> str | None:
    # A column of whole numbers with gaps comes out of pandas as floats.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if value is None else str(value).strip()
    return None if text.casefold() in _BLANK else text


def _unreadable(path: Path) -> InputError:
    return InputError(
        path, "not a readable table", "save it as csv in UTF-8, with a header line, or as Parquet"
    )
