"""What every picture of synthetic cells says of itself."""

from __future__ import annotations

from PIL import PngImagePlugin

from cellquery.core import RESEARCH_USE_ONLY

SYNTHETIC = "Synthetic, made by cellquery; no real specimen is shown."


def synthetic_notice() -> PngImagePlugin.PngInfo:
    """Return the description that goes into a PNG file."""
    notice = PngImagePlugin.PngInfo()
    notice.add_text("Description", f"{SYNTHETIC} {RESEARCH_USE_ONLY}")
    return notice
