"""The page that a demonstration ends with."""

from __future__ import annotations

from cellquery.experiments.demo import Demo
from cellquery.reports.runs import read_run
from cellquery.reports.training_report import ReportedRun, training_report

LEAD = (
    "A network learnt five patterns on a small set, kept what it had learnt, and went on to a "
    "target set of six. Below: how good it is on specimens it never saw, and on new cells of "
    "specimens it knows."
)


def demo_report(demo: Demo) -> str:
    """Return the report of a demonstration as one HTML page."""
    return training_report(
        [
            ReportedRun(read_run(demo.initial_run), demo.initial, "Initial learning"),
            ReportedRun(
                read_run(demo.target_run), demo.target, "Target set", images=demo.new_images
            ),
        ],
        title="cellquery demonstration",
        lead=LEAD,
    )
