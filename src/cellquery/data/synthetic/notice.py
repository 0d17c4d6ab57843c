"""What every picture of synthetic cells says of itself."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from cellquery.core import RESEARCH_USE_ONLY

SYNTHETIC = "Synthetic, made by cellquery; no real specimen is shown."


def says_synthetic(path: str | Path) -> bool:
    """Return whether an image file was written by ``cellquery synthesize``."""
    try:
        with Image.open(path) as image:
            return str(image.info.get("Description", "")).startswith(SYNTHETIC)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, Warning):
        return False


def synthetic_notice() -> PngImagePlugin.PngInfo:
    """Return the description that goes into a PNG file."""
    notice = PngImagePlugin.PngInfo()
    notice.add_text("Description", f"{SYNTHETIC} {RESEARCH_USE_ONLY}")
    return notice
