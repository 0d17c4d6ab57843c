from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from cellquery.core import InputError, ProjectError
from cellquery.data import MANIFEST_SCHEMA, ImageStore
from cellquery.data.shards import ShardWriter, found_shards


def row(
    cell_id: str, pixels: NDArray[Any], mask: NDArray[np.bool_] | None = None
) -> dict[str, Any]:
    return {
        "cell_id": cell_id,
        "source": f"{cell_id}.png",
        "digest": "0" * 64,
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "channels": 1 if pixels.ndim == 2 else 3,
        "bit_depth": pixels.itemsize * 8,
        "content_bits": pixels.itemsize * 8,
        "mask": mask is not None,
        "pixels": pixels.tobytes(),
        "mask_bits": None if mask is None else np.packbits(mask).tobytes(),
    }


@pytest.fixture
def cells() -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(0)
    return {
        "odd": random.integers(0, 256, (9, 11), dtype=np.uint8),
        "deep": random.integers(0, 65536, (10, 12), dtype=np.uint16),
        "colour": random.integers(0, 256, (8, 9, 3), dtype=np.uint8),
    }


@pytest.fixture
def store(tmp_path: Path, cells: dict[str, NDArray[Any]]) -> ImageStore:
    writer = ShardWriter(tmp_path / "images")
    mask = np.eye(9, 11, dtype=bool)
    for cell_id, pixels in cells.items():
        writer.add(row(cell_id, pixels, mask if cell_id == "odd" else None))
    writer.flush()
    return ImageStore(tmp_path / "images")


def test_pixels_come_back_exactly_for_every_depth_and_shape(
    store: ImageStore, cells: dict[str, NDArray[Any]]
) -> None:
    for cell_id, pixels in cells.items():
        got = store.pixels(cell_id)
        assert got.dtype == pixels.dtype
        np.testing.assert_array_equal(got, pixels)
        assert got.flags.aligned
        assert not got.flags.writeable


def test_masks_come_back_and_none_where_there_is_none(store: ImageStore) -> None:
    np.testing.assert_array_equal(store.mask("odd"), np.eye(9, 11, dtype=bool))
    assert store.mask("deep") is None


def test_cells_keep_the_order_in_which_they_came(store: ImageStore) -> None:
    assert store.ids == ["odd", "deep", "colour"]
    assert len(store) == 3
    assert "deep" in store
    assert "other" not in store


def test_manifest_has_the_schema_and_no_pixels(store: ImageStore) -> None:
    assert store.manifest().schema == MANIFEST_SCHEMA
    assert store.manifest()["pattern"].null_count == 3


def test_empty_store_has_an_empty_manifest(tmp_path: Path) -> None:
    assert ImageStore(tmp_path).manifest().num_rows == 0


def test_copy_of_a_store_as_sent_to_other_processes_maps_the_same_files(store: ImageStore) -> None:
    store.pixels("odd")
    again = copy.copy(store)
    np.testing.assert_array_equal(again.pixels("deep"), store.pixels("deep"))


def test_unknown_cell_is_refused_by_name(store: ImageStore) -> None:
    with pytest.raises(InputError, match="no cell 'mystery'"):
        store.pixels("mystery")


def test_damaged_shard_is_named(store: ImageStore) -> None:
    shard = found_shards(store.folder)[0].path
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(ProjectError, match=r"part-00000\.arrow: damaged shard"):
        store.manifest()


def test_shards_hold_at_most_2048_cells_and_go_on_numbering(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8), np.uint8)
    for first in (0, 2100):
        writer = ShardWriter(tmp_path)
        for number in range(first, first + 2100):
            writer.add(row(str(number), pixels))
        writer.flush()
    assert [shard.name for shard in found_shards(tmp_path)] == [
        f"part-0000{i}.arrow" for i in range(4)
    ]
    assert ImageStore(tmp_path).ids == [str(number) for number in range(4200)]


def test_shards_of_large_images_hold_fewer_cells(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path)
    pixels = np.zeros((4096, 4096), np.uint16)
    for number in range(3):
        writer.add(row(str(number), pixels))
    writer.flush()
    assert len(found_shards(tmp_path)) == 2


def test_nothing_half_written_stays_behind(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path)
    writer.add({**row("1", np.zeros((8, 8), np.uint8)), "width": "no number"})
    with pytest.raises(Exception, match="int"):
        writer.flush()
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_is_mapped_and_not_read(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path)
    for number in range(50):
        writer.add(row(str(number), np.zeros((400, 400), np.uint8)))
    writer.flush()
    before = pa.total_allocated_bytes()
    manifest = ImageStore(tmp_path).manifest()
    assert len(manifest) == 50
    assert pa.total_allocated_bytes() - before < 400 * 400
