"""Importing: a source of cells -> a project's image store, in bounded memory, resumable.

An import looks at a source twice. The first look reads no image: it checks every label and id, so
that a mistake in a table stops the import before it began. The second decodes, and writes a shard
whenever one is full. Killed at any point, the same import goes on after the last whole shard.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from cellquery.core import InputError, Progress, ProjectError, parse_pattern, silent
from cellquery.core.places import Place
from cellquery.core.workers import WORTH_WORKERS, in_batches, in_order
from cellquery.data.amending import says_otherwise, stored_cells, take_over
from cellquery.data.decoding import Job, Outcome, decode_batch
from cellquery.data.faults import read_faults, write_faults
from cellquery.data.labelling import LabelledCells, Labelling, utf8
from cellquery.data.project import Project
from cellquery.data.readers import ReaderOptions, open_source
from cellquery.data.records import SourceCell
from cellquery.data.shards import ShardWriter, shards_of
from cellquery.data.store import ImageStore
from cellquery.data.synthetic.notice import says_synthetic

SOURCE_SPLIT = "source"
"""The name of the split that a source brings with it."""


@dataclass
class ImportSummary:
    """What an import did.

    Attributes
    ----------
    layout : str
        The layout of the source.
    found : int
        Cells that the source names.
    imported, kept : int
        Cells new to the project, and cells that were there already.
    taken_over : int
        Of the latter, those of which the source now says otherwise: a pattern, specimen,
        intensity or mask that the project had not, and has now.
    faults : list of InputError
        Inputs that were skipped, as in ``faults.csv``.
    patterns : Counter
        Imported cells of each pattern; None counts the unlabelled.
    n_specimen_known : int
        Imported cells of known specimen.
    content_bits : Counter
        Imported 16-bit cells by the bits that their counts use.
    parts : dict
        The part of each cell in the source's own split, where it has one.
    notices : list of str
        What the user should know.
    """

    layout: str
    found: int = 0
    imported: int = 0
    kept: int = 0
    taken_over: int = 0
    faults: list[InputError] = field(default_factory=list)
    patterns: Counter[str | None] = field(default_factory=Counter)
    n_specimen_known: int = 0
    content_bits: Counter[int] = field(default_factory=Counter)
    parts: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


def import_cells(
    source: str | Path,
    project: Project | Place,
    *,
    layout: str | None = None,
    reader: ReaderOptions | None = None,
    labelling: Labelling | None = None,
    workers: int = 1,
    progress: Progress = silent,
) -> ImportSummary:
    """Bring the cells of a folder or table into a project and return what was done.

    Of cells already there (same id, same image) only what the source now says otherwise is taken
    over, so the same call resumes an interrupted import, and changes nothing after one that ended.
    Images that cannot be used are skipped and listed in ``faults.csv``.

    Parameters
    ----------
    source : str or Path
        A folder or a table.
    project : Project, Path or UPath
        Where to. A new or empty folder becomes a project once the source is found in order.
    layout : str, optional
        A key of ``readers.LAYOUTS``; detected when not given.
    reader : ReaderOptions, optional
        Columns of a table, and the like.
    labelling : Labelling, optional
        How cells are named and labelled.
    workers : int, optional
        Processes that decode; small imports use one whatever this says.
    progress : Progress, optional
        Told of the cells done.

    Raises
    ------
    InputError
        When the source cannot be read as a whole: a label outside the class list, an id twice
        with different content, a missing column; nothing is imported then. Also when an id
        belongs to another image in the project, or no image could be used.
    ProjectError
        When the project cannot be written; what was imported before is kept.
    """
    if Project.open_if_there(str(source)):
        raise InputError(
            source,
            "is a cellquery project, whose images are not files",
            "import what it was made from",
        )
    labelling = labelling or Labelling()
    there = project if isinstance(project, Project) else Project.open_if_there(project)
    known = there.patterns if there else ()
    options = replace(
        reader or ReaderOptions(),
        own_patterns=(*known, *labelling.own_patterns),
        annotations=labelling.annotations,
    )
    opened = open_source(source, layout, options)
    summary = ImportSummary(opened.layout, notices=list(opened.notices))
    cells = LabelledCells(opened, labelling, known)
    listed = {fault.where for fault in read_faults(there.path)} if there else set()
    repeated, looked_at = _survey(cells, summary, listed)
    if not isinstance(project, Project):
        project = there or Project.create(project)
    with _one_import_at_a_time(project.path):
        project.declare(
            cells.patterns.union(map(parse_pattern, labelling.own_patterns)),
            _about(source, opened.layout, cells),
        )
        try:
            written = _store(cells, project, repeated, summary, workers, progress)
        finally:
            # Also when the import stops half-way: the list must not miss what was skipped.
            write_faults(project.path, source, summary.faults, looked_at)
        project.write_manifest(written)
        if summary.parts:
            _save_source_split(project, summary.parts)
    if not summary.imported and not summary.kept:
        raise _nothing_usable(source, summary.faults)
    summary.notices += _remarks(summary, cells, project)
    return summary


def _about(source: str | Path, layout: str, cells: LabelledCells) -> dict[str, str]:
    """Return what a project remembers of a source, with the mark of synthetic cells."""
    about = {"path": utf8(os.path.abspath(source)), "layout": layout}
    if any(says_synthetic(cell.path) for cell in islice(cells, 1)):
        about["synthetic"] = "yes"
    return about


def _survey(
    cells: LabelledCells, summary: ImportSummary, listed: set[str]
) -> tuple[set[str], set[str]]:
    """Check every label and id.

    Return the ids of cells that stand twice in the same words, and which of the paths that are
    listed as faults the source names.
    """
    seen: dict[str, int] = {}
    repeated: set[str] = set()
    looked_at: set[str] = set()
    for cell in cells:
        summary.found += 1
        if listed:
            paths = (path for path in (cell.path, cell.mask_path) if path)
            looked_at.update(listed.intersection(map(os.path.abspath, paths)))
        words = hash((cell.path, cell.pattern, cell.specimen, cell.intensity))
        if cell.cell_id not in seen:
            seen[cell.cell_id] = words
        elif seen[cell.cell_id] == words:
            repeated.add(cell.cell_id)
            summary.faults.append(
                InputError(
                    cell.path,
                    f"listed twice, the second time in {cell.origin}",
                    "remove one of the two lines",
                )
            )
        else:
            raise InputError(
                cell.origin or cell.path,
                f"the id {cell.cell_id!r} stands twice, with another file or label",
                "keep one of the two, or give each an id of its own",
            )
    return repeated, looked_at


def _store(
    cells: LabelledCells,
    project: Project,
    repeated: set[str],
    summary: ImportSummary,
    workers: int,
    progress: Progress,
) -> dict[str, str]:
    images = project.path / "images"
    store = ImageStore(images, shards_of(images, mending=True))
    stored = stored_cells(store)
    otherwise: dict[str, SourceCell] = {}
    writer = ShardWriter(images)
    jobs = (
        Job(cell, _path_within(cells.root, cell.path), stored.get(cell.cell_id))
        for cell in _each_once(cells, repeated)
    )
    done, total = 0, summary.found - len(summary.faults)
    workers = workers if total >= WORTH_WORKERS else 1
    for outcomes in in_order(decode_batch, in_batches(jobs), workers, task="import"):
        for outcome in outcomes:
            _count(outcome, summary)
            cell_id = outcome.cell.cell_id
            if outcome.row is not None:
                writer.add(outcome.row)
            elif outcome.fault is None and says_otherwise(outcome, stored[cell_id], store):
                otherwise[cell_id] = outcome.cell
        done += len(outcomes)
        progress("importing", done, total)
    writer.flush()
    written = {shard.name: shard.sha256 for shard in store.shards if shard.sha256}
    if otherwise:
        written |= take_over(project, store, otherwise, progress)
        summary.taken_over = len(otherwise)
    return written | writer.written


def _count(outcome: Outcome, summary: ImportSummary) -> None:
    cell, row = outcome.cell, outcome.row
    if outcome.fault is not None:
        summary.faults.append(outcome.fault)
        return
    if cell.part is not None:
        summary.parts[cell.cell_id] = cell.part
    if row is None:
        summary.kept += 1
        return
    summary.imported += 1
    summary.patterns[cell.pattern] += 1
    summary.n_specimen_known += cell.specimen is not None
    if row["bit_depth"] == 16:
        summary.content_bits[row["content_bits"]] += 1


def _each_once(cells: Iterable[SourceCell], repeated: set[str]) -> Iterator[SourceCell]:
    met: set[str] = set()
    for cell in cells:
        if cell.cell_id in met:
            continue
        if cell.cell_id in repeated:
            met.add(cell.cell_id)
        yield cell


def _path_within(root: Path, path: str) -> str:
    return utf8(os.path.relpath(path, root).replace(os.sep, "/"))


def _save_source_split(project: Project, part_of: dict[str, str]) -> None:
    """Save the source's own split, joined to that of sources imported before."""
    before = project.split(SOURCE_SPLIT) if SOURCE_SPLIT in project.split_names else {}
    parts: dict[str, list[str]] = {
        part: [cell_id for cell_id in ids if cell_id not in part_of] for part, ids in before.items()
    }
    for cell_id, part in part_of.items():
        parts.setdefault(part, []).append(cell_id)
    project.save_split(SOURCE_SPLIT, parts, {"kind": "source"})


def _nothing_usable(source: str | Path, faults: list[InputError]) -> InputError:
    if not faults:
        return InputError(source, "no cell in it", "give a folder or a table of cell images")
    return InputError(
        source,
        f"none of {len(faults)} inputs could be used, the first: {faults[0]}",
        "see faults.csv",
    )


def _remarks(summary: ImportSummary, cells: LabelledCells, project: Project) -> list[str]:
    remarks = [
        f"{count} cells are 16-bit files whose counts need {bits} bits; "
        f"full scale is taken as {2**bits - 1}"
        for bits, count in sorted(summary.content_bits.items())
    ]
    labelled = summary.imported - summary.patterns[None]
    if labelled and summary.n_specimen_known < summary.imported:
        unknown = summary.imported - summary.n_specimen_known
        remarks.append(
            f"the specimen of {unknown} cells is not known: splits at random may put cells of one "
            f"serum in both training and test, and so promise too much"
        )
    splits = [name for name in project.split_names if name != SOURCE_SPLIT]
    if summary.taken_over and splits:
        remarks.append(
            f"the splits made before stay as they were ({', '.join(splits)}): "
            "make them again where they should follow the patterns or specimens taken over"
        )
    if cells.n_facts_unused:
        remarks.append(f"{cells.n_facts_unused} rows of the annotations name no cell of the source")
    return remarks


@contextmanager
def _one_import_at_a_time(project: Place) -> Iterator[None]:
    """Hold a lock on the project's folder, which the system frees even after a kill."""
    if not isinstance(project, Path):
        # Nothing can be locked there: `ShardWriter` stops an import that meets another's shard.
        yield
        return
    try:
        import fcntl
    except ImportError:  # Windows has no such locks.
        yield
        return
    folder = os.open(project, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ProjectError(
                project, "another import into it is running", "wait for its end"
            ) from None
        except OSError:
            # A network drive without locks: go on, as without the lock.
            pass
        yield
    finally:
        os.close(folder)
