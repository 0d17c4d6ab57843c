"""Table 3 as a page: the methods side by side, a figure, what beats our network, and settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cellquery.core.places import Place, matching
from cellquery.experiments import Experiment, Method, comparison_notes, comparison_rows
from cellquery.experiments.table import machine
from cellquery.reports.figures import MethodResult, method_comparison
from cellquery.reports.page import Table, render_page
from cellquery.reports.studies import json_of
from cellquery.reports.training_report import flat


def comparison_page(
    studies: Sequence[tuple[Experiment, Place]], methods: Sequence[Method], *, title: str = ""
) -> str:
    """Return the comparison of several experiments as one HTML page.

    Parameters
    ----------
    studies : sequence of (Experiment, Path or UPath)
        Experiments and the directories of their runs.
    methods : sequence of Method
        What `compare` made of them.
    title : str

    Raises
    ------
    ProjectError
        When none has a result.
    """
    head, rows = comparison_rows(methods)
    abouts = [
        json_of(path) for _, root in studies for path in matching(root, "*/seed-*/*/about.json")
    ]
    results = []
    for method in methods:
        known, unseen = (method.judged.get(judged) for judged in ("test", "unseen"))
        results.append(
            MethodResult(
                method.name,
                method.published,
                known.aca if known else (),
                unseen.aca if unseen else (),
            )
        )
    return render_page(
        "comparison.html.j2",
        title=title or "Comparison of methods",
        provenance=_provenance(studies, abouts),
        synthetic=any(about.get("synthetic") for about in abouts),
        picture=method_comparison(results).picture(
            "Mean over seeds; bars reach from the lowest seed to the highest. Published values are "
            "of LSHEp-2, split at random: they compare with each other."
        ),
        table=Table(head, rows, "Table 3, on the cells at hand"),
        notes=[note.replace("**", "") for note in comparison_notes(methods)],
        settings=[
            (experiment.name, flat(experiment.model_dump(mode="json"))) for experiment, _ in studies
        ],
    )


def _provenance(
    studies: Sequence[tuple[Experiment, Place]], abouts: Sequence[dict[str, Any]]
) -> dict[str, str]:
    machines = set(map(machine, abouts))
    revisions = {str(about["revision"]) for about in abouts if about.get("revision")}
    return {
        "experiments": ", ".join(experiment.name for experiment, _ in studies),
        "trainings": str(len(abouts)),
        "hours of training": f"{sum(about.get('seconds', 0.0) for about in abouts) / 3600:.1f}",
        "machines": "; ".join(sorted(machines)),
        "revisions": ", ".join(sorted(revisions)),
    }
