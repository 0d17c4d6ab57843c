"""Annotations, accounts and leases in a SQL database: SQLite in the project, or PostgreSQL."""

from cellquery.storage.accounts import Accounts
from cellquery.storage.annotations import Annotations
from cellquery.storage.database import Database
from cellquery.storage.leases import Leases
from cellquery.storage.records import (
    FIRST,
    HANDED_OUT,
    KINDS,
    ROLES,
    SECOND,
    SETTLING,
    THIRD,
    Account,
    Annotation,
    Kind,
    NewAnnotation,
    Role,
)

__all__ = [
    "FIRST",
    "HANDED_OUT",
    "KINDS",
    "ROLES",
    "SECOND",
    "SETTLING",
    "THIRD",
    "Account",
    "Accounts",
    "Annotation",
    "Annotations",
    "Database",
    "Kind",
    "Leases",
    "NewAnnotation",
    "Role",
]
