"""The record of one campaign: what was asked, answered and learnt, as one self-contained page."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

import numpy as np

from cellquery.annotation.agreement import AgreementReport, agreement_report
from cellquery.annotation.outcome import Outcome
from cellquery.annotation.progress import stopping_words
from cellquery.campaign.records import RoundFolder, read_json, rounds_done
from cellquery.campaign.status import notes_of
from cellquery.campaign.stopping import USUAL_KAPPA
from cellquery.core import find_pattern, title_of
from cellquery.reports.figures import confusion_matrix, learning_curves
from cellquery.reports.figures.cases import labels_by_round, time_by_round
from cellquery.reports.figures.plate import percent
from cellquery.reports.figures.rounds import accuracy_by_labels, stability_by_round
from cellquery.reports.page import Picture, Table, Tile, render_page
from cellquery.reports.runs import read_epochs
from cellquery.reports.training_report import flat
from cellquery.storage import Annotation

NONE = "–"


def campaign_record(of: Outcome) -> str:
    """Return the record of a campaign as HTML, from its folder and the label history alone.

    Parameters
    ----------
    of : Outcome

    Raises
    ------
    ProjectError
        When a file of the campaign's folder is damaged.
    """
    campaign = _Campaign(of)
    agreement = None if of.desk is None else agreement_report(of.desk.readings, campaign.patterns)
    return render_page(
        "campaign_record.html.j2",
        title=f"Record of the campaign {campaign.name}",
        provenance=campaign.provenance(),
        synthetic=of.project is not None and of.project.is_synthetic,
        tiles=_tiles(campaign, agreement),
        stopping=stopping_words(campaign.facts, campaign.final),
        notes=notes_of(campaign.facts),
        asked=_asked(campaign),
        per_pattern=_per_pattern(campaign),
        per_annotator=_per_annotator(campaign) if of.desk is not None else None,
        per_specimen=_per_specimen(campaign),
        per_round=_per_round(campaign),
        pictures=_pictures(campaign),
        agreement=_agreement_words(agreement),
        pairs=_pairs(agreement),
        settings=flat(campaign.settings),
    )


class _Campaign:
    """What the record is made from, read once."""

    def __init__(self, of: Outcome) -> None:
        self.of = of
        path = of.root / "campaign.json"
        kept: dict[str, Any] = read_json(path) if path.exists() else {}
        if of.desk is not None and not kept:
            plan = of.desk.plan
            settings = plan.settings()
            sizes = dict(
                zip(("budget", "first", "per_round"), settings.sizes(len(of.ids)), strict=True)
            )
            kept = {"settings": settings.model_dump(), "patterns": plan.patterns, **sizes}
            kept |= {"seed": plan.seed, "pool": {}, "about": {}}
        self.kept = kept
        self.settings: dict[str, Any] = kept["settings"]
        self.patterns = tuple(kept["patterns"])
        self.folders: list[RoundFolder] = rounds_done(of.root)
        self.facts = [folder.facts() for folder in self.folders]
        final = of.root / "final" / "final.json"
        self.final = read_json(final) if final.exists() else None
        self.history: list[Annotation] = [] if of.desk is None else of.desk.history.since()

    @property
    def name(self) -> str:
        """What the campaign is called."""
        project = self.of.project
        return self.of.root.name if self.of.desk is None or project is None else project.name

    @property
    def last(self) -> dict[str, Any]:
        """The facts of the delivered network, or of the last round so far."""
        return self.final or (self.facts[-1] if self.facts else {})

    def provenance(self) -> dict[str, object]:
        """Return versions, seed, digests and times."""
        about = {key: value for key, value in self.kept["about"].items() if value is not None}
        facts: dict[str, object] = {
            "page made": _time(datetime.now(UTC)),
            "campaign begun": about.pop("started", "not yet"),
            "seed": self.kept["seed"],
            "cells": len(self.of.ids),
            "digest of cells and images": self.kept["pool"].get("digest", "not yet taken"),
        }
        if self.history:
            facts |= {
                "annotations in the history": f"{len(self.history):,}",
                "first and last annotation": f"{_time(self.history[0].at)} to "
                f"{_time(self.history[-1].at)}",
                "digest of the history": _digest(self.history),
            }
        begun_with = about.pop("cellquery", None)
        if begun_with:
            facts["begun with cellquery"] = begun_with
        return facts | flat(about)


def _tiles(campaign: _Campaign, agreement: AgreementReport | None) -> list[Tile]:
    n_labels = len(campaign.of.labels)
    tiles = [
        Tile(
            "Cells labelled",
            f"{n_labels:,}",
            f"of a budget of {campaign.kept['budget']:,}; {len(campaign.of.ids):,} in the pool",
        )
    ]
    estimate = campaign.last.get("estimate")
    if estimate:
        note = f"95 % interval {percent(estimate['low'])} to {percent(estimate['high'])}; "
        tiles.append(
            Tile(
                "Accuracy on cells nobody labelled",
                f"{percent(estimate['accuracy'])} %",
                f"{note}{estimate['n_cells']:,} audit cells",
                first=True,
            )
        )
    for part, figures in (campaign.last.get("judged") or {}).items():
        tiles.append(
            Tile(f"Mean class accuracy on “{part}”", f"{percent(figures['mca'])} %", "never learnt")
        )
    if agreement is not None and agreement.fleiss is not None:
        note = f"95 % interval {agreement.low:.2f} to {agreement.high:.2f}; "
        tiles.append(
            Tile(
                "Agreement of annotators (Fleiss' kappa)",
                f"{agreement.fleiss:.2f}",
                f"{note}{agreement.n_cells:,} cells read twice",
            )
        )
    taken = [each.seconds for each in campaign.history if each.timed]
    if taken:
        note = f"median of {len(taken):,} answers, {_duration(sum(taken))} in all"
        tiles.append(Tile("Seconds per label", f"{median(taken):.1f}", note))
    training = sum(sum(each["seconds"].values()) for each in campaign.facts)
    training += sum((campaign.final or {"seconds": {}})["seconds"].values())
    if campaign.facts:
        note = f"{len(campaign.facts)} rounds, with selection and scoring"
        tiles.append(Tile("Time of training", _duration(training), note))
    return tiles


def _asked(campaign: _Campaign) -> dict[str, str]:
    settings, kept = campaign.settings, campaign.kept
    desk = campaign.of.desk
    options = ", ".join(f"{name} {value}" for name, value in settings["options"].items())
    facts = {
        "asked": "the pattern of each chosen cell",
        "of": ", ".join(map(_with_code, campaign.patterns)),
        "answered by": "known labels"
        if desk is None and kept["about"].get("oracle") != "people"
        else "people",
        "pool": f"{len(campaign.of.ids):,} cells",
        "query strategy": settings["strategy"] + (f" ({options})" if options else ""),
        "first batch": f"{kept['first']:,} cells, {settings['cold_start']}",
        "further batches": f"{kept['per_round']:,} cells",
        "budget": f"{kept['budget']:,} cells",
        "audit cells": f"{settings['audit_cells']:,} of them, at random",
        "stopping rule": "the budget alone"
        if settings["stop_kappa"] is None
        else f"kappa of {settings['stop_kappa']} in three rounds running, or the budget",
    }
    if desk is not None:
        plan = desk.plan
        facts |= {
            "initial network": "none" if plan.initial is None else "given",
            "split": NONE if plan.split is None else f"{plan.split}: {', '.join(plan.pool)}",
            "read twice": f"{100 * plan.overlap:g} % of the cells",
        }
    return facts


def _per_pattern(campaign: _Campaign) -> Table:
    counts = Counter(campaign.of.labels.values())
    said: Counter[str] = Counter()
    if campaign.folders:
        rest = campaign.folders[-1].unlabelled()
        said = Counter(each for cell_id, each in rest.items() if cell_id not in campaign.of.labels)
    n_labels = sum(counts.values())
    rows = [
        (
            title_of(pattern),
            _code(pattern),
            f"{counts[pattern]:,}",
            percent(counts[pattern] / n_labels) if n_labels else NONE,
            f"{said[pattern]:,}" if campaign.folders else NONE,
        )
        for pattern in campaign.patterns
    ]
    head = ("Pattern", "ICAP", "Labels", "%", "Predicted of the rest")
    return Table(head, rows, "Labels of each pattern", text=(1,))


def _per_annotator(campaign: _Campaign) -> Table:
    desk = campaign.of.desk
    assert desk is not None
    told = desk.readings.told_by()
    given, back = Counter[str](), Counter[str]()
    for each in campaign.history:
        (back if each.kind == "withdrawn" else given)[each.annotator] += 1
    rows = []
    for name in sorted(given):
        all_said = told.get(name, [])
        readings = [said[-1] for said in all_said]
        kinds = Counter(each.kind for each in readings)
        timed = [each for said in all_said for each in said if each.timed]
        rows.append(
            (
                name,
                f"{len(readings):,}",
                f"{kinds['label']:,}",
                f"{kinds['skip'] + kinds['unsure']:,}",
                f"{sum(each.settles for each in readings):,}",
                f"{sum(each.way == 'import' for each in readings):,}",
                f"{given[name] - back[name] - len(readings):,}",
                f"{back[name]:,}",
                percent(sum(each.shown for each in timed) / len(timed)) if timed else NONE,
                f"{median(each.seconds for each in timed):.1f}" if timed else NONE,
                f"{np.mean([each.keystrokes for each in timed]):.1f}" if timed else NONE,
            )
        )
    head = (
        "Annotator", "Readings", "Named", "Declined", "Settled", "Imported", "Changed",
        "Taken back", "Saw suggestion %", "Seconds, median", "Keystrokes",
    )  # fmt: skip
    return Table(head, rows, "Who read what")


def _per_specimen(campaign: _Campaign) -> Table | None:
    of, project = campaign.of, campaign.of.project
    caption = "Labels of each specimen"
    if project is None:
        counted = campaign.facts[-1]["labels_per_specimen"] if campaign.facts else {}
        known = [(name, f"{n:,}") for name, n in counted.items()]
        return Table(("Specimen", "Labels"), known, caption) if known else None
    manifest = project.manifest()
    columns = (manifest[name].to_pylist() for name in ("cell_id", "specimen"))
    specimens = dict(zip(*columns, strict=True))
    cells = Counter(str(specimens[cell_id] or "not known") for cell_id in of.ids)
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for cell_id, pattern in of.labels.items():
        labels[str(specimens[cell_id] or "not known")][pattern] += 1
    rows = [
        (
            name,
            f"{cells[name]:,}",
            f"{labels[name].total():,}",
            ", ".join(f"{title_of(each)} {n}" for each, n in labels[name].most_common()),
        )
        for name in sorted(cells)
    ]
    head = ("Specimen", "Cells", "Labels", "Patterns named")
    return Table(head, rows, caption, text=(3,))


def _per_round(campaign: _Campaign) -> Table | None:
    parts = list(dict.fromkeys(part for each in campaign.facts for part in each.get("judged", {})))
    rows = []
    for folder, facts in zip(campaign.folders, campaign.facts, strict=True):
        query, answers = folder.query(), folder.answers()
        assert query is not None
        assert answers is not None
        ahead = int(np.isnan(query.utilities).sum())
        rows.append(
            (
                str(facts["round"]),
                facts["chosen_by"],
                f"{len(query):,}",
                f"{ahead:,}",
                f"{len(answers.labelled):,}",
                f"{len(query) - len(answers.labelled):,}",
                f"{len(folder.corrections()):,}",
                *_results(facts, parts),
                f"{facts['seconds'].get('training', 0):.1f}",
            )
        )
    if campaign.final:
        training = campaign.final["seconds"]["training"]
        blank = [NONE] * 5
        results = _results(campaign.final, parts)
        beside = campaign.settings.get("companion")
        learns = f"all labels, with {beside['network']}" if beside else "all labels"
        rows.append(("final", learns, *blank, *results, f"{training:.1f}"))
    head = (
        "Round", "Chosen by", "Asked", "Read ahead", "Named", "Declined", "Corrected since",
        "Labels so far", "Kappa to last round", "Estimate %",
        *(f"MCA on “{part}” %" for part in parts), "Training, seconds",
    )  # fmt: skip
    return Table(head, rows, "Round by round", text=(1,)) if rows else None


def _results(facts: Mapping[str, Any], parts: Sequence[str]) -> list[str]:
    estimate, kappa = facts.get("estimate"), facts.get("kappa")
    judged = facts.get("judged") or {}
    return [
        f"{facts['n_labels']:,}",
        NONE if kappa is None else f"{kappa:.3f}",
        f"{percent(estimate['accuracy'])} ({percent(estimate['low'])} to "
        f"{percent(estimate['high'])})"
        if estimate
        else NONE,
        *(percent(judged[part]["mca"]) if part in judged else NONE for part in parts),
    ]


def _pictures(campaign: _Campaign) -> list[Picture]:
    facts = campaign.facts
    if not facts:
        return []
    points = [*facts, campaign.final] if campaign.final else facts
    estimates = [(each["n_labels"], each["estimate"]) for each in points if each.get("estimate")]
    judged: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for each in points:
        for part, figures in (each.get("judged") or {}).items():
            judged[part].append((each["n_labels"], figures["mca"]))
    pictures = []
    if estimates or judged:
        pictures.append(accuracy_by_labels(estimates, judged, "Learning curve").picture())
    pictures.append(
        labels_by_round([each["labels_per_pattern"] for each in facts], "Labels").picture()
    )
    kappas = [each["kappa"] for each in facts]
    if any(kappa is not None for kappa in kappas):
        threshold = campaign.settings["stop_kappa"] or USUAL_KAPPA
        pictures.append(
            stability_by_round(kappas, threshold, "Do predictions still change?").picture(
                f"Above {threshold:g} in three rounds running, further labels change little."
            )
        )
    pictures.append(time_by_round([each["seconds"] for each in facts], "Time").picture())
    final = campaign.of.root / "final"
    if campaign.final:
        if (final / "epochs.jsonl").exists():
            epochs = read_epochs(final / "epochs.jsonl", "finish the campaign")
            pictures.append(learning_curves(epochs, "Training of the delivered network").picture())
        for part in campaign.final.get("judged") or {}:
            values = read_json(final / f"evaluation-{part}.json")
            pictures.append(
                confusion_matrix(values["confusion"], values["patterns"], part).picture()
            )
    return pictures


def _agreement_words(agreement: AgreementReport | None) -> str:
    if agreement is None:
        return "Nobody annotated: there is no agreement to tell of."
    if agreement.fleiss is None:
        return "Two people named fewer than two cells independently: agreement is not known."
    return (
        f"{agreement.n_cells:,} cells were named by two people or more independently. "
        f"Fleiss' kappa {agreement.fleiss:.3f}, 95 % interval {agreement.low:.3f} to "
        f"{agreement.high:.3f}, by resampling cells. What was said in Review, where others' "
        "labels are in sight, and reviewers' decisions are left out."
    )


def _pairs(agreement: AgreementReport | None) -> Table | None:
    if agreement is None or not agreement.pairs:
        return None
    rows = []
    for pair in agreement.pairs:
        apart = [
            (n, f"{title_of(first)} / {title_of(second)} {n}")
            for first, row in zip(agreement.patterns, pair.confusion, strict=True)
            for second, n in zip(agreement.patterns, row, strict=True)
            if n and first != second
        ]
        rows.append(
            (
                f"{pair.first} and {pair.second}",
                f"{pair.n_cells:,}",
                f"{pair.kappa:.3f}",
                f"{pair.low:.3f} to {pair.high:.3f}",
                "; ".join(words for _, words in sorted(apart, reverse=True)) or "nothing",
            )
        )
    head = ("Annotators", "Cells", "Cohen's kappa", "95 % interval", "Named differently")
    return Table(head, rows, "Each two annotators", text=(4,))


def _digest(history: Sequence[Annotation]) -> str:
    """Return a fingerprint of who said what of which cell, and when, in order."""
    digest = hashlib.sha256()
    for each in history:
        row = (each.number, each.at.isoformat(), each.annotator, each.cell_id, each.kind)
        digest.update(json.dumps((*row, each.pattern, each.settles)).encode() + b"\n")
    return digest.hexdigest()


def _code(pattern: str) -> str:
    known = find_pattern(pattern)
    return known.icap if known else NONE


def _with_code(pattern: str) -> str:
    known = find_pattern(pattern)
    return f"{title_of(pattern)} ({known.icap})" if known else title_of(pattern)


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
