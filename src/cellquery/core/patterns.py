"""HEp-2 staining patterns: names, order, ICAP codes and the spellings that data sets use.

The codes follow the International Consensus on ANA Patterns (ICAP),
doi:10.3389/fimmu.2015.00412 and doi:10.1136/annrheumdis-2018-214436.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Pattern:
    """One staining pattern.

    Attributes
    ----------
    name : str
        The identifier used in files and code, such as ``nuclear_membrane``.
    title : str
        The name for people, such as ``Nuclear membrane``.
    short : str
        The label for axes and tables, at most six characters, as in the paper's figures.
    icap : str
        The ICAP code or range of codes.
    aliases : tuple of str
        Other spellings, compared without case, spaces, hyphens and underscores.
    parent : str or None
        The pattern this one is merged into when sub-patterns are not told apart.
    """

    name: str
    title: str
    short: str
    icap: str
    aliases: tuple[str, ...] = ()
    parent: str | None = None


PATTERNS: tuple[Pattern, ...] = (
    Pattern("homogeneous", "Homogeneous", "Homo", "AC-1", ("homo",)),
    Pattern("speckled", "Speckled", "Speck", "AC-4/5", ("speck",)),
    Pattern("nucleolar", "Nucleolar", "Nucl", "AC-8/9/10", ("nucl", "nucleolus")),
    Pattern("centromere", "Centromere", "Centro", "AC-3", ("centro", "centromeric")),
    Pattern(
        "nuclear_membrane",
        "Nuclear membrane",
        "NucMe",
        "AC-11/12",
        ("numem", "nucme", "nuclearmembranous", "nuclearenvelope"),
    ),
    Pattern("golgi", "Golgi", "Golgi", "AC-22", ("golgiapparatus", "golgilike")),
    Pattern(
        "coarse_speckled",
        "Coarse speckled",
        "Coarse",
        "AC-5",
        ("coarse", "speckledcoarse"),
        parent="speckled",
    ),
    Pattern(
        "fine_speckled",
        "Fine speckled",
        "Fine",
        "AC-4",
        ("fine", "speckledfine"),
        parent="speckled",
    ),
    Pattern("cytoplasmic", "Cytoplasmic", "Cyto", "AC-15..23", ("cytoplasmatic", "cyto")),
    Pattern("mitotic_spindle", "Mitotic spindle", "MitSp", "AC-25/26", ("mitsp", "spindle")),
    Pattern("negative", "Negative", "Neg", "AC-0", ("neg",)),
)

SIX_PATTERNS: tuple[str, ...] = tuple(pattern.name for pattern in PATTERNS[:6])


def title_of(name: str) -> str:
    """Return a pattern's name for people, also of one that is not among `PATTERNS`.

    Examples
    --------
    >>> title_of("nuclear_membrane"), title_of("rods_and_rings")
    ('Nuclear membrane', 'Rods and rings')
    """
    known = find_pattern(name)
    return known.title if known else name.replace("_", " ").capitalize()


def _folded(text: str) -> str:
    return re.sub(r"[\s_\-]+", "", text).casefold()


_BY_SPELLING: dict[str, Pattern] = {
    _folded(spelling): pattern
    for pattern in PATTERNS
    for spelling in (pattern.name, pattern.title, *pattern.aliases)
}


def find_pattern(text: str) -> Pattern | None:
    """Return the pattern that a label names in any known spelling, or None.

    Examples
    --------
    >>> find_pattern("NuMem").name
    'nuclear_membrane'
    >>> find_pattern("mystery") is None
    True
    """
    return _BY_SPELLING.get(_folded(text))


def parse_pattern(text: str) -> str:
    """Return the canonical name of a label, or the label itself, folded, when it is not known.

    A laboratory may have classes of its own: an unknown label becomes lower case with
    underscores, so that "My Class" and "my class" are one pattern.

    Examples
    --------
    >>> parse_pattern("Golgi"), parse_pattern("My Class")
    ('golgi', 'my_class')
    """
    known = find_pattern(text)
    return known.name if known else re.sub(r"[\s\-]+", "_", text.strip()).casefold()
