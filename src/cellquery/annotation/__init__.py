"""Annotation by people: whose turn is which cell, what is accepted, and what it comes to."""

from cellquery.annotation.desk import CellFacts, Desk, Turn
from cellquery.annotation.people import People
from cellquery.annotation.plan import Plan, campaign_folder, kept_plan, open_database
from cellquery.annotation.readings import Readings

__all__ = [
    "CellFacts",
    "Desk",
    "People",
    "Plan",
    "Readings",
    "Turn",
    "campaign_folder",
    "kept_plan",
    "open_database",
]
