"""Studies described by one TOML file each: configurations, run directories, tables."""

from cellquery.experiments.config import Experiment, Variant, read_experiment
from cellquery.experiments.study import run_experiment
from cellquery.experiments.table import place_table, results_table, summarise

__all__ = [
    "Experiment",
    "Variant",
    "place_table",
    "read_experiment",
    "results_table",
    "run_experiment",
    "summarise",
]
