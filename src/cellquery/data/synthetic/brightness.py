"""How bright each pattern is: a measured property of the I3A cells, per intensity."""

from __future__ import annotations

INTENSITIES: tuple[str, ...] = ("positive", "intermediate")

GREY_LEVELS: dict[str, dict[str, tuple[float, float]]] = {
    pattern: {"intermediate": intermediate, "positive": positive}
    for pattern, intermediate, positive in (
        ("homogeneous", (9, 20), (24, 85)),
        ("speckled", (7, 20), (22, 150)),
        ("nucleolar", (7, 22), (30, 260)),
        ("centromere", (8, 22), (28, 150)),
        ("nuclear_membrane", (6, 13), (15, 48)),
        ("golgi", (9, 22), (45, 140)),
        ("coarse_speckled", (7, 20), (22, 150)),
        ("fine_speckled", (7, 20), (22, 120)),
        ("cytoplasmic", (8, 20), (22, 110)),
    )
}
"""Lowest and highest brightness of a specimen by pattern and intensity, in grey levels of 8-bit
counts above the background: 99th percentiles within the nucleus, medians of each estimated
specimen of I3A, rounded outwards; those of the last three patterns are borrowed."""

STAINED_PATTERNS: tuple[str, ...] = tuple(GREY_LEVELS)
"""The patterns that can be synthesised."""
