"""What stands before every route: who may ask, how much may come in, what a page may load."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, HTTPException, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cellquery.storage import ROLES, Account, Accounts, Role

SHOWN = "x-cellquery-account"
MAX_BODY_BYTES = 32 * 2**20

# No inline script and nothing from elsewhere: a file name or a label cannot become code.
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Middleware: limits bodies, refuses writes that another site began, and sets headers.

    Parameters
    ----------
    app : ASGIApp
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value for name, value in scope["headers"]}

        taken, refused = 0, False

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                if refused:
                    message["status"] = 413
                message["headers"] = [
                    *message["headers"],
                    *((name.encode(), value.encode()) for name, value in _HEADERS.items()),
                ]
            await send(message)

        writes = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        # A form or an image of another site cannot set a header of its own, and a script of
        # another site may not: with it, and a cookie that is SameSite=Strict, the page is ours.
        if writes and headers.get("x-cellquery") != b"1":
            await _refuse(403, "the request does not come from the page", with_headers)
            return
        length = headers.get("content-length", b"0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            await _refuse(413, "the request is too large", with_headers)
            return

        async def limited() -> Message:
            nonlocal taken, refused
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MAX_BODY_BYTES:
                refused = True
                return {"type": "http.disconnect"}
            return message

        await self.app(scope, limited, with_headers)


async def _refuse(status: int, error: str, send: Send) -> None:
    body = b'{"error": "' + error.encode() + b'"}'
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def session_cookie(identity: str) -> str:
    """Return the name of the cookie of a session with a project of this identity.

    It tells projects apart: browsers send what one server of a host has set to the others too,
    whatever their port.
    """
    return f"cellquery_session_{identity}"


def signed_in(
    request: Request,
    shown: Annotated[str | None, Header(alias=SHOWN, include_in_schema=False)] = None,
) -> Account:
    """Return who asks, or answer 401.

    A page says whom it was opened for. Where another has signed in since in the same browser, its
    labels are not taken for theirs.
    """
    accounts: Accounts = request.app.state.accounts
    token = request.cookies.get(session_cookie(request.app.state.identity))
    account = accounts.of_session(token) if token else None
    if account is None or (shown is not None and shown != account.name):
        raise HTTPException(401, "sign in first")
    return account


def at_least(role: Role) -> Callable[..., Account]:
    """Return a dependency that answers 403 to accounts of a lower role."""

    def allowed(account: Annotated[Account, Depends(signed_in)]) -> Account:
        if ROLES.index(account.role) < ROLES.index(role):
            raise HTTPException(403, f"only for the role {role}")
        return account

    return allowed


Signed = Annotated[Account, Depends(signed_in)]
Reviewer = Annotated[Account, Depends(at_least("reviewer"))]
Administrator = Annotated[Account, Depends(at_least("administrator"))]

ANSWERS: dict[int | str, dict[str, Any]] = {
    400: {"description": "One line that says what is wrong"},
    401: {"description": "Not signed in"},
    403: {"description": "Not allowed"},
}
