"""Progress, specimens, agreement, and labels in and out."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, HTTPException, Request, Response

from cellquery.annotation.agreement import agreement_report
from cellquery.annotation.exchange import FILES, import_labels
from cellquery.annotation.progress import progress as progress_of
from cellquery.web.messages import Imported, ProgressMessage, Specimens, SpecimenSummary
from cellquery.web.routes_annotation import desk_of
from cellquery.web.security import ANSWERS, Reviewer, Signed

router = APIRouter(tags=["overview"], responses=ANSWERS)


@router.get("/progress")
def progress(request: Request, account: Signed) -> ProgressMessage:
    """Return how far the annotation is."""
    return ProgressMessage(**progress_of(desk_of(request)))


@router.get("/specimens")
def specimens(request: Request, account: Signed) -> Specimens:
    """Return how far each specimen is read."""
    desk = desk_of(request)
    desk.refresh()
    counts: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    said: dict[str, Counter[str]] = defaultdict(Counter)
    named = desk.readings.labels()
    for cell_id in desk.pool:
        specimen = desk.cells[cell_id].specimen
        if specimen is None:
            continue
        counts[specimen] += 1
        unread[specimen] += desk.readings.standing(cell_id) == "unread"
        if cell_id in named:
            labels[specimen][named[cell_id]] += 1
        if suggestion := desk.ranking.suggestions.get(cell_id):
            said[specimen][suggestion.pattern] += 1
    return Specimens(
        specimens=[
            SpecimenSummary(
                specimen=name,
                n_cells=counts[name],
                n_unread=unread[name],
                labels=dict(labels[name].most_common()),
                suggestions=dict(said[name].most_common()),
            )
            for name in sorted(counts)
        ]
    )


@router.get("/agreement")
def agreement(request: Request, account: Reviewer) -> dict[str, Any]:
    """Return how far annotators agree."""
    desk = desk_of(request)
    desk.refresh()
    return agreement_report(desk.readings, desk.plan.patterns).as_dict()


@router.get("/labels/{form}", response_class=Response)
def export(
    request: Request, account: Signed, form: Literal["csv", "parquet", "label-studio"]
) -> Response:
    """Return all labels as a file."""
    make, name, media = FILES[form]
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(make(desk_of(request)), media_type=media, headers=headers)


@router.get("/record", include_in_schema=False)
def record(request: Request, account: Reviewer) -> Response:
    """Return the record of the campaign as a page to keep."""
    make = request.app.state.record
    if make is None:
        raise HTTPException(404, "this server makes no record: run cellquery report")
    headers = {"content-disposition": 'attachment; filename="record.html"'}
    return Response(make(desk_of(request)), media_type="text/html", headers=headers)


@router.post("/labels")
def take_labels(
    request: Request,
    account: Reviewer,
    text: Annotated[str, Body(media_type="text/csv", max_length=16 * 2**20)],
) -> Imported:
    """Take the labels of a csv in, as one's own readings."""
    return Imported(n=import_labels(desk_of(request), account, text, "the csv"))
