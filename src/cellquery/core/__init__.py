"""Exceptions, staining patterns, random generators and the wording every surface carries."""

from cellquery.core.errors import (
    AcquisitionError,
    CellqueryError,
    InputError,
    ProjectError,
    SettingsError,
    TrainingError,
    WeightsError,
)
from cellquery.core.notice import RESEARCH_USE_ONLY
from cellquery.core.patterns import (
    PATTERNS,
    SIX_PATTERNS,
    Pattern,
    find_pattern,
    parse_pattern,
    title_of,
)
from cellquery.core.progress import Progress, silent
from cellquery.core.random import generator, integer_seed

__all__ = [
    "PATTERNS",
    "RESEARCH_USE_ONLY",
    "SIX_PATTERNS",
    "AcquisitionError",
    "CellqueryError",
    "InputError",
    "Pattern",
    "Progress",
    "ProjectError",
    "SettingsError",
    "TrainingError",
    "WeightsError",
    "find_pattern",
    "generator",
    "integer_seed",
    "parse_pattern",
    "silent",
    "title_of",
]
