"""A source's own words for patterns, intensities and ids -> the project's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cellquery.core import PATTERNS, InputError, find_pattern, parse_pattern
from cellquery.data.readers import Columns, Source
from cellquery.data.readers.facts import Facts, facts_from
from cellquery.data.readers.ids import ById
from cellquery.data.records import SourceCell

_INTENSITIES = {
    "positive": "positive",
    "pos": "positive",
    "intermediate": "intermediate",
    "int": "intermediate",
    # So called in some papers; these sets hold no negative cells.
    "negative": "intermediate",
}

_PARENTS = {pattern.name: pattern.parent for pattern in PATTERNS if pattern.parent}


@dataclass(frozen=True)
class Labelling:
    """How the cells of a source are named and labelled.

    Attributes
    ----------
    own_patterns : tuple of str
        Classes beyond the known patterns.
    merge_speckled : bool
        Whether fine and coarse speckled become speckled.
    prefix : str
        Put before every cell id.
    annotations : Path or None
        A table with an id column and patterns, specimens or intensities, which win over those of
        the source where they are not blank.
    columns : Columns
        Names of the columns of `annotations`, where they are not the usual ones.
    """

    own_patterns: tuple[str, ...] = ()
    merge_speckled: bool = False
    prefix: str = ""
    annotations: Path | None = None
    columns: Columns = field(default_factory=Columns)


class LabelledCells:
    """The cells of a source in the project's words, as often as one asks for them.

    Iterating raises InputError at a pattern outside the class list or an unknown intensity.
    """

    def __init__(self, source: Source, labelling: Labelling, class_list: tuple[str, ...]) -> None:
        self.root = source.root
        self._source = source
        self._labelling = labelling
        self._own = {*class_list, *map(parse_pattern, labelling.own_patterns)}
        self._canonical: dict[str, str] = {}
        self._facts: ById[Facts] | None = None
        if labelling.annotations is not None:
            self._facts = facts_from(labelling.annotations, labelling.columns)

    def __iter__(self) -> Iterator[SourceCell]:
        return map(self._labelled, self._source)

    @property
    def patterns(self) -> set[str]:
        """The patterns met so far."""
        return set(self._canonical.values())

    @property
    def n_facts_unused(self) -> int:
        """The rows of the annotations that name no cell met so far."""
        return sum(1 for _ in self._facts.unfound()) if self._facts else 0

    def _labelled(self, cell: SourceCell) -> SourceCell:
        pattern, specimen, intensity = cell.pattern, cell.specimen, cell.intensity
        where = cell.origin or cell.path
        facts = self._facts.find(cell.cell_id) if self._facts else None
        if facts:
            pattern = facts.pattern or pattern
            specimen = facts.specimen or specimen
            intensity = facts.intensity or intensity
            where = facts.origin
        return SourceCell(
            utf8(self._labelling.prefix + cell.cell_id),
            cell.path,
            cell.mask_path,
            self._pattern(pattern, where) if pattern else None,
            specimen,
            _intensity(intensity, where) if intensity else None,
            cell.part,
            cell.origin,
        )

    def _pattern(self, text: str, where: str) -> str:
        if text not in self._canonical:
            name = parse_pattern(text)
            if find_pattern(text) is None and name not in self._own:
                raise InputError(
                    where,
                    f"pattern {text!r} is not in the class list",
                    f"correct it, or make it a class of your own with --pattern {name}",
                )
            merged = _PARENTS.get(name) if self._labelling.merge_speckled else None
            self._canonical[text] = merged or name
        return self._canonical[text]


def utf8(text: str) -> str:
    """Return a name from the file system as text that can be written anywhere."""
    return text.encode("utf-8", "replace").decode()


def _intensity(text: str, where: str) -> str:
    known = _INTENSITIES.get(text.strip().casefold())
    if known is None:
        raise InputError(
            where, f"intensity {text!r} is not known", "write positive or intermediate"
        )
    return known
