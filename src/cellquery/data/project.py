"""The project directory: its class list, its cells and its splits."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cellquery.core import PATTERNS, InputError, ProjectError, parse_pattern
from cellquery.core.durable import make_folder, read_table, replacing
from cellquery.core.places import Place, path_or_url
from cellquery.data.records import MANIFEST_SCHEMA
from cellquery.data.shards import shards_of
from cellquery.data.store import ImageStore

FORMAT = 1
SYNTHETIC_LAYOUT = "synthetic"

Parts = dict[str, np.ndarray]
"""Part name -> cell ids (object array of str)."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Project:
    """A cellquery project directory.

    Make one with :meth:`create` or :meth:`open`.

    Attributes
    ----------
    path : Path or UPath
        The directory.
    """

    def __init__(self, path: Place, settings: dict[str, Any]) -> None:
        self.path = path
        self._settings = settings

    @classmethod
    def open(cls, path: str | Place) -> Project:
        """Return the project in a directory.

        Raises
        ------
        ProjectError
            When the directory is no cellquery project or of a newer format.
        """
        path = path_or_url(path)
        file = path / "project.toml"
        try:
            settings = tomllib.loads(file.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise ProjectError(
                path,
                "not a cellquery project",
                "make one with: cellquery import SOURCE --into PROJECT",
            ) from None
        except (OSError, ValueError) as error:
            raise ProjectError(
                file, f"cannot be read ({error})", "mend it or import into a new project"
            ) from error
        if settings.get("format") != FORMAT:
            raise ProjectError(
                file,
                f"format {settings.get('format')} is not {FORMAT}",
                "use the version of cellquery that made it",
            )
        return cls(path, settings)

    @classmethod
    def create(cls, path: str | Place, patterns: Iterable[str] | None = None) -> Project:
        """Return a new, empty project.

        Parameters
        ----------
        path : str, Path or UPath
            A new or empty directory.
        patterns : iterable of str, optional
            Patterns to declare from the start, in any spelling; others join as they are imported.

        Raises
        ------
        ProjectError
            When the directory holds something already or cannot be written.
        """
        path = path_or_url(path)
        if path.exists() and not path.is_dir():
            raise ProjectError(path, "is a file", "choose a folder for the project")
        if path.is_dir() and any(path.iterdir()):
            raise ProjectError(
                path, "is not empty and no cellquery project", "choose a new or empty folder"
            )
        make_folder(path)
        project = cls(path, {"format": FORMAT, "created": _now(), "patterns": [], "sources": []})
        project._settings["patterns"] = _ordered(map(parse_pattern, patterns or ()))
        project._save()
        for name in ("images", "splits"):
            make_folder(path / name)
        return project

    @classmethod
    def open_if_there(cls, path: str | Place) -> Project | None:
        """Return the project in a directory, or None when there is none."""
        path = path_or_url(path)
        return cls.open(path) if (path / "project.toml").exists() else None

    @classmethod
    def open_or_create(cls, path: str | Place) -> Project:
        """Return the project in a directory, made when the directory is new or empty."""
        return cls.open_if_there(path) or cls.create(path)

    @property
    def name(self) -> str:
        """The name of its directory, however that is reached."""
        return self.path.resolve().name

    @property
    def patterns(self) -> tuple[str, ...]:
        """The class list: patterns in the order of ``core.PATTERNS``, then one's own, sorted.

        A pattern once declared stays in it, even without a cell.
        """
        return tuple(self._settings["patterns"])

    @property
    def sources(self) -> tuple[dict[str, Any], ...]:
        """What was imported: path, layout and time of each source."""
        return tuple(self._settings.get("sources", ()))

    @property
    def is_synthetic(self) -> bool:
        """Whether any of its cells was made by ``cellquery synthesize``."""
        return any(
            source.get("layout") == SYNTHETIC_LAYOUT or "synthetic" in source
            for source in self.sources
        )

    def store(self) -> ImageStore:
        """Return the image store."""
        return ImageStore(self.path / "images")

    def manifest(self) -> pa.Table:
        """Return one row a cell in the order of importing, columns as in ``MANIFEST_SCHEMA``.

        It is read from the image store, which is always complete; ``manifest.parquet`` is its
        copy for other programs, written at the end of each import, and stands for the shards of a
        store on a URL.
        """
        return self.store().manifest()

    @property
    def split_names(self) -> tuple[str, ...]:
        """The names of the saved splits, sorted."""
        return tuple(sorted(path.stem for path in (self.path / "splits").glob("*.parquet")))

    def split(self, name: str) -> Parts:
        """Return the cell ids of each part of a split, in the order of the manifest.

        Raises
        ------
        ProjectError
            When there is no such split.
        """
        table = self._split_table(name)
        ids = np.array(table["cell_id"].to_pylist(), dtype=object)
        parts = np.array(table["part"].to_pylist(), dtype=object)
        names = json.loads((table.schema.metadata or {}).get(b"parts", b"[]"))
        return {part: ids[parts == part] for part in names or dict.fromkeys(parts)}

    def about_split(self, name: str) -> dict[str, str | int | float]:
        """Return how a split was made: its kind, seed, fraction and the like."""
        metadata = self._split_table(name).schema.metadata or {}
        return dict(json.loads(metadata.get(b"about", b"{}")))

    def save_split(
        self,
        name: str,
        parts: Mapping[str, Sequence[str] | np.ndarray],
        about: Mapping[str, str | int | float],
    ) -> None:
        """Write a split, replacing one of the same name.

        Parameters
        ----------
        name : str
            Letters, digits, dots, hyphens and underscores.
        parts : mapping of str to sequence of str
            Cell ids of each part; parts keep this order.
        about : mapping
            How it was made.

        Raises
        ------
        InputError
            When a cell is in two parts or not in the project.
        ProjectError
            When the name is not fit for a file or the project cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise ProjectError(name, "no name for a split", "use letters, digits, '.', '-', '_'")
        part_of: dict[str, str] = {}
        for part, ids in parts.items():
            for cell_id in ids:
                if part_of.setdefault(str(cell_id), part) != part:
                    raise InputError(
                        name,
                        f"cell {cell_id!r} is in both {part_of[cell_id]!r} and {part!r}",
                        "give each cell one part",
                    )
        order = self.manifest()["cell_id"].to_pylist()
        missing = next(iter(part_of.keys() - set(order)), None)
        if missing is not None:
            raise InputError(
                name, f"cell {missing!r} is not in the project", "use ids of its manifest"
            )
        rank = {part: number for number, part in enumerate(parts)}
        rows = sorted((i for i in order if i in part_of), key=lambda i: rank[part_of[i]])
        table = pa.table(
            {"cell_id": pa.array(rows, pa.string()), "part": [part_of[i] for i in rows]},
            schema=pa.schema([("cell_id", pa.string()), ("part", pa.string())]),
        )
        # Parts are named apart from their cells: a part can be empty.
        table = table.replace_schema_metadata(
            {"about": json.dumps(dict(about)), "parts": json.dumps(list(parts))}
        )
        make_folder(self.path / "splits")
        with replacing(self._split_path(name)) as file:
            pq.write_table(table, file)

    def declare(
        self, patterns: Iterable[str] = (), source: Mapping[str, str] | None = None
    ) -> None:
        """Add patterns to the class list and a source to the list of those imported."""
        wanted = _ordered({*self.patterns, *patterns})
        sources = list(self.sources)
        known = [{key: s.get(key) for key in source} for s in sources] if source else []
        if source and dict(source) not in known:
            sources.append({**source, "imported": _now()})
        if wanted == list(self.patterns) and sources == list(self.sources):
            return
        self._settings = {**self._settings, "patterns": wanted, "sources": sources}
        self._save()

    def write_manifest(self, written: Mapping[str, str] | None = None) -> None:
        """Write ``manifest.parquet``, the copy of the manifest for other programs.

        Its metadata tells every shard with its cells, bytes and SHA-256, so that one that goes
        missing is missed, and so that a store on a URL need not be fetched to know its cells.

        Parameters
        ----------
        written : mapping of str to str, optional
            The SHA-256 of shards just written, by name (see `ShardWriter`); others are computed.
        """
        shards = [
            replace(shard, sha256=shard.sha256 or (written or {}).get(shard.name))
            for shard in shards_of(self.path / "images", mending=True)
        ]
        told = {}
        with (
            replacing(self.path / "manifest.parquet") as file,
            pq.ParquetWriter(file, MANIFEST_SCHEMA) as writer,
        ):
            tables = ImageStore(self.path / "images", shards).manifest_by_shard()
            for shard, table in zip(shards, tables, strict=True):
                writer.write_table(table)
                told[shard.name] = {
                    "cells": table.num_rows,
                    "bytes": shard.n_bytes,
                    "sha256": shard.digest(),
                }
            writer.add_key_value_metadata({"shards": json.dumps(told)})

    def _save(self) -> None:
        with replacing(self.path / "project.toml") as file:
            file.write(_toml(self._settings).encode())

    def _split_path(self, name: str) -> Place:
        return self.path / "splits" / f"{name}.parquet"

    def _split_table(self, name: str) -> pa.Table:
        try:
            return read_table(self._split_path(name))
        except FileNotFoundError:
            have = ", ".join(self.split_names) or "none yet"
            raise ProjectError(
                self.path, f"no split {name!r}", f"make it with cellquery split (there is: {have})"
            ) from None
        except (pa.ArrowInvalid, OSError) as error:
            raise ProjectError(
                self._split_path(name), f"cannot be read ({error})", "make the split again"
            ) from error


def _ordered(patterns: Iterable[str]) -> list[str]:
    known = [pattern.name for pattern in PATTERNS]
    present = set(patterns)
    return [p for p in known if p in present] + sorted(present.difference(known))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _toml(settings: Mapping[str, Any]) -> str:
    # Strings of JSON are strings of TOML, and so are its lists of strings and its integers.
    def line(key: str, value: object) -> str:
        return f"{key} = {json.dumps(value, ensure_ascii=False)}"

    lines = [line(key, value) for key, value in settings.items() if key != "sources"]
    for source in settings.get("sources", ()):
        lines += ["", "[[sources]]", *(line(key, value) for key, value in source.items())]
    return "\n".join(lines) + "\n"
