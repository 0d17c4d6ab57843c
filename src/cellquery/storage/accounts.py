"""Accounts, passwords, sessions and one-time sign-in links."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import timedelta
from functools import cache
from typing import Literal

import sqlalchemy as sql
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cellquery.core import InputError
from cellquery.storage import schema
from cellquery.storage.database import Database, now
from cellquery.storage.records import ROLES, Account, Role

Purpose = Literal["session", "link"]

MAX_FAILURES, FAILURES_WITHIN_S = 8, 300
MIN_PASSWORD = 10
LASTS_S: dict[Purpose, float] = {"session": 14 * 86400.0, "link": 86400.0}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_ACCOUNTS, _TOKENS, _FAILURES = schema.accounts, schema.tokens, schema.failures
_HASHER = PasswordHasher()


@cache
def _nobody() -> str:
    """Return a hash that is verified when there is no such account: the time does not tell."""
    return _HASHER.hash(secrets.token_hex())


class Accounts:
    """Who may sign in to a database.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, name: str, role: Role, password: str | None = None) -> Account:
        """Make an account; without a password it signs in by links only.

        Raises
        ------
        InputError
            When the name is taken or unfit, the role unknown or the password short.
        """
        if not _NAME.fullmatch(name):
            raise InputError(
                "account", "the name is unfit", "use up to 64 letters, digits, . _ @ -"
            )
        if role not in ROLES:
            raise InputError(name, f"no role '{role}'", f"choose {', '.join(ROLES)}")
        row = {
            "name": name,
            "role": role,
            "password_hash": None if password is None else _hashed(name, password),
            "active": True,
            "created_at": now(),
        }
        try:
            with self.database.writing() as connection:
                connection.execute(_ACCOUNTS.insert().values(row))
        except sql.exc.IntegrityError as error:
            raise InputError(name, "there is such an account", "choose another name") from error
        return Account(name, role)

    def find(self, name: str) -> Account | None:
        """Return the account of a name."""
        return next((each for each in self.all() if each.name == name), None)

    def all(self) -> list[Account]:
        """Return every account, by name."""
        columns = (_ACCOUNTS.c.name, _ACCOUNTS.c.role, _ACCOUNTS.c.active)
        with self.database.reading() as connection:
            rows = connection.execute(sql.select(*columns).order_by(_ACCOUNTS.c.name))
            return [Account(*row) for row in rows]

    def change(
        self,
        name: str,
        *,
        role: Role | None = None,
        active: bool | None = None,
        password: str | None = None,
    ) -> None:
        """Change an account; closing it or changing its password ends its sessions.

        Raises
        ------
        InputError
            When there is no such account or the password is short.
        """
        values: dict[str, object] = {}
        if role is not None:
            values["role"] = role
        if active is not None:
            values["active"] = active
        if password is not None:
            values["password_hash"] = _hashed(name, password)
        with self.database.writing() as connection:
            condition = _ACCOUNTS.c.name == name
            changed = connection.execute(_ACCOUNTS.update().where(condition).values(values))
            if not changed.rowcount:
                raise InputError(name, "no such account", "see cellquery accounts list")
            if active is False or password is not None:
                connection.execute(_TOKENS.delete().where(_TOKENS.c.account == name))

    def sign_in(self, name: str, password: str) -> Account | None:
        """Return the account when name and password are right; None when not, or barred.

        After eight failures within five minutes even the right password is refused for a while.
        """
        since = now() - timedelta(seconds=FAILURES_WITHIN_S)
        failed = (_FAILURES.c.account == name, _FAILURES.c.at > since)
        with self.database.reading() as connection:
            row = connection.execute(sql.select(_ACCOUNTS).where(_ACCOUNTS.c.name == name)).first()
            count = sql.select(sql.func.count()).select_from(_FAILURES).where(*failed)
            barred = connection.execute(count).scalar_one() >= MAX_FAILURES
        # Asked for whoever signs in: the first time it takes as long as a password.
        nobody = _nobody()
        kept = row.password_hash if row is not None and row.password_hash else nobody
        right = _verified(kept, password) and row is not None and bool(row.active)
        if barred:
            return None
        with self.database.writing() as connection:
            connection.execute(_FAILURES.delete().where(_FAILURES.c.at <= since))
            if not right:
                connection.execute(_FAILURES.insert().values(account=name[:64], at=now()))
        return Account(row.name, row.role) if right and row is not None else None

    def issue(self, name: str, purpose: Purpose) -> str:
        """Return a new secret token for an account: a session's, or a one-time link's."""
        token = secrets.token_urlsafe(32)
        row = {
            "digest": _digest(token),
            "purpose": purpose,
            "account": name,
            "expires_at": now() + timedelta(seconds=LASTS_S[purpose]),
        }
        with self.database.writing() as connection:
            connection.execute(_TOKENS.delete().where(_TOKENS.c.expires_at <= now()))
            connection.execute(_TOKENS.insert().values(row))
        return token

    def of_session(self, token: str) -> Account | None:
        """Return whose session a token is, or None."""
        query = (
            sql.select(_ACCOUNTS.c.name, _ACCOUNTS.c.role, _ACCOUNTS.c.active)
            .join(_TOKENS, _TOKENS.c.account == _ACCOUNTS.c.name)
            .where(
                _TOKENS.c.digest == _digest(token),
                _TOKENS.c.purpose == "session",
                _TOKENS.c.expires_at > now(),
                _ACCOUNTS.c.active,
            )
        )
        with self.database.reading() as connection:
            row = connection.execute(query).first()
        return Account(*row) if row else None

    def use_link(self, token: str) -> Account | None:
        """Return whose link a token is and make the link void, or None."""
        with self.database.writing() as connection:
            row = connection.execute(
                _TOKENS.delete()
                .where(
                    _TOKENS.c.digest == _digest(token),
                    _TOKENS.c.purpose == "link",
                    _TOKENS.c.expires_at > now(),
                )
                .returning(_TOKENS.c.account)
            ).first()
        account = self.find(row.account) if row else None
        return account if account and account.active else None

    def end_session(self, token: str) -> None:
        """Make a session's token void."""
        with self.database.writing() as connection:
            connection.execute(_TOKENS.delete().where(_TOKENS.c.digest == _digest(token)))


def _hashed(name: str, password: str) -> str:
    if not MIN_PASSWORD <= len(password) <= 1024:
        raise InputError(name, "the password is too short or too long", "use 10 to 1024 characters")
    return _HASHER.hash(password)


def _verified(kept: str, password: str) -> bool:
    try:
        return _HASHER.verify(kept, password[:1024])
    except (VerificationError, InvalidHashError):
        return False


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
