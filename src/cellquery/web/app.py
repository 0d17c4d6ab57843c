"""The app factory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import Response

from cellquery import __version__
from cellquery.annotation import Desk
from cellquery.core import RESEARCH_USE_ONLY, CellqueryError
from cellquery.storage import Accounts
from cellquery.storage.owner import identity
from cellquery.web import routes_accounts, routes_annotation, routes_cells, routes_overview
from cellquery.web.security import Guard

STATIC = Path(__file__).parent / "static"


def create_app(
    desk: Desk,
    *,
    hosts: Sequence[str] = ("127.0.0.1", "localhost", "[::1]"),
    record: Callable[[Desk], str] | None = None,
) -> FastAPI:
    """Return the annotation app of a desk.

    Parameters
    ----------
    desk : Desk
    hosts : sequence of str
        Names under which the page is reached; others are refused, so that a foreign name that
        points here finds nothing. ``*`` allows any.
    record : callable or None
        Makes the record of the campaign as HTML; None offers none. It is given from outside,
        since reports are a room beside this one.
    """
    app = _with_routes()
    app.state.desk = desk
    app.state.accounts = Accounts(desk.database)
    app.state.identity = identity(desk.database)
    app.state.record = record
    app.add_middleware(Guard)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    app.add_exception_handler(CellqueryError, _fault)
    app.add_exception_handler(HTTPException, _refusal)
    # Files of these names never change: their names hold a digest of their content.
    app.mount("/assets", StaticFiles(directory=STATIC / "assets"), name="assets")

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    return app


def openapi() -> dict[str, Any]:
    """Return the OpenAPI schema of the routes, from which the page's client is generated."""
    return _with_routes().openapi()


def _with_routes() -> FastAPI:
    app = FastAPI(
        title="cellquery",
        version=__version__,
        description=RESEARCH_USE_ONLY,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    for routes in (routes_accounts, routes_annotation, routes_cells, routes_overview):
        app.include_router(routes.router, prefix="/api")
    return app


def _fault(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)


def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code)
