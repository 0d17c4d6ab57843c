"""Results of an experiment, read from its run directories alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cellquery.core import RESEARCH_USE_ONLY, ProjectError, SettingsError
from cellquery.core.places import Place, local_path
from cellquery.core.words import counted
from cellquery.experiments.cases_table import cases_table, mean_recalls

FIRST = ":first"
"""What a variant's name is followed by where the network of its initial learning is meant."""


@dataclass(frozen=True)
class Summary:
    """One judgement of one variant over its seeds; accuracies in percent.

    Attributes
    ----------
    variant, judgement : str
        ``judgement`` is "unseen", "known" or "test".
    n_seeds, n_cells : int
    aca, mca : tuple of float
        Of each seed.
    recall : dict of str to float
        Mean over seeds.
    votes : str
        Specimens right by vote, of how many, as a mean over seeds.
    voted_mca : tuple of float
        MCA of each seed when cells are named as their specimen; of runs that tell it.
    seconds : float
        Training time over all of its runs.
    """

    variant: str
    judgement: str
    n_seeds: int
    n_cells: int
    aca: tuple[float, ...]
    mca: tuple[float, ...]
    recall: dict[str, float]
    votes: str
    voted_mca: tuple[float, ...]
    seconds: float


def kept_experiment(root: Place) -> dict[str, Any]:
    """Return what a directory keeps of its experiment, as plain values: a table needs no torch.

    Raises
    ------
    ProjectError
        When the directory is no experiment's.
    SettingsError
        When ``experiment.json`` is damaged.
    """
    path = root / "experiment.json"
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ProjectError(
            root, "holds no experiment", "run cellquery experiment run first"
        ) from error
    except ValueError as error:
        raise SettingsError(path, "is damaged", "delete it and run the experiment again") from error
    return values


def summarise(root: Place) -> list[Summary]:
    """Return a summary of each variant and judgement, variants in the experiment's order.

    The network of a variant's initial learning stands before it, as ``VARIANT:first``.

    Raises
    ------
    ProjectError
        When the directory is no experiment's or holds no judgement yet.
    """
    experiment = kept_experiment(root)
    summaries = []
    for variant in experiment["variants"]:
        name, base = variant["name"], root / variant["name"]
        for row, judgement, pattern, runs in (
            (name + FIRST, "unseen", "seed-*/initial/evaluation-unseen.json", "seed-*/initial"),
            (name + FIRST, "test", "seed-*/initial/evaluation-test.json", ""),
            (name, "unseen", "seed-*/evaluation-unseen.json", "seed-*/fold-*"),
            (name, "test", "seed-*/all/evaluation-test.json", "seed-*/all"),
            (name, "known", "seed-*/evaluation-known.json", "seed-*/fold-*"),
        ):
            records = [
                json.loads(path.read_text(encoding="utf-8")) for path in sorted(base.glob(pattern))
            ]
            if records:
                summaries.append(_summary(row, judgement, records, base, runs))
    if not summaries:
        raise ProjectError(root, "holds no finished run", "let cellquery experiment run finish")
    return summaries


def _summary(
    variant: str, judgement: str, records: list[dict[str, Any]], base: Place, runs: str
) -> Summary:
    recalls = mean_recalls(record["recall"] for record in records)
    votes = [record["specimen_vote"] for record in records if record["specimen_vote"]]
    seconds = sum(
        json.loads(path.read_text(encoding="utf-8")).get("seconds", 0.0)
        for path in (base.glob(f"{runs}/about.json") if runs else ())
    )
    return Summary(
        variant,
        judgement,
        len(records),
        records[0]["n_cells"],
        tuple(100 * record["aca"] for record in records),
        tuple(100 * record["mca"] for record in records),
        {pattern: 100 * value for pattern, value in recalls.items()},
        f"{np.mean([v['n_right'] for v in votes]):.1f} of {votes[0]['n_specimens']}"
        if votes
        else "-",
        tuple(100 * vote["mca"] for vote in votes if "mca" in vote),
        seconds,
    )


def results_table(root: Place) -> str:
    """Return the results as a Markdown table: unseen specimens first, mean and s.d. over seeds.

    With several variants, a column says how far each one's mean MCA is from the first one's. A
    study of cases has a table of its own: see `cases_table`.
    """
    if (root / "study.json").exists():
        return cases_table(local_path(root))
    summaries = summarise(root)
    patterns = list(summaries[0].recall)
    first = {s.judgement: np.mean(s.mca) for s in summaries if s.variant == summaries[0].variant}
    compared = any(summary.variant != summaries[0].variant for summary in summaries)
    gain = [f"MCA − {summaries[0].variant}"] if compared else []
    head = ["variant", "judged on", "seeds", "cells", "ACA %", "MCA %", *gain]
    head += [*patterns, "specimens by vote", "MCA % by vote"]
    lines = [row(head), row(["---"] * len(head))]
    for summary in summaries:
        lines.append(
            row(
                [
                    summary.variant,
                    TITLES[summary.judgement],
                    str(summary.n_seeds),
                    str(summary.n_cells),
                    mean_and_sd(summary.aca),
                    mean_and_sd(summary.mca),
                    *([_difference(summary, first)] if compared else []),
                    *(f"{summary.recall.get(p, float('nan')):.1f}" for p in patterns),
                    summary.votes,
                    mean_and_sd(summary.voted_mca) if summary.voted_mca else "-",
                ]
            )
        )
    machines = sorted(
        {
            machine(json.loads(path.read_text(encoding="utf-8")))
            for path in root.glob("*/seed-*/*/about.json")
        }
    )
    hours = sum(summary.seconds for summary in summaries if summary.judgement != "known") / 3600
    return "\n".join(
        [*lines, "", f"{hours:.1f} hours of training on {'; '.join(machines)}.", RESEARCH_USE_ONLY]
    )


def machine(about: Mapping[str, Any]) -> str:
    """Return in words what trained a run, by its ``about.json``."""
    threads = counted(about["threads"], "thread")
    return f"{about['processor']}, {threads}, torch {about['packages']['torch']}"


TITLES = {
    "unseen": "unseen specimens",
    "test": "test, known sera",
    "known": "left-over cells, known sera",
}


def place_table(page: Path, name: str, table: str) -> None:
    """Put a table between the comments ``<!-- NAME -->`` and ``<!-- /NAME -->`` of a page.

    Raises
    ------
    ProjectError
        When the page has no such place.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    if start not in text or end not in text:
        raise ProjectError(page, f"has no place for '{name}'", f"write {start} and {end} into it")
    before, _, rest = text.partition(start)
    after = rest.partition(end)[2]
    page.write_text(f"{before}{start}\n\n{table}\n\n{end}{after}", encoding="utf-8")


def _difference(summary: Summary, first: dict[str, Any]) -> str:
    difference = np.mean(summary.mca) - first.get(summary.judgement, np.nan)
    return f"{difference:+.1f}" if np.isfinite(difference) else "-"


def mean_and_sd(values: tuple[float, ...]) -> str:
    """Return mean and sample standard deviation, or the value alone of a single one."""
    mean = f"{np.mean(values):.2f}"
    return f"{mean} ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else mean


def row(cells: list[str]) -> str:
    """Return a row of a Markdown table."""
    return "| " + " | ".join(cells) + " |"
