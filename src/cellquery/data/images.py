"""Reading one cell image or mask, of any common format and bit depth, or saying what is wrong."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from cellquery.core import InputError

MIN_SIDE_PX = 8
MAX_SIDE_PX = 4096
MAX_FILE_BYTES = 256 * 2**20
SUFFIXES = frozenset({".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg"})

_FORMATS = ("PNG", "TIFF", "BMP", "JPEG")
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"II*\x00", b"MM\x00*", b"BM", b"\xff\xd8\xff")
CAMERA_BITS = (8, 10, 12, 14, 16)
_NEAR_EMPTY = 0.1
_BITS_PER_SAMPLE = 258  # the tag of TIFF 6.0

# What Pillow and tifffile let through when the bytes make no sense: found by damaging files of
# every kind 25,000 times, and kept by a test that damages some of them.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)

# Pillow checks the pixel count when it opens a file, before our check of the sides. Clamped to
# ours, and made an error at once the limit is passed instead of at twice the limit.
Image.MAX_IMAGE_PIXELS = MAX_SIDE_PX**2
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# What Pillow warns of in a damaged TIFF we report ourselves.
warnings.filterwarnings("ignore", category=UserWarning, module="PIL.TiffImagePlugin")


@dataclass(frozen=True)
class RawImage:
    """An image as the camera counted it.

    Attributes
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width) or (height, width, 3)
        Raw counts.
    bit_depth : int
        Bits of the file's pixels: 8 or 16.
    content_bits : int
        Bits that the counts use: 8 for 8-bit files; for 16-bit files the smallest of 8, 10, 12,
        14 and 16 that holds the highest count, so 12 for a 12-bit camera. One dim cell can show
        fewer bits than its camera has: for a common scale take the highest of a project.
    """

    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    bit_depth: int
    content_bits: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.pixels.shape[:2]
        return height, width


def read_image(path: str | Path) -> RawImage:
    """Return the image in a PNG, TIFF, BMP or JPEG file, 8 or 16 bits, grey or colour.

    A colour image whose three channels are equal comes back grey; palettes are resolved;
    transparency is dropped.

    Raises
    ------
    InputError
        When the file is missing, empty, truncated, no image, of floating-point or several pages,
        smaller than 8 or larger than 4096 px a side (known from its header, before decoding), or
        of one value throughout.
    """
    return decode_image(read_bytes(path), path)


def read_bytes(path: str | Path) -> bytes:
    """Return the content of an image file, refusing files too large to be one cell."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
                raise InputError(
                    path, f"larger than {MAX_FILE_BYTES >> 20} MiB", "crop it to one cell an image"
                )
            data = file.read()
    except FileNotFoundError:
        raise InputError(path, "no such file", "restore it or remove its entry") from None
    except OSError as error:
        raise InputError(
            path, f"cannot be read ({error.strerror})", "check the file and its permissions"
        ) from error
    if not data:
        raise InputError(path, "empty file, zero bytes", "copy it again from the original")
    return data


def decode_image(data: bytes, where: str | Path) -> RawImage:
    """Return the image that the bytes of a file hold; see :func:`read_image`."""
    pixels = _decoded(data, where)
    lowest, highest = int(pixels.min()), int(pixels.max())
    if lowest == highest:
        black = "every pixel is black" if not highest else f"every pixel has the value {highest}"
        raise InputError(where, black, "take it out or export it again: there is no cell in it")
    if pixels.dtype == np.uint8:
        return RawImage(pixels, 8, 8)
    return RawImage(pixels, 16, content_bits(highest))


def content_bits(highest: int) -> int:
    """Return the bits of the camera that 16-bit counts up to ``highest`` come from.

    Examples
    --------
    >>> content_bits(4095), content_bits(4096)
    (12, 14)
    """
    return next(bits for bits in CAMERA_BITS if highest < 1 << bits)


def read_mask(path: str | Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a mask, True inside the cell, of shape (height, width).

    Pixels above half of the mask's highest value are inside, so 0/1 and 0/255 files and the
    ringing of a JPEG all read alike.

    Raises
    ------
    InputError
        When the file cannot be read as an image or its size is not `shape`.
    """
    pixels = grey(_decoded(read_bytes(path), path))
    if pixels.shape != tuple(shape):
        (height, width), (rows, columns) = shape, pixels.shape
        raise InputError(
            path,
            f"mask of {columns} x {rows} px for an image of {width} x {height} px",
            "give a mask of the image's size, or none: cells without a mask are fine",
        )
    return pixels > pixels.max() / 2


def grey(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return one channel, (height, width), of a grey or colour image, of the same dtype.

    Fluorescence images are often colour files with one channel in use (ICPR2012 is green): when
    the means of the other two are below a tenth of the highest, that channel is returned as it
    is. Other colour images become their luminance, ITU-R BT.601.
    """
    if pixels.ndim == 2:
        return pixels
    means = pixels.reshape(-1, pixels.shape[2]).mean(axis=0)
    brightest = int(means.argmax())
    if np.delete(means, brightest).max() <= _NEAR_EMPTY * means[brightest]:
        return np.ascontiguousarray(pixels[:, :, brightest])
    return np.rint(pixels @ np.array([0.299, 0.587, 0.114])).astype(pixels.dtype)


def _decoded(data: bytes, where: str | Path) -> NDArray[Any]:
    damaged = InputError(where, "truncated or damaged image", "copy it again from the original")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_sides(image.size, where)
            pages = getattr(image, "n_frames", 1)
            if pages > 1:
                raise InputError(where, f"holds {pages} pages", "save one cell image a file")
            if not _loses_depth(image):
                return _counts(image, where)
            if image.format == "PNG":
                return _deep_png_counts(data, image.mode, image.tile[0].args)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(where) from None
    except UnidentifiedImageError:
        if not data.startswith(_SIGNATURES):
            raise InputError(
                where,
                "not a PNG, TIFF, BMP or JPEG image",
                "take it out or export it again as one of these",
            ) from None
    except _DAMAGE:
        raise damaged from None
    if data.startswith(_SIGNATURES[1:3]):
        return _tiff_counts(data, where, damaged)
    raise damaged


def _loses_depth(image: Image.Image) -> bool:
    """Return whether Pillow would silently read 16-bit colour as its upper 8 bits."""
    if image.mode.startswith(("I", "F")):
        return False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # Of colours stored plane by plane it does not say so, and reads single bytes.
        return max(image.tag_v2.get(_BITS_PER_SAMPLE, (1,))) > 8
    return any(";16" in str(tile[3]) for tile in getattr(image, "tile", None) or ())


def _check_sides(size: tuple[int, int], where: str | Path) -> None:
    width, height = size
    if max(size) > MAX_SIDE_PX:
        raise _too_large(where, f"{width} x {height} px, ")
    if min(size) < MIN_SIDE_PX:
        raise InputError(
            where,
            f"{width} x {height} px, smaller than {MIN_SIDE_PX} px a side",
            "take it out: there is no cell to see",
        )


def _too_large(where: str | Path, size: str = "") -> InputError:
    return InputError(
        where, f"{size}larger than {MAX_SIDE_PX} px a side", "crop it to one cell an image"
    )


def _counts(image: Image.Image, where: str | Path) -> NDArray[Any]:
    mode = image.mode
    if mode == "L":
        return np.asarray(image)
    if mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if mode == "I":
        return _as_uint16(np.asarray(image), where)
    if mode == "F":
        raise _floating_point(where)
    if mode in ("1", "LA", "La"):
        return np.asarray(image.convert("L"))
    return _one_channel_if_grey(np.asarray(image.convert("RGB")))


def _deep_png_counts(data: bytes, mode: str, layout: Any) -> NDArray[Any]:
    """Return a 16-bit PNG with colours or transparency in full depth.

    Pillow unpacks one byte of each count: the upper, or the lower when told that it comes first.
    Grey with transparency it unpacks whole when told that its four bytes are four channels.
    """
    is_grey = layout == "LA;16B"
    planes = []
    for as_if in ("RGBA",) if is_grey else (f"{mode};16B", f"{mode};16L"):
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.tile = [tile._replace(args=as_if) for tile in image.tile]
            planes.append(np.asarray(image))
    if is_grey:
        return planes[0].view(">u2")[:, :, 0].astype(np.uint16)
    counts = np.stack([plane[:, :, :3] for plane in planes], axis=3).view(">u2")[:, :, :, 0]
    return _one_channel_if_grey(counts.astype(np.uint16))


def _tiff_counts(data: bytes, where: str | Path, damaged: InputError) -> NDArray[Any]:
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            _check_sides((page.imagewidth, page.imagelength), where)
            strips = zip(page.dataoffsets, page.databytecounts, strict=False)
            if any(start + count > len(data) for start, count in strips):
                raise damaged
            pixels = page.asarray()
            if pixels.ndim == 3 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
                pixels = np.moveaxis(pixels, 0, 2)
    except tifffile.TiffFileError:
        raise damaged from None
    except (ValueError, NotImplementedError) as error:
        raise InputError(
            where, f"TIFF of a kind not read here ({error})", "save it uncompressed"
        ) from None
    except _DAMAGE:
        raise damaged from None
    if pixels.dtype.kind == "f":
        raise _floating_point(where)
    if pixels.dtype != np.uint8:
        pixels = _as_uint16(pixels, where)
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        return _one_channel_if_grey(pixels[:, :, :3])
    if pixels.ndim != 2:
        raise InputError(
            where, f"an array of shape {pixels.shape}", "save it as one grey or RGB image"
        )
    return pixels


def _as_uint16(pixels: NDArray[Any], where: str | Path) -> NDArray[np.uint16]:
    if pixels.dtype.kind not in "iu" or pixels.min() < 0 or pixels.max() > 0xFFFF:
        raise InputError(
            where, "counts do not fit 16 bits", "save it as 8- or 16-bit grey, without scaling"
        )
    return pixels.astype(np.uint16)


def _floating_point(where: str | Path) -> InputError:
    return InputError(
        where, "floating-point pixels", "save it as 8- or 16-bit grey with the camera's counts"
    )


def _one_channel_if_grey(pixels: NDArray[Any]) -> NDArray[Any]:
    first = pixels[:, :, 0]
    if np.array_equal(first, pixels[:, :, 1]) and np.array_equal(first, pixels[:, :, 2]):
        return np.ascontiguousarray(first)
    return np.ascontiguousarray(pixels)
