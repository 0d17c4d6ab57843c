"""The report of studies of the four cases: one page, and its figures as files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cellquery.core import Progress, SettingsError, silent
from cellquery.experiments.cases_table import by_case_and_budget, caveats
from cellquery.reports.case_sections import SECTIONS, Part
from cellquery.reports.galleries import SCALING_WORDS
from cellquery.reports.page import Picture, Table, Tile, render_page, write_page, write_whole
from cellquery.reports.published import published_table
from cellquery.reports.studies import ReportedStudy, judgement_title, spread
from cellquery.reports.training_report import flat


def write_case_report(
    studies: Sequence[ReportedStudy],
    page: Path,
    *,
    title: str = "",
    progress: Progress = silent,
) -> Path:
    """Write the page about one or more studies, and every figure as a file in ``figures/``.

    With several studies, each has a folder of its name in ``figures/``.

    Parameters
    ----------
    studies : sequence of ReportedStudy
        Set side by side on the page in this order.
    page : Path
        The HTML file. Coordinates of embeddings are kept beside the figures, so that the report is
        made quickly the second time.
    title : str
    progress : Progress

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ProjectError
        When a directory holds no study or no finished campaign.
    InputError
        When a file of a finished campaign is missing or damaged.
    SettingsError
        When two studies have one name.
    """
    names = [study.name for study in studies]
    if len(set(names)) < len(names):
        raise SettingsError("report", f"two studies are called {names[0]}", "give each study once")
    figures = page.parent / "figures"
    folders = [figures / name if len(studies) > 1 else figures for name in names]
    parts = [
        {section.anchor: section.part(study, folder, progress) for section in SECTIONS}
        for study, folder in zip(studies, folders, strict=True)
    ]
    pictures = [
        _write_files(study, shown, folder)
        for study, folder, shown in zip(studies, folders, parts, strict=True)
    ]
    published = published_table({_short(study, studies): study.results for study in studies})
    if published is not None:
        _write_rows(figures / "published.csv", [published.head, *published.rows])
    write_page(page, _page(studies, parts, pictures, published, title))
    return page


def _page(
    studies: Sequence[ReportedStudy],
    parts: Sequence[Mapping[str, Part]],
    pictures: Sequence[Mapping[str, Picture]],
    published: Table | None,
    title: str,
) -> str:
    several = len(studies) > 1
    sections = []
    for section in SECTIONS:
        shown = [
            {
                "heading": study.heading if several else "",
                "pictures": [drawn[name] for name in part.plates],
                "notes": part.notes,
                "table": part.table,
                "galleries": part.galleries,
            }
            for study, of_study, drawn in zip(studies, parts, pictures, strict=True)
            for part in (of_study[section.anchor],)
        ]
        sections.append(
            {
                "anchor": section.anchor,
                "title": section.title,
                "words": section.words,
                "parts": shown,
            }
        )
    return render_page(
        "case_report.html.j2",
        title=title or f"The four cases: {' and '.join(study.name for study in studies)}",
        provenance=_provenance(studies),
        synthetic=any(study.is_synthetic for study in studies),
        tiles=[
            tile
            for study in studies
            for tile in _tiles(study, f"{_short(study, studies)}: " if several else "")
        ],
        overviews=[(study.heading, _overview(study)) for study in studies],
        published=published,
        sections=sections,
        settings=[(study.heading, flat(study.facts)) for study in studies],
        scaling=SCALING_WORDS["cell"],
    )


def _short(study: ReportedStudy, studies: Sequence[ReportedStudy]) -> str:
    """Return what a column of a table calls a study."""
    if len(studies) == 1:
        return "here"
    return study.mode if [each.mode for each in studies].count(study.mode) == 1 else study.name


def _write_files(study: ReportedStudy, parts: Mapping[str, Part], into: Path) -> dict[str, Picture]:
    """Write every figure as SVG and PNG, and every table as CSV; return the figures for a page."""
    pictures = {}
    for part in parts.values():
        for name, (plate, words) in part.plates.items():
            pictures[name] = plate.picture(words)
            write_whole(into / f"{name}.svg", pictures[name].data)
            plate.save(into / f"{name}.png")
        for name, rows in part.rows.items():
            _write_rows(into / f"{name}.csv", rows)
        for name, sheet in part.sheets.items():
            write_whole(into / f"{name}.png", sheet)
    patterns = list(study.results[0].recall)
    head = ["case", "seed", "budget", "judged", "n_labels", "aca", "mca", "seconds"]
    rows = [
        [*(getattr(one, name) for name in head), *(one.recall[pattern] for pattern in patterns)]
        for one in study.results
    ]
    _write_rows(into / "results.csv", [[*head, *(f"recall_{p}" for p in patterns)], *rows])
    return pictures


def _write_rows(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_whole(path, text.getvalue().encode())


def _provenance(studies: Sequence[ReportedStudy]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for study in studies:
        before = f"{study.name}: " if len(studies) > 1 else ""
        versions = [about.get("packages", {}).get("torch") for about in study.abouts]
        said = {
            "study": study.name,
            "preset": study.facts["preset"],
            "seeds": ", ".join(map(str, sorted({result.seed for result in study.results}))),
            "campaigns": str(len(study.campaigns)),
            "seconds of campaigns": f"{sum(r.seconds for r in study.campaigns.values()):.0f}",
            "processor": _all_of(about.get("processor") for about in study.abouts),
            "torch": _all_of(versions),
            "revision": _all_of(about.get("revision") for about in study.abouts),
            "started": min(
                (str(about["started"]) for about in study.abouts if "started" in about), default=""
            ),
        }
        facts |= {before + name: str(value) for name, value in said.items() if value}
    return facts


def _all_of(values: Iterable[str | None]) -> str:
    """Return what campaigns say, each value once."""
    return "; ".join(sorted({value for value in values if value}))


def _tiles(study: ReportedStudy, where: str) -> list[Tile]:
    """Return the MCA of the paper's proposal at the shown budget, beside random choice."""
    tiles = []
    for judged in study.judgements:
        mca = {
            case: [
                result.mca
                for result in study.results
                if (result.case, result.budget, result.judged) == (case, study.shown_budget, judged)
            ]
            for case in ("IN-AL", "IN-RS")
        }
        if not mca["IN-AL"]:
            continue
        label = f"{where}IN-AL at {100 * study.shown_budget:g} %, {judgement_title(judged)} (MCA)"
        note = f"random choice, IN-RS: {spread(mca['IN-RS'], 1)}" if mca["IN-RS"] else ""
        tiles.append(Tile(label, f"{spread(mca['IN-AL'], 1)} %", note, judged == "unseen"))
    return tiles


def _overview(study: ReportedStudy) -> Table:
    groups = by_case_and_budget(study.results)
    rows = [
        [
            case,
            judgement_title(judged),
            f"{100 * budget:g}",
            f"{np.mean([r.n_labels for r in group]):.0f}",
            str(len(group)),
            spread([r.mca for r in group]),
            spread([r.aca for r in group]),
            f"{np.mean([r.seconds for r in group]):.0f}",
        ]
        for first in study.judgements
        for (case, budget, judged), group in groups.items()
        if judged == first
    ]
    head = ["case", "judged on", "budget %", "labels", "seeds", "MCA %", "ACA %", "seconds"]
    notes = caveats(study.root, study.results)
    caption = " ".join(["Means ± standard deviations over seeds.", *notes])
    return Table(head, rows, caption, text=(1,))
