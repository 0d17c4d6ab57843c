"""The image store: raw pixels of every cell, memory-mapped, addressed by cell id only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cellquery.core import InputError, ProjectError
from cellquery.core.places import Place, network_faults, on_disk, path_or_url
from cellquery.data.records import MANIFEST_SCHEMA
from cellquery.data.shards import STORE_SCHEMA, Shard, found_shards, shards_of, told_in

Counts = NDArray[np.uint8] | NDArray[np.uint16]

OPEN_COPIES = 8
"""Shards on a URL that are mapped at a time: what is mapped cannot be freed from the disk."""


class ImageStore:
    """The pixels and masks of a project's cells.

    Nothing is decoded: arrays are read-only views of the files. Shards on a URL are copied to
    this machine when a cell of them is first asked for. A store can be sent to another process or
    machine, which reads the same shards, or refuses those that changed since.

    Parameters
    ----------
    folder : Path, UPath or str
        The project's ``images`` folder.
    shards : sequence of Shard, optional
        Its files; all of them when not given.

    Raises
    ------
    ProjectError
        On first use, when a shard is missing or damaged, and on any, when one was changed.
    """

    def __init__(self, folder: Place | str, shards: Sequence[Shard] | None = None) -> None:
        self.folder = path_or_url(folder)
        if shards is not None:
            self.shards = tuple(shards)

    def __reduce__(self) -> tuple[type[ImageStore], tuple[Place, tuple[Shard, ...]]]:
        return ImageStore, (self.folder, self.shards)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, cell_id: object) -> bool:
        return cell_id in self._rows

    @cached_property
    def shards(self) -> tuple[Shard, ...]:
        """The files, in the order they were written, as they were when first looked at."""
        return tuple(shards_of(self.folder))

    def shard(self, name: str) -> ImageStore:
        """Return one shard alone, as a store: its ids, pixels and masks, read without the others.

        Raises
        ------
        InputError
            When the store has no such shard.

        Examples
        --------
        >>> ImageStore("nowhere").shards
        ()
        """
        for shard in self.shards:
            if shard.name == name:
                # Without a count of cells its ids come from itself, not from the manifest.
                return ImageStore(self.folder, [replace(shard, n_cells=None)])
        raise InputError(self.folder, f"no shard {name!r}", "see ImageStore.shards")

    def check(self) -> None:
        """Raise ProjectError when a shard is gone or is not what it was when first looked at."""
        now = {shard.name: shard for shard in found_shards(self.folder)}
        for shard in self.shards:
            shard.compare(now.get(shard.name))

    @property
    def ids(self) -> list[str]:
        """Every cell id, in the order of importing."""
        return list(self._rows)

    def pixels(self, cell_id: str) -> Counts:
        """Return raw counts, shape (height, width) or (height, width, 3), read-only.

        Raises
        ------
        InputError
            When the project has no such cell.
        """
        shard, row = self._find(cell_id)
        return shard.pixels(row)

    def mask(self, cell_id: str) -> NDArray[np.bool_] | None:
        """Return the cell's mask, shape (height, width), or None when it has none.

        Raises
        ------
        InputError
            When the project has no such cell.
        """
        shard, row = self._find(cell_id)
        return shard.mask(row)

    def manifest(self) -> pa.Table:
        """Return one row a cell, with the columns of ``MANIFEST_SCHEMA``, without pixels."""
        tables = list(self.manifest_by_shard())
        return pa.concat_tables(tables or [MANIFEST_SCHEMA.empty_table()])

    def manifest_by_shard(self) -> Iterator[pa.Table]:
        """Yield the rows of the manifest shard by shard, for work in bounded memory."""
        return self._by_shard(MANIFEST_SCHEMA.names)

    def _by_shard(self, columns: list[str]) -> Iterator[pa.Table]:
        told = self._told if any(self._is_told(shard) for shard in self.shards) else {}
        for shard in self.shards:
            if shard.name in told:
                yield told[shard.name].select(columns)
            else:
                yield shard.read(columns)

    @staticmethod
    def _is_told(shard: Shard) -> bool:
        # Of a shard on this machine the file itself is as near as the manifest.
        return shard.on_url and shard.n_cells is not None

    @property
    def _told(self) -> dict[str, pa.Table]:
        """The rows of each shard as ``manifest.parquet`` has them: one file instead of all."""
        path = self.folder.parent / "manifest.parquet"
        try:
            with on_disk(path) as manifest, pq.ParquetFile(manifest) as file:
                told, rows = told_in(file.metadata), file.read().replace_schema_metadata()
        except (*network_faults(), pa.ArrowInvalid) as error:
            raise ProjectError(
                path, f"cannot be read ({error})", "import the source again to write it anew"
            ) from error
        wanted = {shard.name for shard in self.shards if self._is_told(shard)}
        found, start = {}, 0
        for name, shard in told.items():
            if name in wanted:
                found[name] = rows.slice(start, shard["cells"])
            start += shard["cells"]
        return found

    def _find(self, cell_id: str) -> tuple[_Open, int]:
        try:
            number, row = self._rows[cell_id]
        except KeyError:
            raise InputError(
                self.folder.parent, f"no cell {cell_id!r}", "see the ids in manifest.parquet"
            ) from None
        shard = self.shards[number]
        opened = self._open.pop(number, None)
        if opened is None:
            opened = _Open(shard)
        elif not shard.on_url:
            # Mapped pages of a file that was cut short would end the process.
            shard.check()
        self._open[number] = opened
        if shard.on_url and len(self._open) > OPEN_COPIES:
            del self._open[next(iter(self._open))]
        return opened, row

    @cached_property
    def _open(self) -> dict[int, _Open]:
        """The shards that are mapped, by number, the one used last at the end."""
        return {}

    @cached_property
    def _rows(self) -> dict[str, tuple[int, int]]:
        return {
            cell_id: (number, row)
            for number, table in enumerate(self._by_shard(["cell_id"]))
            for row, cell_id in enumerate(table["cell_id"].to_pylist())
        }


class _Open:
    """A shard mapped into memory."""

    def __init__(self, shard: Shard) -> None:
        table = shard.read(STORE_SCHEMA.names)
        self._heights = table["height"].to_numpy()
        self._widths = table["width"].to_numpy()
        self._channels = table["channels"].to_numpy()
        self._depths = table["bit_depth"].to_numpy()
        # A shard is one batch: its only chunk is the mapped file itself, not a copy.
        self._pixels = table["pixels"].chunk(0)
        self._masks = table["mask_bits"].chunk(0)

    def pixels(self, row: int) -> Counts:
        height, width = int(self._heights[row]), int(self._widths[row])
        dtype: np.dtype[Any] = np.dtype("<u2") if self._depths[row] == 16 else np.dtype(np.uint8)
        flat = np.frombuffer(self._pixels[row].as_buffer(), dtype)
        # Neighbours of odd length leave 16-bit counts on odd addresses, which some libraries
        # refuse; those few are copied.
        flat = np.require(flat, requirements="A")
        flat.flags.writeable = False
        if self._channels[row] == 1:
            return flat.reshape(height, width)
        return flat.reshape(height, width, int(self._channels[row]))

    def mask(self, row: int) -> NDArray[np.bool_] | None:
        bits = self._masks[row].as_buffer()
        if bits is None:
            return None
        height, width = int(self._heights[row]), int(self._widths[row])
        packed = np.frombuffer(bits, np.uint8)
        return np.unpackbits(packed, count=height * width).view(np.bool_).reshape(height, width)
