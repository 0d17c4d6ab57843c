"""Table 3: several studies side by side, a row a method, from their run directories alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from cellquery.core import RESEARCH_USE_ONLY, ProjectError
from cellquery.core.places import Place
from cellquery.experiments.config import Experiment, Variant
from cellquery.experiments.table import TITLES, Summary, machine, mean_and_sd, row, summarise
from cellquery.models import network_kind

OURS = "parallel"
_JUDGEMENTS = ("test", "unseen")
_SEVERAL = "several"


@dataclass(frozen=True)
class Method:
    """One row: a variant of an experiment, and what its runs came to.

    Attributes
    ----------
    name : str
    network : str
        Of an average of others, "several".
    weights : str or None
        Where its learnt weights came from, or will come from; None for a network that knows none.
    published : float or None
        Accuracy in percent.
    judged : dict of str to Summary
        By judgement; without those that are not there yet.
    n_parameters, multiply_adds : int or None
    seconds : float or None
        Median time of one training on all cells, its initial learning included.
    cells_per_second : float or None
        Median speed of predictions.
    peak_memory_mb : float or None
        The highest of all trainings.
    learns_first : bool
        Whether it learns further cells before those of the table.
    machines : tuple of str
        What trained it.
    """

    name: str
    network: str
    weights: str | None
    published: float | None
    judged: dict[str, Summary]
    n_parameters: int | None
    multiply_adds: int | None
    seconds: float | None
    cells_per_second: float | None
    peak_memory_mb: float | None
    learns_first: bool
    machines: tuple[str, ...]


def compare(studies: Iterable[tuple[Experiment, Place]]) -> list[Method]:
    """Return a row of each variant, as published upwards, then those the paper has not.

    Parameters
    ----------
    studies : iterable of (Experiment, Path or UPath)
        Experiments and the directories of their runs; one that is not there makes a row without
        results.
    """
    methods = [
        _method(experiment, variant, root)
        for experiment, root in studies
        for variant in experiment.variants
    ]
    return sorted(methods, key=lambda method: (method.published is None, method.published or 0.0))


def comparison_table(methods: Sequence[Method]) -> str:
    """Return Table 3 as Markdown, and below it in words what beats the parallel network.

    Raises
    ------
    ProjectError
        When no method has a result.
    """
    head, rows = comparison_rows(methods)
    lines = [row(head), row(["---"] * len(head)), *map(row, rows)]
    return "\n\n".join(["\n".join(lines), *comparison_notes(methods), RESEARCH_USE_ONLY])


def comparison_rows(methods: Sequence[Method]) -> tuple[list[str], list[list[str]]]:
    """Return the headings of Table 3 and a row of text for each method.

    Raises
    ------
    ProjectError
        When no method has a result.
    """
    if not any(method.judged for method in methods):
        raise ProjectError("runs", "no study has results", "run cellquery experiment run first")
    head = ["method", "published ACA %"]
    head += [f"{TITLES[judged]}: {score} %" for judged in _JUDGEMENTS for score in ("ACA", "MCA")]
    head += ["seeds", "parameters", "multiply-adds", "training, min", "cells/s", "peak memory, MB"]
    return head, [_cells(method) for method in methods]


def comparison_notes(methods: Sequence[Method]) -> list[str]:
    """Return what is needed to read the table, and on each judgement what beats our rows."""
    machines = sorted({machine for method in methods for machine in method.machines})
    on = [f"Trained on {'; '.join(machines)}."] if machines else []
    if len(machines) > 1:
        on[0] += " Times and speeds of unlike machines do not compare."
    verdicts = [line for judged in _JUDGEMENTS for line in _verdicts(methods, judged)]
    return [_note(methods), *on, *verdicts]


def _cells(method: Method) -> list[str]:
    name = method.name
    if method.judged and method.weights == "random":
        name += " (**random weights**)"
    scores, seeds = [], []
    for judged in _JUDGEMENTS:
        summary = method.judged.get(judged)
        scores += (
            ["-", "-"] if summary is None else [mean_and_sd(summary.aca), mean_and_sd(summary.mca)]
        )
        seeds.append("-" if summary is None else str(summary.n_seeds))
    if not method.judged:
        scores[0] = (
            "not run: needs weights" if method.weights not in (None, "random") else "not run"
        )
    return [
        name,
        "-" if method.published is None else f"{method.published:.2f}",
        *scores,
        " / ".join(seeds) if method.judged else "-",
        _number(method.n_parameters, ",d"),
        _number(method.multiply_adds, ",d"),
        _number(None if method.seconds is None else method.seconds / 60, ".1f"),
        _number(method.cells_per_second, ".0f"),
        _number(method.peak_memory_mb, ".0f"),
    ]


def _number(value: float | None, form: str) -> str:
    return format(value, form) if value else "-"


def _note(methods: Sequence[Method]) -> str:
    single = any(each.n_seeds == 1 for method in methods for each in method.judged.values())
    words = (
        "Mean ± standard deviation over seeds; seeds of the two judgements. Training is the median "
        "time of one training on all cells, cells/s the median speed of predictions, memory the "
        "highest of the process that trains. Multiply-adds are those of torch: hand-crafted "
        "features are computed outside it and are not counted."
    )
    return words + (" One seed where no deviation stands." if single else "")


def _verdicts(methods: Sequence[Method], judged: str) -> list[str]:
    """Say of each row of ours which comparisons are better, by mean ACA and by mean MCA."""
    ran = [method for method in methods if judged in method.judged]
    others = [method for method in ran if method.network != OURS]
    if not others:
        return []
    lines = []
    for ours in (method for method in ran if method.network == OURS):
        more = ", which learnt further cells first" if ours.learns_first else ""
        sentences = []
        for score in ("aca", "mca"):
            level = _mean(ours, judged, score)
            above = sorted(
                (method for method in others if _mean(method, judged, score) > level),
                key=lambda method: -_mean(method, judged, score),
            )
            beaten = ", ".join(
                f"{each.name} by {_mean(each, judged, score) - level:.2f}"
                + (" (one seed)" if each.judged[judged].n_seeds == 1 else "")
                for each in above
            )
            sentences.append(
                f"{score.upper()} {level:.2f}, "
                + (f"**better are {beaten} points**" if above else "no comparison is better")
            )
        lines.append(f"On {TITLES[judged]}, {ours.name}{more}: {'; '.join(sentences)}.")
    return lines


def _mean(method: Method, judged: str, score: str) -> float:
    return float(np.mean(getattr(method.judged[judged], score)))


def _method(experiment: Experiment, variant: Variant, root: Place) -> Method:
    settings = experiment.settings_of(variant)
    several = "Mean of several networks" if variant.mean_of else None
    name = experiment.method or several or network_kind(settings.network).title
    if len(experiment.variants) > 1:
        name += f", {variant.name}"
    base = root / variant.name
    all_cells = _read(base.glob("seed-*/all/about.json"))
    every = all_cells + _read(base.glob("seed-*/fold-*/about.json"))
    first = _read(base.glob("seed-*/initial/about.json"))
    evaluations = _read(base.glob("seed-*/*/evaluation-*.json"))
    learning = _values(all_cells or every, "seconds")
    before = _values(first, "seconds")
    judged = {}
    if evaluations:
        # Where no judgement is whole yet there is none to show.
        with suppress(ProjectError):
            judged = {
                each.judgement: each
                for each in summarise(root)
                if each.variant == variant.name and each.judgement in _JUDGEMENTS
            }
    # What ran is what its run directories say, whatever the experiment says by now.
    asked: dict[str, Any] = {"network": _SEVERAL} if variant.mean_of else settings.model_dump()
    ran = next(iter(_read(base.glob("seed-*/*/settings.json"))), asked)
    return Method(
        name,
        ran.get("network", OURS),
        ran.get("options", {}).get("weights"),
        experiment.published,
        judged,
        _first(_values(every, "n_parameters")),
        _first(_values(evaluations, "multiply_adds")),
        float(np.median(learning) + (np.median(before) if before else 0.0)) if learning else None,
        _median(_values(evaluations, "cells_per_second")),
        max(_values(every, "peak_memory_mb"), default=None),
        variant.initial is not None,
        tuple(sorted(map(machine, every))),
    )


def _read(paths: Iterable[Place]) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(paths)]


def _values(records: Sequence[dict[str, Any]], key: str) -> list[Any]:
    return [record[key] for record in records if record.get(key) is not None]


def _first(values: Sequence[int]) -> int | None:
    return values[0] if values else None


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None
