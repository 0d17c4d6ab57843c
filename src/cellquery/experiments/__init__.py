"""Studies described by one TOML file each: configurations, run directories, tables."""

from typing import TYPE_CHECKING

from cellquery.core.lazy import lazily

if TYPE_CHECKING:
    from cellquery.experiments.cases import (
        CaseStudy,
        is_case_study,
        read_case_study,
        run_case_study,
    )
    from cellquery.experiments.comparison import (
        Method,
        compare,
        comparison_notes,
        comparison_rows,
        comparison_table,
    )
    from cellquery.experiments.config import Experiment, Variant, experiment_of, read_experiment
    from cellquery.experiments.study import run_experiment
    from cellquery.experiments.table import place_table, results_table, summarise

__getattr__ = lazily(
    __name__,
    cases=("CaseStudy", "is_case_study", "read_case_study", "run_case_study"),
    comparison=("Method", "compare", "comparison_notes", "comparison_rows", "comparison_table"),
    config=("Experiment", "Variant", "experiment_of", "read_experiment"),
    study=("run_experiment",),
    table=("place_table", "results_table", "summarise"),
)

__all__ = [
    "CaseStudy",
    "Experiment",
    "Method",
    "Variant",
    "compare",
    "comparison_notes",
    "comparison_rows",
    "comparison_table",
    "experiment_of",
    "is_case_study",
    "place_table",
    "read_case_study",
    "read_experiment",
    "results_table",
    "run_case_study",
    "run_experiment",
    "summarise",
]
