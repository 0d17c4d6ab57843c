from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from cellquery.core import InputError
from cellquery.data import grey, read_image, read_mask
from cellquery.data.images import content_bits

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


def test_16_bit_colour_png_is_refused_rather_than_cut_to_8_bits(tmp_path: Path) -> None:
    (tmp_path / "cell.png").write_bytes(_png(20, 24, depth=16, colour_type=2))
    with pytest.raises(InputError, match="16-bit colour PNG"):
        read_image(tmp_path / "cell.png")


def test_content_bits_are_those_of_a_camera() -> None:
    assert [content_bits(n) for n in (255, 256, 4095, 4096, 65535)] == [8, 10, 12, 14, 16]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_saved_as_something_else_is_grey_again(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(GREY).convert(mode)
    image.save(tmp_path / "cell.png")
    np.testing.assert_array_equal(read_image(tmp_path / "cell.png").pixels, GREY)


def _png(width: int, height: int, depth: int = 8, colour_type: int = 0) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
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
