from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from cellquery.core import InputError
from cellquery.data import grey, read_image, read_mask
from cellquery.data.images import content_bits, decode_image

COUNTS = np.arange(20 * 24, dtype=np.uint16).reshape(20, 24)
GREY = (COUNTS % 251).astype(np.uint8)
COLOUR = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=2)


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_8_bit_grey_comes_back_exactly(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cell.{suffix}"
    Image.fromarray(GREY).save(path)
    image = read_image(path)
    assert image.pixels.dtype == np.uint8
    np.testing.assert_array_equal(image.pixels, GREY)
    assert (image.bit_depth, image.content_bits, image.shape) == (8, 8, (20, 24))


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_colour_comes_back_exactly(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cell.{suffix}"
    Image.fromarray(COLOUR).save(path)
    np.testing.assert_array_equal(read_image(path).pixels, COLOUR)


def test_jpeg_is_read(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "cell.jpg")
    assert read_image(tmp_path / "cell.jpg").pixels.shape == (20, 24)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_file_with_12_bit_content_says_so(tmp_path: Path, suffix: str) -> None:
    counts = COUNTS * 8
    Image.fromarray(counts).save(tmp_path / f"cell.{suffix}")
    image = read_image(tmp_path / f"cell.{suffix}")
    assert image.pixels.dtype == np.uint16
    np.testing.assert_array_equal(image.pixels, counts)
    assert (image.bit_depth, image.content_bits) == (16, 12)


def test_16_bit_colour_tiff_keeps_its_depth(tmp_path: Path) -> None:
    counts = np.stack([COUNTS * 100, COUNTS, COUNTS], axis=2)
    tifffile.imwrite(tmp_path / "cell.tif", counts, photometric="rgb")
    np.testing.assert_array_equal(read_image(tmp_path / "cell.tif").pixels, counts)


DEEP_COLOUR = np.stack([COUNTS * 130, COUNTS[::-1] * 7, COUNTS + 300], axis=2)
DEEP_PNGS = {
    "colour": (2, DEEP_COLOUR, DEEP_COLOUR),
    "colour and transparency": (6, np.dstack([DEEP_COLOUR, COUNTS]), DEEP_COLOUR),
    "grey and transparency": (4, np.dstack([COUNTS * 130, COUNTS]), COUNTS * 130),
    "grey as colour": (2, np.dstack([COUNTS * 130] * 3), COUNTS * 130),
}


@pytest.mark.parametrize("kind", DEEP_PNGS)
def test_16_bit_png_of_any_channels_keeps_its_depth(tmp_path: Path, kind: str) -> None:
    colour_type, written, expected = DEEP_PNGS[kind]
    (tmp_path / "cell.png").write_bytes(_deep_png(written, colour_type))
    image = read_image(tmp_path / "cell.png")
    np.testing.assert_array_equal(image.pixels, expected)
    assert (image.pixels.dtype, image.bit_depth) == (np.uint16, 16)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("bits", [8, 16])
def test_colour_tiff_stored_plane_by_plane_is_read_whole(
    tmp_path: Path, bits: int, compression: str | None
) -> None:
    pixels = DEEP_COLOUR if bits == 16 else (DEEP_COLOUR // 256).astype(np.uint8)
    planes = np.moveaxis(pixels, 2, 0)
    options: dict[str, Any] = {"planarconfig": "separate", "compression": compression}
    tifffile.imwrite(tmp_path / "cell.tif", planes, photometric="rgb", **options)
    np.testing.assert_array_equal(read_image(tmp_path / "cell.tif").pixels, pixels)


def test_truncated_16_bit_colour_png_is_damaged(tmp_path: Path) -> None:
    whole = _deep_png(DEEP_COLOUR, 2)
    (tmp_path / "cell.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="truncated or damaged"):
        read_image(tmp_path / "cell.png")


def test_content_bits_are_those_of_a_camera() -> None:
    assert [content_bits(n) for n in (255, 256, 4095, 4096, 65535)] == [8, 10, 12, 14, 16]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_saved_as_something_else_is_grey_again(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(GREY).convert(mode)
    image.save(tmp_path / "cell.png")
    np.testing.assert_array_equal(read_image(tmp_path / "cell.png").pixels, GREY)


def _deep_png(counts: NDArray[Any], colour_type: int) -> bytes:
    """Return a 16-bit PNG in which each pixel tells its difference from the one to the left."""
    height, width, channels = counts.shape
    pixels = counts.astype(">u2").view(np.uint8).reshape(height, width, 2 * channels)
    differences = np.diff(pixels, axis=1, prepend=np.uint8(0)).reshape(height, -1)
    rows = np.insert(differences, 0, 1, axis=1)
    return _png(width, height, 16, colour_type, rows.tobytes())


def _png(
    width: int, height: int, depth: int = 8, colour_type: int = 0, rows: bytes = b"\0" * 1000
) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    pixels = zlib.compress(rows)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    )


@pytest.mark.parametrize(
    ("size", "fault"),
    [
        ((20_000, 20_000), "larger than 4096 px"),
        ((5_000, 5_000), "larger than 4096 px"),
        ((5_000, 100), "5000 x 100 px, larger than 4096 px"),
        ((1, 1), "1 x 1 px, smaller than 8 px"),
    ],
)
def test_size_is_checked_before_decoding(tmp_path: Path, size: tuple[int, int], fault: str) -> None:
    (tmp_path / "cell.png").write_bytes(_png(*size))
    tracemalloc.start()
    with pytest.raises(InputError, match=fault):
        read_image(tmp_path / "cell.png")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def _truncated(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1200])


def _truncated_tiff(path: Path) -> None:
    Image.fromarray(GREY).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 100])


def _truncated_colour_tiff(path: Path) -> None:
    tifffile.imwrite(path, DEEP_COLOUR, photometric="rgb")
    path.write_bytes(path.read_bytes()[:-100])


def _cut_in_the_header(path: Path) -> None:
    Image.fromarray(GREY).save(path)
    path.write_bytes(path.read_bytes()[:20])


def _two_pages(path: Path) -> None:
    tifffile.imwrite(path, np.stack([GREY, GREY]), photometric="minisblack")


BAD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "truncated": ("cell.png", _truncated, "truncated or damaged"),
    "cut in the header": ("cell.png", _cut_in_the_header, "truncated or damaged"),
    "truncated tiff": (
        "cell.tif",
        _truncated_tiff,
        "truncated or damaged",
    ),
    "truncated colour tiff": ("cell.tif", _truncated_colour_tiff, "truncated or damaged"),
    "zero bytes": ("cell.png", lambda path: path.touch(), "zero bytes"),
    "text": ("cell.png", lambda path: path.write_text("I am not an image"), "not a PNG"),
    "missing": ("cell.png", lambda path: None, "no such file"),
    "folder": ("cell.png", lambda path: path.mkdir(), "cannot be read"),
    "black": (
        "cell.png",
        lambda path: Image.new("L", (20, 20)).save(path),
        "every pixel is black",
    ),
    "blank": (
        "cell.png",
        lambda path: Image.new("L", (20, 20), 9).save(path),
        "every pixel has the value 9",
    ),
    "floating point": (
        "cell.tif",
        lambda path: tifffile.imwrite(path, GREY.astype(np.float32)),
        "floating-point",
    ),
    "32 bit": (
        "cell.tif",
        lambda path: tifffile.imwrite(path, COUNTS.astype(np.uint32) * 1000),
        "do not fit 16 bits",
    ),
    "two pages": ("cell.tif", _two_pages, "2 pages"),
}


@pytest.mark.parametrize("case", BAD)
def test_unusable_file_is_named_with_its_fault_in_one_line(tmp_path: Path, case: str) -> None:
    name, make, fault = BAD[case]
    make(tmp_path / name)
    with pytest.raises(InputError, match=fault) as error:
        read_image(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(error.value)
    assert error.value.remedy


def _files() -> dict[str, bytes]:
    def saved(pixels: NDArray[Any], kind: str, **options: str) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind, **options)
        return file.getvalue()

    def tiff(pixels: NDArray[Any], **options: Any) -> bytes:
        file = io.BytesIO()
        tifffile.imwrite(file, pixels, photometric="rgb", **options)
        return file.getvalue()

    return {
        "png": saved(GREY, "PNG"),
        "16-bit colour png": _deep_png(DEEP_COLOUR, 2),
        "bmp": saved(GREY, "BMP"),
        "jpeg": saved(GREY, "JPEG"),
        "tiff": saved(GREY, "TIFF"),
        "zipped tiff": saved(COUNTS, "TIFF", compression="tiff_adobe_deflate"),
        "16-bit colour tiff": tiff(DEEP_COLOUR),
        "zipped 16-bit colour tiff": tiff(DEEP_COLOUR, compression="zlib"),
        "tiled 16-bit colour tiff": tiff(np.tile(DEEP_COLOUR, (2, 2, 1)), tile=(16, 16)),
    }


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", _files())
def test_damage_anywhere_in_a_file_is_a_fault_of_that_file(kind: str) -> None:
    whole = _files()[kind]
    for seed in range(60):
        random = np.random.default_rng(seed)
        damaged = bytearray(whole[: random.integers(8, len(whole))] if seed % 3 == 0 else whole)
        # Where formats keep what describes the pixels: at the beginning, and TIFFs at the end too.
        for _ in range(4):
            damaged[random.integers(0, min(120, len(damaged)))] = random.integers(256)
            damaged[-random.integers(1, min(250, len(damaged)))] = random.integers(256)
        with suppress(InputError):
            decode_image(bytes(damaged), "cell")


@pytest.mark.parametrize("inside", [1, 255])
def test_mask_is_true_inside_whatever_its_values(tmp_path: Path, inside: int) -> None:
    mask = np.zeros((20, 24), np.uint8)
    mask[5:10, 6:12] = inside
    Image.fromarray(mask).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png", (20, 24)), mask > 0)


def test_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    Image.new("L", (24, 20), 255).save(tmp_path / "mask.png")
    with pytest.raises(InputError, match="mask of 24 x 20 px for an image of 20 x 24 px"):
        read_mask(tmp_path / "mask.png", (24, 20))


def test_grey_of_a_green_fluorescence_image_is_its_green_channel() -> None:
    pixels = np.zeros((20, 24, 3), np.uint8)
    pixels[:, :, 1] = GREY
    np.testing.assert_array_equal(grey(pixels), GREY)


def test_grey_of_a_coloured_image_is_its_luminance() -> None:
    pixels = np.full((8, 8, 3), (100, 200, 50), np.uint8)
    assert (grey(pixels) == round(0.299 * 100 + 0.587 * 200 + 0.114 * 50)).all()
    assert grey(pixels).dtype == np.uint8
