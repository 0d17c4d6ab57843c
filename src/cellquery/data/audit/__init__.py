"""The audit: what to know of a set of cells before training on it."""

from cellquery.data.audit.auditing import Audit, audit_project
from cellquery.data.audit.cues import Cue
from cellquery.data.audit.duplicates import DuplicateGroup
from cellquery.data.audit.file_order import FileOrder
from cellquery.data.audit.findings import SEVERITIES, Finding, Severity
from cellquery.data.audit.leaks import SplitCheck

__all__ = [
    "SEVERITIES",
    "Audit",
    "Cue",
    "DuplicateGroup",
    "FileOrder",
    "Finding",
    "Severity",
    "SplitCheck",
    "audit_project",
]
