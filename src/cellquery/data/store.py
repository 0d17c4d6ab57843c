"""The image store: raw pixels of every cell, memory-mapped, addressed by cell id only.

Shards of at most 2,048 cells are uncompressed Arrow IPC files, ``part-00000.arrow`` onwards, each
written whole or not at all. A shard never changes once written, so an interrupted import goes on
after the last one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cellquery.core import InputError, ProjectError
from cellquery.core.durable import make_folder, replacing
from cellquery.data.records import MANIFEST_SCHEMA

Counts = NDArray[np.uint8] | NDArray[np.uint16]

SHARD_CELLS = 2048
SHARD_BYTES = 64 * 2**20

STORE_SCHEMA: pa.Schema = pa.schema(
    [
        *MANIFEST_SCHEMA,
        pa.field("pixels", pa.large_binary(), nullable=False),
        pa.field("mask_bits", pa.large_binary()),
    ]
)


class ImageStore:
    """The pixels and masks of a project's cells.

    Nothing is decoded or copied: arrays are read-only views of the files. A store can be sent to
    another process, which maps the same files.

    Parameters
    ----------
    folder : Path
        The project's ``images`` folder.

    Raises
    ------
    ProjectError
        On first use, when a shard is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def __reduce__(self) -> tuple[type[ImageStore], tuple[Path]]:
        return ImageStore, (self.folder,)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, cell_id: object) -> bool:
        return cell_id in self._rows

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
        return (_read(path, MANIFEST_SCHEMA.names) for path in shard_paths(self.folder))

    def _find(self, cell_id: str) -> tuple[_Shard, int]:
        try:
            shard, row = self._rows[cell_id]
        except KeyError:
            raise InputError(
                self.folder.parent, f"no cell {cell_id!r}", "see the ids in manifest.parquet"
            ) from None
        return self._shards[shard], row

    @cached_property
    def _shards(self) -> list[_Shard]:
        return [_Shard(path) for path in shard_paths(self.folder)]

    @cached_property
    def _rows(self) -> dict[str, tuple[int, int]]:
        return {
            cell_id: (number, row)
            for number, shard in enumerate(self._shards)
            for row, cell_id in enumerate(shard.ids)
        }


class ShardWriter:
    """Collects rows of ``STORE_SCHEMA`` and writes them as shards, in the order they come."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        make_folder(folder)
        existing = shard_paths(folder)
        self._next = int(existing[-1].stem.removeprefix("part-")) + 1 if existing else 0
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0

    def add(self, row: dict[str, Any]) -> None:
        """Take one cell; writes a shard when it makes one full."""
        self._rows.append(row)
        self._bytes += len(row["pixels"])
        if len(self._rows) == SHARD_CELLS or self._bytes >= SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the cells collected so far; ProjectError when the disk is full."""
        if not self._rows:
            return
        batch = pa.RecordBatch.from_pylist(self._rows, schema=STORE_SCHEMA)
        with (
            replacing(self._folder / f"part-{self._next:05}.arrow") as file,
            pa.ipc.new_file(file, STORE_SCHEMA) as shard,
        ):
            shard.write_batch(batch)
        self._next += 1
        self._rows = []
        self._bytes = 0


def shard_paths(folder: Path) -> list[Path]:
    """Return the shards of an images folder in the order they were written."""
    return sorted(folder.glob("part-*.arrow"))


def stored_digests(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the id and the digest of every stored cell, without touching its pixels."""
    for path in shard_paths(folder):
        table = _read(path, ["cell_id", "digest"])
        yield from zip(table["cell_id"].to_pylist(), table["digest"].to_pylist(), strict=True)


class _Shard:
    def __init__(self, path: Path) -> None:
        table = _read(path, STORE_SCHEMA.names)
        self.ids: list[str] = table["cell_id"].to_pylist()
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


def _read(path: Path, columns: list[str]) -> pa.Table:
    """Return some columns of a shard, mapped into memory."""
    chosen = [STORE_SCHEMA.get_field_index(name) for name in columns]
    try:
        options = pa.ipc.IpcReadOptions(included_fields=chosen)
        return pa.ipc.open_file(pa.memory_map(str(path)), options=options).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise ProjectError(
            path, f"damaged shard ({error})", "delete it and import the source again"
        ) from error
