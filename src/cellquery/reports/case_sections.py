"""What each section of a study's report shows, built from the study's run directories alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cellquery.campaign.records import rounds_done
from cellquery.campaign.stopping import KAPPAS, Stopping, steadiest, what_stopping_costs
from cellquery.core import Progress, silent
from cellquery.experiments.cases_table import (
    CaseResult,
    campaign_folder,
    chosen_as,
    mean_recalls,
)
from cellquery.reports.figures import Plate, confusion_matrix, embedding_plane, learning_curves
from cellquery.reports.figures.cases import (
    accuracy_by_budget,
    agreement_by_round,
    gain_of_initial_learning,
    hardest_patterns,
    labels_by_round,
    time_by_round,
)
from cellquery.reports.galleries import GalleryItem, contact_sheet, gallery_items
from cellquery.reports.page import Table
from cellquery.reports.planes import plane
from cellquery.reports.round_cells import as_rows, cells_by_round, known_cells, pictured
from cellquery.reports.studies import (
    ReportedStudy,
    epochs_of,
    json_of,
    judgement_title,
    spread,
)


@dataclass
class Part:
    """What one section shows of one study.

    Attributes
    ----------
    plates : dict of str to (Plate, str)
        Figures and their captions, by the name of their file.
    notes : list of str
        What is missing, and why.
    table : Table or None
    galleries : list of (str, list of GalleryItem, list of GalleryItem)
        A heading for each round, its least certain cells and its most certain ones.
    rows : dict of str to list of list
        Further CSV files by name, heads first.
    sheets : dict of str to bytes
        Further PNG files by name.
    """

    plates: dict[str, tuple[Plate, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    table: Table | None = None
    galleries: list[tuple[str, list[GalleryItem], list[GalleryItem]]] = field(default_factory=list)
    rows: dict[str, list[list[Any]]] = field(default_factory=dict)
    sheets: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes
    ----------
    anchor, title, words : str
    part : callable
        Returns what it shows of a study, given the folder that figures are kept in.
    """

    anchor: str
    title: str
    words: str
    part: Callable[[ReportedStudy, Path, Progress], Part]


# Which figures of the paper show a case: the only training's curves, the embeddings, the confusion.
_FIGURES = {
    "RS": ("11a, b", "11c", "11d"),
    "AL": ("", "12a", "12b"),
    "IN-RS": ("13a, b", "13c", "13d"),
    "IN-AL": ("", "14a", "14b"),
}
_CONFUSION = "Per cent of each true pattern, with cells in brackets."


def accuracy(study: ReportedStudy, into: Path, progress: Progress = silent) -> Part:
    """Return accuracy against budget and the gain of initial learning (Figures 16 and 17)."""
    part = Part()
    for judged in study.judgements:
        chosen = [result for result in study.results if result.judged == judged]
        title = judgement_title(judged)
        for measure in ("mca", "aca"):
            part.plates[f"{measure}-by-budget-{judged}"] = (
                accuracy_by_budget(_curves(chosen, measure), measure.upper(), title),
                "Figure 16. Lines join the means over seeds; each dot is a seed.",
            )
        cases = {result.case for result in chosen}
        if {"RS", "IN-RS"} <= cases or {"AL", "IN-AL"} <= cases:
            part.plates[f"gain-{judged}"] = (
                gain_of_initial_learning(_curves(chosen, "mca"), "MCA", title),
                "Figure 17. Differences of the same seed; each dot is one.",
            )
    return part


def hardest(study: ReportedStudy, into: Path, progress: Progress = silent) -> Part:
    """Return the three hardest patterns over the four cases (Figure 15)."""
    part = Part()
    for judged in study.judgements:
        recalls = {
            case: mean_recalls(
                r.recall for r in _shown(study) if (r.case, r.judged) == (case, judged)
            )
            for case in study.at_shown_budget()
        }
        title = f"{judgement_title(judged)}, {100 * study.shown_budget:g} % labelled"
        caption = "Figure 15. Means over seeds."
        part.plates[f"hardest-{judged}"] = (hardest_patterns(recalls, title), caption)
    return part


def cases(study: ReportedStudy, into: Path, progress: Progress = silent) -> Part:
    """Return curves, embeddings and confusion matrix of each case (Figures 11 to 14)."""
    part, folders = Part(), study.at_shown_budget()
    planes = [(case, judged) for case in folders for judged in study.judgements]
    without: list[str] = []
    for case, folder in folders.items():
        curves, embeddings, confusion = _FIGURES[case]
        if curves and (epochs := _only_training(folder)):
            part.plates[f"curves-{case}"] = (
                learning_curves(epochs, f"{case}, {100 * study.shown_budget:g} % labelled"),
                f"Figure {curves}. The only training of this case, {_seed_of(folder)}.",
            )
        elif curves:
            part.notes.append(f"{case} has no single training, and so no curves.")
        for judged in study.judgements:
            title = f"{case}, {judgement_title(judged)}, {100 * study.shown_budget:g} %"
            progress("t-SNE", planes.index((case, judged)), len(planes))
            found = plane(folder / "final", judged, into / f"tsne-{case}-{judged}.csv")
            if found is None:
                without.append(title)
            else:
                part.plates[f"tsne-{case}-{judged}"] = (
                    embedding_plane(found.positions, found.true, found.predicted, title),
                    f"Figure {embeddings}. t-SNE of the numbers before the last layer, for "
                    f"{len(found.true):,} judged cells, {_seed_of(folder)}; distances between "
                    "clusters mean nothing.",
                )
            values = json_of(folder / "final" / f"evaluation-{judged}.json")
            part.plates[f"confusion-{case}-{judged}"] = (
                confusion_matrix(values["confusion"], values["patterns"], title),
                f"Figure {confusion}. {_seed_of(folder).capitalize()}. {_CONFUSION}",
            )
    progress("t-SNE", len(planes), len(planes))
    if without:
        part.notes.append(
            f"No embeddings to draw: {'; '.join(without)}. Campaigns run by an earlier version "
            "kept none, and published results leave them out."
        )
    return part


def initial(study: ReportedStudy, into: Path, progress: Progress = silent) -> Part:
    """Return curves and confusion matrices of the initial learning (Figure 10)."""
    part = Part()
    seeds = sorted({result.seed for result in study.results if result.case.startswith("IN")})
    for folder in (study.root / "initial" / f"seed-{seed}" for seed in seeds):
        if epochs := epochs_of(folder / "epochs.jsonl"):
            break
    else:
        part.notes.append("This study has no initial learning.")
        return part
    part.plates["curves-initial"] = (
        learning_curves(epochs, "Initial learning"),
        f"Figure 10a. {_seed_of(folder).capitalize()}. Training figures are averages over each "
        "epoch, on augmented cells.",
    )
    for judged in ("validation", *study.judgements):
        if (path := folder / f"evaluation-{judged}.json").exists():
            values = json_of(path)
            about = (
                "Figure 10b. Cells that the initial learning held out of its own."
                if judged == "validation"
                else "Before any label of the pool."
            )
            title = f"Initial learning, {judgement_title(judged)}"
            part.plates[f"confusion-initial-{judged}"] = (
                confusion_matrix(values["confusion"], values["patterns"], title),
                f"{about} {_CONFUSION}",
            )
    if "confusion-initial-validation" not in part.plates:
        part.notes.append(
            "The settings of this initial learning hold no cells out, so Figure 10b has no "
            "counterpart"
            + (
                "; its network is judged on the cells to come instead."
                if len(part.plates) > 1
                else ", and its network was not judged."
            )
        )
    return part


def rounds(study: ReportedStudy, into: Path, progress: Progress = silent) -> Part:
    """Return what the rounds chose (Figure 7), the labels they brought and their time."""
    part = Part()
    folders = {
        case: folder
        for case, folder in study.at_shown_budget().items()
        if chosen_as(case, study.shown_budget).endswith("AL")
    }
    if not folders:
        part.notes.append("No campaign of this study chose cells in rounds.")
    for case, folder in folders.items():
        facts = [each.facts() for each in rounds_done(folder)]
        title = f"{case}, {100 * study.shown_budget:g} % labelled"
        part.plates[f"labels-{case}"] = (
            labels_by_round([each["labels_per_pattern"] for each in facts], title),
            f"Labels after each round, {_seed_of(folder)}.",
        )
        part.plates[f"time-{case}"] = (
            time_by_round([each["seconds"] for each in facts], title),
            "Seconds by the clock, the last training not among them.",
        )
        part.rows[f"rounds-{case}"] = _rows_of_rounds(facts)
    if folders:
        _show_cells(part, study, *list(folders.items())[-1])
    return part


def stopping(study: ReportedStudy, into: Path, progress: Progress = silent) -> Part:
    """Return how far successive rounds agree, and what stopping early saves and loses."""
    part = Part()
    curves: dict[str, list[list[tuple[int, float]]]] = {}
    costs: dict[str, list[list[Stopping]]] = {}
    best: dict[str, list[float]] = {}
    heads = [
        "kappa",
        "round",
        "n_labels",
        "n_saved",
        *(f"mca_lost_{one}" for one in study.judgements),
    ]
    rows: list[list[Any]] = [["case", "budget", "seed", *heads]]
    campaigns = {(r.case, r.budget, r.seed): _folder(study, r) for r in study.results}
    for (case, budget, seed), folder in campaigns.items():
        facts = [each.facts() for each in rounds_done(folder)]
        points = [(f["n_labels"], f["kappa"]) for f in facts if f["kappa"] is not None]
        if not chosen_as(case, budget).endswith("AL") or not points:
            continue
        told = what_stopping_costs(folder)
        for one in told:
            lost = [one.lost.get(judged, "") for judged in study.judgements]
            at = "" if one.round is None else one.round
            rows.append([case, budget, seed, one.kappa, at, one.n_labels, one.n_saved, *lost])
        if budget == study.shown_budget:
            curves.setdefault(case, []).append(points)
            costs.setdefault(case, []).append(told)
            best.setdefault(case, []).append(steadiest([f["kappa"] for f in facts]) or 0.0)
    if not curves:
        part.notes.append("No campaign of this study has rounds to compare.")
        return part
    title = f"{100 * study.shown_budget:g} % labelled"
    part.plates["agreement"] = (
        agreement_by_round(curves, KAPPAS, title),
        "Agreement of each round's predictions for the whole pool with those of the round before; "
        "a line is a seed. Dotted: the agreements of the table.",
    )
    head = ["case", "agreement", "came in", "labels then", "labels saved"]
    head += [f"MCA lost, {judgement_title(judged)}" for judged in study.judgements]
    table = [
        [case, f"{together[0].kappa:g}", *_stopping_words(together, study.judgements)]
        for case, found in costs.items()
        for together in zip(*found, strict=True)
    ]
    caption = "; ".join(f"{case} {np.mean(values):.3f}" for case, values in best.items())
    caption = f"Means over seeds, {title}. Highest agreement that three rounds kept to: {caption}"
    part.table = Table(head, table, caption)
    part.rows["stopping"] = rows
    return part


SECTIONS = (
    Section(
        "accuracy",
        "Accuracy and budget",
        "What labels buy, for random and active choice, without and with initial learning.",
        accuracy,
    ),
    Section("hardest", "The hardest patterns", "", hardest),
    Section(
        "cases",
        "The four cases",
        "One campaign of each case. Crosses in the planes are cells that a network names wrongly.",
        cases,
    ),
    Section("initial", "Initial learning", "", initial),
    Section(
        "rounds",
        "What the rounds chose",
        "After each round the network ranks the cells that have no label. The least certain ones "
        "are the candidates for the next labels; of the most certain ones little can be learnt.",
        rounds,
    ),
    Section(
        "stopping",
        "When to stop",
        "What ending a campaign would save and lose, once three rounds running agree so far with "
        "the round before. Labels saved count to the end of the budget; MCA lost, in points, is "
        "that of the rounds' own networks, before any last training, and is not known where a "
        "campaign really ended there.",
        stopping,
    ),
)


def _curves(
    results: Sequence[CaseResult], measure: str
) -> dict[str, dict[float, dict[int, float]]]:
    curves: dict[str, dict[float, dict[int, float]]] = {}
    for result in results:
        points = curves.setdefault(result.case, {}).setdefault(result.budget, {})
        points[result.seed] = getattr(result, measure)
    return curves


def _shown(study: ReportedStudy) -> list[CaseResult]:
    return [result for result in study.results if result.budget == study.shown_budget]


def _seed_of(run: Path) -> str:
    """Return in words the seed of a campaign or an initial learning, by its folder."""
    return next(part for part in reversed(run.parts) if part.startswith("seed-")).replace("-", " ")


def _folder(study: ReportedStudy, result: CaseResult) -> Path:
    return campaign_folder(study.root, result.case, result.seed, result.budget)


def _only_training(campaign: Path) -> list[dict[str, Any]]:
    """Return the epochs of the training that a campaign of random cells consists of, or none."""
    last = epochs_of(campaign / "final" / "epochs.jsonl")
    if last or len(done := rounds_done(campaign)) != 1:
        return last
    return epochs_of(done[0].path / "epochs.jsonl")


def _rows_of_rounds(facts: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """Return labels and times of each round, for a CSV; runs of old have no processor time."""
    head = ["round", "n_labels", "kappa"]
    clocks = [clock for clock in ("seconds", "cpu_seconds") if clock in facts[0]]
    kinds = list(dict.fromkeys(kind for each in facts for kind in each["seconds"]))
    patterns = list(facts[0]["labels_per_pattern"])
    rows = [
        [
            each["round"],
            each["n_labels"],
            "" if each["kappa"] is None else each["kappa"],
            *(each["labels_per_pattern"][pattern] for pattern in patterns),
            *(each[clock].get(kind, 0.0) for clock in clocks for kind in kinds),
        ]
        for each in facts
    ]
    head += [f"labels_{pattern}" for pattern in patterns]
    return [[*head, *(f"{clock}_{kind}" for clock in clocks for kind in kinds)], *rows]


def _show_cells(part: Part, study: ReportedStudy, case: str, campaign: Path) -> None:
    found = cells_by_round(campaign)
    if not found:
        part.notes.append("The rounds' predictions for the pool were not published: no Figure 7.")
        return
    part.rows[f"cells-by-round-{case}"] = as_rows(found)
    if study.project is None or study.pictures is None:
        part.notes.append(
            "Figure 7 needs the images: name the project of the cells with --project."
        )
        return
    sheet = []
    for one in known_cells(found, study.project):
        least, most = pictured(one, study.pictures)
        sheet += least + most
        head = f"{case}, round {one.number}, {one.n_labels:,} labels"
        part.galleries.append((head, gallery_items(least), gallery_items(most)))
    if not sheet:
        part.notes.append("Figure 7 needs the images: this project does not hold the pool's cells.")
        part.galleries.clear()
        return
    title = f"{case}: six least and six most certain cells of each round"
    part.sheets[f"cells-by-round-{case}"] = contact_sheet(sheet, title=title, columns=12)


def _stopping_words(found: Sequence[Stopping], judgements: Sequence[str]) -> list[str]:
    came = [one for one in found if one.round is not None]
    words = [f"{len(came)} of {len(found)} seeds"]
    for values in ([one.n_labels for one in came], [one.n_saved for one in came]):
        words.append(f"{np.mean(values):.0f}" if values else "–")
    for judged in judgements:
        lost = [one.lost[judged] for one in came if judged in one.lost]
        words.append(spread(lost) if lost else "–")
    return words
