"""Labels in and out: csv and Parquet tables, Label Studio tasks, folders of images."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from cellquery.annotation.desk import Desk
from cellquery.core import RESEARCH_USE_ONLY, InputError, parse_pattern
from cellquery.core.durable import make_folder, replacing
from cellquery.data.readers.tables import delimiter
from cellquery.storage import Account, NewAnnotation

Form = Literal["csv", "parquet", "label-studio", "folders"]
FORMS: tuple[Form, ...] = get_args(Form)

_COLUMNS = (
    "cell_id",
    "label",
    "standing",
    "annotators",
    "readings",
    "at",
    "seconds",
    "specimen",
    "suggestion",
)
_MOST_ROWS = 1_000_000


def label_rows(desk: Desk) -> list[dict[str, Any]]:
    """Return one row a cell that anyone has read, in the order of first reading.

    Columns: cell_id, label (none while undecided), standing, annotators and their readings joined
    by ``|``, time of the last reading (UTC), its seconds, specimen, the network's suggestion.
    """
    desk.refresh()
    rows = []
    for cell_id in desk.readings.read():
        current = desk.readings.of_cell(cell_id)
        if not current:
            # Taken back meanwhile.
            continue
        last = current[-1]
        values = (
            cell_id,
            desk.readings.label(cell_id),
            desk.readings.standing(cell_id),
            "|".join(each.annotator for each in current),
            "|".join(each.pattern or each.kind for each in current),
            last.at.isoformat(timespec="seconds") + "Z",
            last.seconds,
            desk.cells[cell_id].specimen,
            current[0].suggestion,
        )
        rows.append(dict(zip(_COLUMNS, values, strict=True)))
    return rows


def labels_csv(desk: Desk) -> bytes:
    """Return the labels as csv, in UTF-8."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {key: harmless(value) for key, value in row.items()} for row in label_rows(desk)
    )
    return text.getvalue().encode()


def labels_parquet(desk: Desk) -> bytes:
    """Return the labels as Parquet."""
    rows, file = label_rows(desk), io.BytesIO()
    types = [pa.float64() if name == "seconds" else pa.string() for name in _COLUMNS]
    schema = pa.schema(
        list(zip(_COLUMNS, types, strict=True)), metadata={"notice": RESEARCH_USE_ONLY}
    )
    pq.write_table(pa.Table.from_pylist(rows, schema), file)
    return file.getvalue()


def labels_label_studio(desk: Desk) -> bytes:
    """Return the labels as Label Studio tasks: every reading is an annotation, in JSON.

    ``data.image`` names the image as it was imported, relative to its source.
    """
    desk.refresh()
    manifest = desk.project.manifest()
    source = dict(zip(manifest["cell_id"].to_pylist(), manifest["source"].to_pylist(), strict=True))
    tasks = []
    for cell_id in desk.readings.read():
        results = [
            {
                "completed_by": {"email": each.annotator},
                "created_at": each.at.isoformat() + "Z",
                "lead_time": each.seconds,
                "was_cancelled": each.kind != "label",
                "result": []
                if each.pattern is None
                else [
                    {
                        "from_name": "pattern",
                        "to_name": "image",
                        "type": "choices",
                        "value": {"choices": [each.pattern]},
                    }
                ],
            }
            for each in desk.readings.of_cell(cell_id)
        ]
        data = {
            "image": source[cell_id],
            "cell_id": cell_id,
            "specimen": desk.cells[cell_id].specimen,
        }
        tasks.append({"data": data, "annotations": results})
    return (json.dumps(tasks, indent=1) + "\n").encode()


FILES: dict[str, tuple[Callable[[Desk], bytes], str, str]] = {
    "csv": (labels_csv, "labels.csv", "text/csv; charset=utf-8"),
    "parquet": (labels_parquet, "labels.parquet", "application/vnd.apache.parquet"),
    "label-studio": (labels_label_studio, "labels.json", "application/json"),
}
"""Form -> what writes it, name of the file, media type."""


_SUFFIXES = {Path(name).suffix: form for form, (_, name, _) in FILES.items()}


def export_labels(desk: Desk, form: Form | None, out: Path) -> int:
    """Write the labels to a file, or to a folder with one folder of images a pattern.

    A file takes the place of the one before. A folder must not hold images of other labels: those
    of an export before would stay beside the new ones, and name a cell twice.

    Parameters
    ----------
    desk : Desk
    form : Form or None
        None leaves the choice to the suffix.
    out : Path

    Returns
    -------
    int
        How many cells were written.

    Raises
    ------
    InputError
        When the form is unknown, the suffix is that of another or of none where it is to choose,
        or the folder holds an image that no label puts there.
    """
    chosen = _form(form, out)
    if chosen == "folders":
        return _export_folders(desk, out)
    content = FILES[chosen][0](desk)
    make_folder(out.parent)
    with replacing(out) as file:
        file.write(content)
    return len(desk.readings.read())


def import_labels(desk: Desk, account: Account, text: str, where: str | Path) -> int:
    """Take labels of a csv in as an account's readings, once all of it is found in order.

    Interrupted, the same call goes on: nothing is taken in twice.

    Parameters
    ----------
    desk : Desk
    account : Account
    text : str
        With the columns ``cell_id`` and ``label`` (or ``pattern``), by commas, semicolons or tabs;
        rows without a label are passed over, a label given twice counts once. A file taken in again
        changes nothing. An apostrophe that guards an id against spreadsheets is taken off.
    where : str or Path
        What the text is called in messages.

    Returns
    -------
    int
        How many labels had not been taken in before.

    Raises
    ------
    InputError
        Naming the first line at fault; two, where they label one cell differently.
    """
    content = text.removeprefix("\ufeff")
    mark = delimiter(content.partition("\n")[0])
    reader = csv.DictReader(io.StringIO(content), delimiter=mark, strict=True)
    try:
        fields = reader.fieldnames or []
    except csv.Error as error:
        raise _no_csv(where, error) from error
    column = next((name for name in ("label", "pattern") if name in fields), None)
    if "cell_id" not in fields or column is None:
        raise InputError(where, "no columns cell_id and label", "name them in the first line")
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    new: list[NewAnnotation] = []
    named: dict[str, tuple[str, str]] = {}
    try:
        for row in reader:
            name, cell_id = (row.get(column) or "").strip(), row.get("cell_id") or ""
            if cell_id not in desk.cells:
                cell_id = cell_id.removeprefix("'")
            if not name:
                continue
            if len(new) == _MOST_ROWS:
                raise InputError(where, "has more than a million rows", "split it")
            line = f"line {reader.line_num}"
            if cell_id not in desk.cells:
                raise InputError(
                    where, f"{line} names a cell that is not there", "see the manifest"
                )
            pattern = parse_pattern(name)
            if pattern not in desk.plan.patterns:
                raise InputError(
                    where,
                    f"{line} has a label outside the class list",
                    f"use {', '.join(desk.plan.patterns)}",
                )
            before, said = named.setdefault(cell_id, (line, pattern))
            if said != pattern:
                raise InputError(
                    where,
                    f"{line} says {pattern} of the cell {cell_id}, {before} {said}",
                    "keep one of them",
                )
            if before != line:
                continue
            new.append(
                NewAnnotation(
                    f"{digest}:{cell_id}", cell_id, account.name, "label", pattern, way="import"
                )
            )
    except csv.Error as error:
        raise _no_csv(where, error) from error
    desk.refresh()
    last, n_new = desk.readings.last, 0
    for start in range(0, len(new), 500):
        # What was there already has the number of its first time.
        n_new += sum(each > last for each in desk.accept(account, new[start : start + 500]))
    return n_new


def _form(asked: str | None, out: Path) -> str:
    if asked is not None and asked not in FORMS:
        raise InputError("form", f"there is no '{asked}'", f"choose {', '.join(FORMS)}")
    of_suffix = _SUFFIXES.get(out.suffix.lower())
    chosen = asked or of_suffix
    if chosen is None:
        remedy = f"name it {' or '.join(_SUFFIXES)}, or choose with --form"
        raise InputError(out, f"suffix '{out.suffix}' is not known", remedy)
    if of_suffix not in (None, chosen):
        fits = next((f"name it {key}" for key in _SUFFIXES if _SUFFIXES[key] == chosen), None)
        raise InputError(
            out,
            f"suffix '{out.suffix}' is that of {of_suffix}, not of {chosen}",
            fits or "give a folder",
        )
    return chosen


def _no_csv(where: str | Path, error: csv.Error) -> InputError:
    return InputError(where, f"is no csv ({error})", "save it as csv in UTF-8")


def _export_folders(desk: Desk, out: Path) -> int:
    from PIL import Image

    files = {
        out / _file_name(name) / f"{_file_name(cell_id)}.png": cell_id
        for cell_id, name in desk.readings.labels().items()
    }
    other = min(set(out.rglob("*.png")) - files.keys(), default=None)
    if other is not None:
        raise InputError(
            out,
            f"holds {other.relative_to(out)}, which no label puts there",
            "choose a new or empty folder",
        )
    for path, cell_id in files.items():
        make_folder(path.parent)
        with replacing(path) as file:
            Image.fromarray(desk.pixels(cell_id)).save(file, format="png")
    return len(files)


def _file_name(text: str) -> str:
    plain = "".join(each if each.isalnum() or each in "-_." else "_" for each in text).lstrip(".")
    if plain == text and len(text) < 120:
        return text
    # Two names must not become one.
    return f"{plain[:100]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def harmless(value: Any) -> Any:
    """Return a value that a spreadsheet does not take for a formula."""
    dangerous = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if dangerous else value
