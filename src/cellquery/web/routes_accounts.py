"""Signing in and out, and accounts."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request, Response

from cellquery.core import InputError
from cellquery.storage import Account, Accounts
from cellquery.storage.accounts import LASTS_S
from cellquery.web.messages import (
    AccountChange,
    AccountList,
    AccountMessage,
    AccountName,
    Credentials,
    Link,
    LinkMessage,
    Me,
    NewAccount,
)
from cellquery.web.security import ANSWERS, Administrator, Signed, session_cookie

router = APIRouter(tags=["accounts"], responses=ANSWERS)


@router.post("/sign-in")
def sign_in(wanted: Credentials, request: Request, response: Response) -> Me:
    """Sign in by name and password."""
    account = _accounts(request).sign_in(wanted.name, wanted.password)
    if account is None:
        raise HTTPException(401, "name or password is wrong, or there were too many attempts")
    return _begin(account, request, response)


@router.post("/sign-in-link")
def sign_in_link(wanted: Link, request: Request, response: Response) -> Me:
    """Sign in by a one-time link."""
    account = _accounts(request).use_link(wanted.token)
    if account is None:
        raise HTTPException(401, "this link was used before or is too old: ask for a new one")
    return _begin(account, request, response)


@router.post("/sign-out", status_code=204)
def sign_out(request: Request, response: Response, account: Signed) -> None:
    """End the session."""
    cookie = session_cookie(request.app.state.identity)
    _accounts(request).end_session(request.cookies[cookie])
    response.delete_cookie(cookie)


@router.get("/me")
def me(account: Signed) -> Me:
    """Return who is signed in."""
    return Me(name=account.name, role=account.role)


@router.get("/accounts")
def accounts(request: Request, account: Administrator) -> AccountList:
    """Return all accounts."""
    return AccountList(accounts=[AccountMessage(**vars(each)) for each in _accounts(request).all()])


@router.post("/accounts", status_code=201)
def add_account(wanted: NewAccount, request: Request, account: Administrator) -> LinkMessage:
    """Make an account and return a link by which its owner signs in first."""
    made = _accounts(request).add(wanted.name, wanted.role, wanted.password)
    return LinkMessage(link=_link(request, made.name))


@router.post("/accounts/change", status_code=204)
def change_account(wanted: AccountChange, request: Request, account: Administrator) -> None:
    """Change an account; no administrator can close or lower the own one."""
    if wanted.name == account.name and (wanted.active is False or wanted.role is not None):
        raise InputError(wanted.name, "is your own account", "ask another administrator")
    if wanted.role is None and wanted.active is None and wanted.password is None:
        raise InputError(wanted.name, "nothing to change", "give role, active or password")
    _accounts(request).change(
        wanted.name, role=wanted.role, active=wanted.active, password=wanted.password
    )


@router.post("/accounts/link", status_code=201)
def account_link(wanted: AccountName, request: Request, account: Administrator) -> LinkMessage:
    """Return a new one-time sign-in link for an account."""
    if _accounts(request).find(wanted.name) is None:
        raise InputError("account", "there is no such account", "choose one of the list")
    return LinkMessage(link=_link(request, wanted.name))


def _accounts(request: Request) -> Accounts:
    found: Accounts = request.app.state.accounts
    return found


def _link(request: Request, name: str) -> str:
    # Behind "#": what follows it is not sent, so it stands in no log.
    return f"#sign-in={_accounts(request).issue(name, 'link')}"


def _begin(account: Account, request: Request, response: Response) -> Me:
    response.set_cookie(
        session_cookie(request.app.state.identity),
        _accounts(request).issue(account.name, "session"),
        max_age=int(LASTS_S["session"]),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return Me(name=account.name, role=account.role)
