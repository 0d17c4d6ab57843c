"""One fixed colour for each pattern, told apart by colour-blind readers too.

The six patterns of the paper take the palette of Okabe and Ito (jfly.uni-koeln.de/color, 2008);
the others take colours of Paul Tol's "muted" scheme (SRON/EPS/TN/09-002, 2021), except the two
speckled sub-patterns, which are a dark and a light relative of speckled.
"""

from __future__ import annotations

import zlib

from cellquery.core import find_pattern

RIGHT = "#0072B2"
WRONG = "#D55E00"
NEUTRAL = "#6B7480"
TRAIN = "#6B7480"
VALIDATION = "#0072B2"
UNSEEN_SPECIMENS = "#CC5500"
SEEN_SPECIMENS = "#0072B2"

PATTERN_COLOURS: dict[str, str] = {
    "homogeneous": "#0072B2",
    "speckled": "#E69F00",
    "nucleolar": "#009E73",
    "centromere": "#D55E00",
    "nuclear_membrane": "#56B4E9",
    "golgi": "#CC79A7",
    "coarse_speckled": "#8F5F00",
    "fine_speckled": "#D9BF3F",
    "cytoplasmic": "#332288",
    "mitotic_spindle": "#882255",
    "negative": "#7F7F7F",
}

# for a laboratory's own classes: a class keeps its colour whatever else is on the page
_OTHERS = ("#44AA99", "#999933", "#AA4499", "#117733", "#CC6677", "#88CCEE", "#DDCC77")


def pattern_colour(pattern: str) -> str:
    """Return the colour of a pattern as ``#RRGGBB``, the same on every page and figure.

    Examples
    --------
    >>> pattern_colour("golgi")
    '#CC79A7'
    """
    known = PATTERN_COLOURS.get(pattern)
    return known or _OTHERS[zlib.crc32(pattern.encode()) % len(_OTHERS)]


def pattern_short(pattern: str) -> str:
    """Return the paper's short name of a pattern, or the first eight characters of an own one."""
    known = find_pattern(pattern)
    return known.short if known else pattern.replace("_", " ")[:8]
