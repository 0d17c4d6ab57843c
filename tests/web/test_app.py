"""The routes, through the real app and a real database."""

from __future__ import annotations

import csv
import io
import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from cellquery.annotation import Desk, Plan, open_database
from cellquery.core import silent
from cellquery.data import Project, SourceCell
from cellquery.data.amending import take_over
from cellquery.storage import Accounts
from cellquery.web import create_app
from cellquery.web.app import openapi

from .conftest import PAGE, PASSWORD, signed_in

ROUTES = [
    (method, path)
    for path, methods in openapi()["paths"].items()
    for method in methods
    if path not in ("/api/sign-in", "/api/sign-in-link")
]


def reading(cell: str, key: str = "a" * 16, **more: object) -> dict[str, object]:
    return {"key": key, "cell_id": cell, "kind": "label", "pattern": "golgi", **more}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_answers_without_sign_in(anyone: TestClient, method: str, path: str) -> None:
    answer = anyone.request(method, path.replace("{form}", "csv"), json={})
    assert answer.status_code == 401
    assert answer.json() == {"error": "sign in first"}


def test_a_label_is_in_the_history_when_it_is_acknowledged(ana: TestClient, desk: Desk) -> None:
    turns = ana.post("/api/turns", json={"n": 3}).json()
    cell = turns["turns"][0]["cell_id"]
    answer = ana.post("/api/annotations", json={"readings": [reading(cell, seconds=1.5)]})
    (number,) = answer.json()["numbers"]
    (kept,) = desk.history.since()
    assert (kept.number, kept.annotator, kept.cell_id, kept.pattern) == (
        number,
        "ana",
        cell,
        "golgi",
    )
    again = ana.post("/api/annotations", json={"readings": [reading(cell, seconds=1.5)]})
    assert again.json()["numbers"] == [number]
    undone = ana.post("/api/undo", json={"key": "b" * 16}).json()["turn"]
    assert undone["cell_id"] == cell
    assert undone["mine"]["pattern"] == "golgi"
    history = ana.get("/api/cell", params={"cell": cell}).json()
    assert [each["kind"] for each in history["history"]] == ["label", "withdrawn"]


def test_pixels_and_mask_are_the_stored_ones(ana: TestClient, desk: Desk) -> None:
    cell = next(iter(desk.pool))
    answer = ana.get("/api/pixels", params={"cell": cell})
    stored = desk.project.store().pixels(cell)
    assert np.array_equal(np.frombuffer(answer.content, stored.dtype).reshape(stored.shape), stored)
    inside = desk.project.store().mask(cell)
    assert inside is not None
    answer = ana.get("/api/mask", params={"cell": cell})
    assert np.array_equal(np.frombuffer(answer.content, np.uint8).reshape(inside.shape), inside)


def test_cells_are_shown_on_when_an_import_has_said_more_of_them(
    ana: TestClient, desk: Desk
) -> None:
    cell = next(iter(desk.pool))
    before = {what: ana.get(f"/api/{what}", params={"cell": cell}) for what in ("pixels", "mask")}
    said = {cell: SourceCell(cell, "", specimen="another")}
    take_over(desk.project, desk.project.store(), said, silent)
    for what, answer in before.items():
        after = ana.get(f"/api/{what}", params={"cell": cell})
        assert (after.status_code, after.content) == (200, answer.content)


@pytest.mark.parametrize(
    "cell",
    ["../../labels.sqlite", "/etc/passwd", "nowhere", "", "%00", "<script>alert(1)</script>"],
)
def test_what_is_no_cell_leads_nowhere(ana: TestClient, cell: str) -> None:
    for what in ("pixels", "mask", "cell"):
        answer = ana.get(f"/api/{what}", params={"cell": cell})
        assert answer.status_code in (400, 422)
        assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "path",
    ["/assets/../app.py", "/assets/%2e%2e/%2e%2e/app.py", "/assets/..%2fapp.py", "/static", "/x"],
)
def test_nothing_beside_the_page_is_served(anyone: TestClient, path: str) -> None:
    assert anyone.get(path).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"pattern": "mystery"},
        {"pattern": None},
        {"settles": True},
        {"kind": "withdrawn"},
        {"seconds": -1},
        {"seconds": "NaN"},
        {"keystrokes": 10**9},
        {"key": "short"},
        {"key": "x" * 65},
        {"cell_id": "a\x00b"},
        {"way": "magic"},
        {"extra": 1},
    ],
)
def test_a_faulty_annotation_is_refused_with_all_that_came_with_it(
    ana: TestClient, desk: Desk, change: dict[str, object]
) -> None:
    first, second, *_ = desk.pool
    readings = [reading(first), {**reading(second, "b" * 16), **change}]
    answer = ana.post("/api/annotations", json={"readings": readings})
    assert answer.status_code in (400, 422)
    assert desk.history.since() == []


def test_labels_of_a_page_are_not_stored_as_anothers_who_signed_in_since(
    ana: TestClient, desk: Desk
) -> None:
    body = {"readings": [reading(next(iter(desk.pool)))]}
    hers = {"x-cellquery-account": "ana"}
    assert signed_in(ana, "rita").get("/api/me").json()["name"] == "rita"
    assert ana.post("/api/annotations", json=body, headers=hers).status_code == 401
    assert desk.history.since() == []
    signed_in(ana, "ana")
    assert ana.post("/api/annotations", json=body, headers=hers).status_code == 200
    assert [each.annotator for each in desk.history.since()] == ["ana"]


def test_a_request_of_another_site_is_refused(ana: TestClient, desk: Desk) -> None:
    cell = next(iter(desk.pool))
    body = {"readings": [reading(cell)]}
    answer = ana.post("/api/annotations", json=body, headers={"x-cellquery": ""})
    assert answer.status_code == 403
    assert desk.history.since() == []
    assert ana.get("/api/me", headers={"host": "evil.example"}).status_code == 400
    token = Accounts(desk.database).issue("ana", "link")
    cookie = ana.post("/api/sign-in-link", json={"token": token}).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_nothing_but_the_pages_own_files_may_load_or_run(anyone: TestClient) -> None:
    page = anyone.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "<script>" not in page.text
    assert "style=" not in page.text


@pytest.mark.parametrize("length", ["99999999999", "-1", "many"])
def test_too_much_is_refused_before_it_is_read(anyone: TestClient, length: str) -> None:
    answer = anyone.post("/api/sign-in", content=b"{}", headers={"content-length": length})
    assert answer.status_code == 413


def test_a_body_that_grows_beyond_the_limit_is_refused(
    admin: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellquery.web.security.MAX_BODY_BYTES", 1000)

    def parts() -> object:
        for _ in range(100):
            yield b"x" * 100

    answer = admin.post("/api/labels", content=parts(), headers={"content-type": "text/csv"})
    assert answer.status_code == 413


def test_passwords_cannot_be_tried_out(anyone: TestClient, desk: Desk) -> None:
    for name in ("ana", "rita"):
        Accounts(desk.database).change(name, password=PASSWORD)
    for _ in range(8):
        wrong = anyone.post("/api/sign-in", json={"name": "ana", "password": "wrong"})
        assert wrong.status_code == 401
    right = anyone.post("/api/sign-in", json={"name": "ana", "password": PASSWORD})
    assert right.status_code == 401
    assert (
        anyone.post("/api/sign-in", json={"name": "rita", "password": PASSWORD}).status_code == 200
    )


def test_a_link_signs_in_once_and_signing_out_ends_it(anyone: TestClient, desk: Desk) -> None:
    token = Accounts(desk.database).issue("ana", "link")
    assert anyone.post("/api/sign-in-link", json={"token": token}).json()["name"] == "ana"
    assert anyone.get("/api/me").json() == {"name": "ana", "role": "annotator"}
    assert anyone.post("/api/sign-in-link", json={"token": token}).status_code == 401
    assert anyone.post("/api/sign-out").status_code == 204
    assert anyone.get("/api/me").status_code == 401


def test_who_signs_in_to_one_project_stays_signed_in_to_another(
    ana: TestClient, sharded: Project, tmp_path: Path
) -> None:
    shutil.copytree(sharded.path, tmp_path / "others")
    project = Project.open(tmp_path / "others")
    with closing(open_database(project)) as database:
        plan = Plan.of(project, campaign={"budget": 20, "first": 10})
        Accounts(database).add("cem", "annotator")
        other = create_app(Desk(project, plan, database))
        # As a browser does between the ports of one host, all cookies go to both.
        with TestClient(
            other, base_url="http://localhost", headers=PAGE, cookies=ana.cookies
        ) as cem:
            assert cem.get("/api/me").status_code == 401
            signed_in(cem, "cem")
            ana.cookies.update(cem.cookies)
            assert ana.get("/api/me").json()["name"] == "ana"
            assert cem.get("/api/me").json()["name"] == "cem"
            assert cem.post("/api/sign-out").status_code == 204
    assert ana.get("/api/me").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/accounts"),
        ("post", "/api/accounts"),
        ("post", "/api/accounts/change"),
        ("post", "/api/accounts/link"),
        ("get", "/api/agreement"),
        ("post", "/api/labels"),
    ],
)
def test_annotators_do_not_do_what_others_may(ana: TestClient, method: str, path: str) -> None:
    assert ana.request(method, path, json={}).status_code == 403


def test_an_administrator_makes_and_closes_accounts_but_not_the_own_one(
    admin: TestClient, desk: Desk
) -> None:
    made = admin.post("/api/accounts", json={"name": "cem", "role": "reviewer"})
    assert made.status_code == 201
    token = made.json()["link"].removeprefix("#sign-in=")
    with TestClient(create_app(desk), base_url="http://localhost", headers=PAGE) as other:
        assert other.post("/api/sign-in-link", json={"token": token}).json()["role"] == "reviewer"
        change = {"name": "cem", "active": False}
        assert admin.post("/api/accounts/change", json=change).status_code == 204
        assert other.get("/api/me").status_code == 401
    own = admin.post("/api/accounts/change", json={"name": "admin", "active": False})
    assert own.status_code == 400
    names = [each["name"] for each in admin.get("/api/accounts").json()["accounts"]]
    assert names == ["admin", "ana", "cem", "rita"]
    assert "hash" not in admin.get("/api/accounts").text


def test_labels_go_out_and_come_in(anyone: TestClient, desk: Desk) -> None:
    rita = signed_in(anyone, "rita")
    cells = sorted(desk.pool)[:3]
    text = "cell_id,label\n" + "".join(f"{cell},golgi\n" for cell in cells)
    answer = rita.post("/api/labels", content=text, headers={"content-type": "text/csv"})
    assert answer.json() == {"n": 3}
    out = rita.get("/api/labels/csv")
    assert "attachment" in out.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(out.text)))
    assert [row["cell_id"] for row in rows] == cells
    assert rita.get("/api/labels/parquet").content[:4] == b"PAR1"
    assert len(rita.get("/api/labels/label-studio").json()) == 3
    bad = rita.post("/api/labels", content="x", headers={"content-type": "text/csv"})
    assert bad.status_code == 400
    assert "no columns cell_id and label" in bad.json()["error"]


def test_setup_names_patterns_with_codes_keys_and_the_notice(ana: TestClient) -> None:
    setup = ana.get("/api/setup").json()
    assert "For Research Use Only" in setup["notice"]
    assert setup["synthetic"] is True
    assert [each["key"] for each in setup["patterns"]] == list("123456")
    assert setup["patterns"][3]["icap"] == "AC-3"


def test_overviews_answer_before_and_after_labels(ana: TestClient, desk: Desk) -> None:
    for cell in list(desk.pool)[:2]:
        for what in ("progress", "specimens", "gallery", "review?worth=mine"):
            assert ana.get(f"/api/{what}").status_code == 200, what
        ana.post("/api/annotations", json={"readings": [reading(cell, cell.ljust(8, "0"))]})
    assert ana.get("/api/progress").json()["n_labelled"] == 2
    counts = {each["specimen"]: each for each in ana.get("/api/specimens").json()["specimens"]}
    assert sum(each["n_cells"] - each["n_unread"] for each in counts.values()) == 2


def test_the_record_is_for_reviewers_and_only_where_it_is_made(desk: Desk) -> None:
    app = create_app(desk, record=lambda desk: f"<p>{len(desk.pool)} cells</p>")
    with TestClient(app, base_url="http://localhost", headers=PAGE) as client:
        assert client.get("/api/record").status_code == 401
        assert signed_in(client, "ana").get("/api/record").status_code == 403
        answer = signed_in(client, "rita").get("/api/record")
    assert answer.text == f"<p>{len(desk.pool)} cells</p>"
    assert answer.headers["content-disposition"] == 'attachment; filename="record.html"'
    with TestClient(create_app(desk), base_url="http://localhost", headers=PAGE) as client:
        assert signed_in(client, "rita").get("/api/record").status_code == 404
