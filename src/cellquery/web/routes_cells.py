"""Cells as they are: raw counts, outlines, and all that was said of them."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, HTTPException, Query, Request, Response

from cellquery.annotation.review import Worth, gallery as find, reviewed, worth_a_look
from cellquery.web.messages import (
    CellHistory,
    ReadingMessage,
    ReviewedCells,
    ReviewedMessage,
    Text,
)
from cellquery.web.routes_annotation import desk_of
from cellquery.web.security import ANSWERS, Signed

router = APIRouter(tags=["cells"], responses=ANSWERS)

# Pixels of a cell never change.
_KEPT = {"cache-control": "private, max-age=604800, immutable"}
_RAW = "application/octet-stream"


@router.get("/pixels", responses={200: {"content": {_RAW: {}}}}, response_class=Response)
def pixels(request: Request, account: Signed, cell: Text) -> Response:
    """Return raw counts row by row: a byte each, or two, low first, for 16 bits; colour as RGB."""
    desk = desk_of(request)
    desk.facts(cell)
    counts = desk.pixels(cell)
    plain = np.ascontiguousarray(counts.astype(counts.dtype.newbyteorder("<"), copy=False))
    return Response(plain.tobytes(), media_type=_RAW, headers=_KEPT)


@router.get("/mask", responses={200: {"content": {_RAW: {}}}}, response_class=Response)
def mask(request: Request, account: Signed, cell: Text) -> Response:
    """Return the nucleus row by row: a byte each, 1 inside."""
    desk = desk_of(request)
    desk.facts(cell)
    inside = desk.mask(cell)
    if inside is None:
        raise HTTPException(404, "the outline of this cell is not known")
    return Response(inside.astype(np.uint8).tobytes(), media_type=_RAW, headers=_KEPT)


@router.get("/cell")
def cell(request: Request, account: Signed, cell: Text) -> CellHistory:
    """Return a cell and everything ever said of it."""
    desk = desk_of(request)
    desk.facts(cell)
    desk.refresh()
    history = [ReadingMessage.of(each) for each in desk.history.of_cell(cell)]
    return CellHistory(cell=ReviewedMessage.of(reviewed(desk, account, cell)), history=history)


@router.get("/review")
def review(request: Request, account: Signed, worth: Worth) -> ReviewedCells:
    """Return cells worth a second look."""
    found, note = worth_a_look(desk_of(request), account, worth)
    cells = [ReviewedMessage.of(each) for each in found]
    return ReviewedCells(n=len(cells), note=note, cells=cells)


@router.get("/gallery")
def gallery(
    request: Request,
    account: Signed,
    pattern: Text | None = None,
    predicted: Text | None = None,
    specimen: Text | None = None,
    annotator: Text | None = None,
    order: Annotated[str, Query(pattern="^(manifest|certain|uncertain|unread)$")] = "manifest",
    offset: Annotated[int, Query(ge=0, le=100_000_000)] = 0,
    n: Annotated[int, Query(ge=1, le=500)] = 60,
) -> ReviewedCells:
    """Return a page of the cells that a query finds."""
    total, cells = find(
        desk_of(request),
        account,
        pattern=pattern,
        predicted=predicted,
        specimen=specimen,
        annotator=annotator,
        order=order,
        offset=offset,
        n=n,
    )
    return ReviewedCells(n=total, cells=[ReviewedMessage.of(each) for each in cells])
