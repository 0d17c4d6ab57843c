"""Findings about specimens: how many a pattern has, and whether they are known at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from cellquery.data.audit.class_findings import PatternCount
from cellquery.data.audit.file_order import FileOrder
from cellquery.data.audit.findings import Finding, concerning
from cellquery.data.audit.measurements import Measurements

FEWEST_SPECIMENS = 5
_DOMINANT = 0.5
_SURE, _LIKE = 0.01, 1.05

_LEAK = (
    "Cells of one serum look alike and carry one label. A random split puts them on both sides, "
    "and its accuracy then tells how well known sera are recognised: on real cells (I3A) one "
    "classifier scores 95 % at random and 74 % on specimens it has not seen."
)
_ASK = (
    "Ask the source for the slide, well or serum of each cell, give it in a table with "
    "cellquery import --annotations, and split by specimen."
)


def specimen_findings(
    cells: Measurements, counts: Sequence[PatternCount], order: FileOrder | None
) -> list[Finding]:
    """Return findings about specimens.

    Parameters
    ----------
    cells : Measurements
        The cells.
    counts : sequence of PatternCount
        Cells and specimens of every pattern.
    order : FileOrder or None
        What the order of the files says, where it was looked at.
    """
    unknown = [i for i, s in zip(cells.ids, cells.specimens, strict=True) if s is None]
    found = [_unknown(unknown, len(cells), order)] if unknown else []
    if len(unknown) == len(cells):
        return found
    few = [one for one in counts if one.n_cells and one.n_specimens < FEWEST_SPECIMENS]
    if few:
        named = ", ".join(f"{one.pattern} ({one.n_specimens})" for one in few)
        found.append(
            Finding(
                "few-specimens",
                "warning",
                f"Fewer than {FEWEST_SPECIMENS} specimens of {named}",
                "Split by specimen, such a pattern is tested on one or two sera, so its recall is "
                "the luck of which; cells do not make up for sera.",
                "Get more specimens of it. Until then use folds by specimen instead of one split, "
                "and read the recall with its interval by specimen.",
                numbers={one.pattern: one.n_specimens for one in few},
            )
        )
    dominated = [
        one
        for one in counts
        if one.n_specimens >= FEWEST_SPECIMENS and one.largest_specimen > _DOMINANT * one.n_cells
    ]
    if dominated:
        found.append(
            Finding(
                "dominant-specimen",
                "note",
                "One specimen has most of the cells of "
                + ", ".join(one.pattern for one in dominated),
                "What is learnt of the pattern is mostly that serum, and on whichever side of a "
                "split by specimen it falls, the other side is small.",
                "Cap the cells taken of one specimen, or get more specimens.",
                numbers={one.pattern: one.largest_specimen for one in dominated},
            )
        )
    return found + _mixed(cells)


def _unknown(unknown: Sequence[str], n_cells: int, order: FileOrder | None) -> Finding:
    title = (
        "No specimen is known"
        if len(unknown) == n_cells
        else f"The specimen of {len(unknown):,} of {n_cells:,} cells is not known"
    )
    words, remedy = [_LEAK], _ASK
    if order is not None and order.p_value <= _SURE and order.likeness >= _LIKE:
        title += (
            f", but the file order holds it: neighbours are {order.likeness:.1f} times as alike"
        )
        words.append(
            f"Cells next to each other in the file list are {order.likeness:.1f} times as alike in "
            "brightness, background, size and contrast as two random cells of the same pattern "
            f"(p {_at_most(order.p_value)}). So the files are numbered specimen by specimen, and "
            "this leak is in the set."
        )
        if order.run_length is not None:
            n_runs = max(1, round(order.n_cells / order.run_length))
            words.append(
                f"How fast the likeness fades suggests runs of about {order.run_length} cells, so "
                f"in the order of {n_runs} specimens."
            )
        remedy += (
            " Where nobody knows any more, estimate specimens from jumps in appearance along the "
            "file order, or split in whole blocks of consecutive files of a pattern."
        )
    elif order is not None:
        words.append(
            "The order of the files does not help: neighbours in the list are no more alike than "
            f"random cells of a pattern ({order.likeness:.2f} times, p = {order.p_value:.2f})."
        )
    return Finding(
        "specimens-unknown",
        "warning",
        title,
        " ".join(words),
        remedy,
        numbers=order.to_json() if order else {},
        **concerning(unknown),
    )


def _mixed(cells: Measurements) -> list[Finding]:
    patterns: dict[str, set[str]] = defaultdict(set)
    for pattern, specimen in zip(cells.patterns, cells.specimens, strict=True):
        if pattern is not None and specimen is not None:
            patterns[specimen].add(pattern)
    mixed = {specimen for specimen, found in patterns.items() if len(found) > 1}
    if not mixed:
        return []
    return [
        Finding(
            "specimens-with-several-patterns",
            "note",
            f"{len(mixed)} of {len(patterns)} specimens carry more than one pattern",
            "A serum can hold two antibodies, but where labels were given a specimen at a time it "
            "points at mistaken labels, or at specimens that share a name.",
            "Look at these specimens; prefix names that two sources share.",
            numbers={"n_specimens": len(mixed), "specimens": sorted(mixed)[:20]},
            **concerning(i for i, s in zip(cells.ids, cells.specimens, strict=True) if s in mixed),
        )
    ]


def _at_most(p_value: float) -> str:
    return f"≤ {p_value:.3f}"
