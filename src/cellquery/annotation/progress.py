"""How far the annotation of a project is: for the page's progress view and the record."""

from __future__ import annotations

from collections import Counter
from statistics import mean, median
from typing import Any

from cellquery.annotation.desk import Desk
from cellquery.annotation.trainer import trainer_state
from cellquery.campaign.records import read_json, rounds_done
from cellquery.storage import Annotation


def progress(desk: Desk) -> dict[str, Any]:
    """Return counts, estimates and times as plain values."""
    desk.refresh()
    readings = desk.readings
    labels = readings.labels()
    in_pool = {cell_id: name for cell_id, name in labels.items() if cell_id in desk.pool}
    counts = Counter(in_pool.values())
    standings = Counter(map(readings.standing, readings.read()))
    rounds = [_round(folder.facts()) for folder in rounds_done(desk.ranking.root)]
    final = desk.ranking.root / "final" / "final.json"
    ended = read_json(final) if final.exists() else None
    return {
        "n_pool": len(desk.pool),
        "budget": desk.budget,
        "n_labelled": len(in_pool),
        "n_second": desk.n_second,
        "standings": dict(standings),
        "labels_per_pattern": {name: counts[name] for name in desk.plan.patterns},
        "rounds": rounds,
        "ended": ended["ended"] if ended else None,
        "estimate": (ended or (rounds[-1] if rounds else {})).get("estimate"),
        "stop": stopping_words(rounds, ended),
        "model": desk.ranking.model,
        "trainer": trainer_state(desk.project),
        "annotators": [_annotator(name, told) for name, told in sorted(readings.told_by().items())],
    }


def _annotator(name: str, told: list[list[Annotation]]) -> dict[str, Any]:
    timed = [each for said in told for each in said if each.timed]
    seconds = [each.seconds for each in timed]
    keystrokes = [each.keystrokes for each in timed]
    return {
        "name": name,
        "n_readings": len(told),
        "seconds_per_label": round(median(seconds), 2) if seconds else None,
        "keystrokes_per_label": round(mean(keystrokes), 2) if keystrokes else None,
    }


def _round(facts: dict[str, Any]) -> dict[str, Any]:
    keys = ("round", "n_labels", "kappa", "stabilised", "estimate", "labels_per_pattern", "notes")
    kept = {key: facts.get(key) for key in keys}
    kept["seconds"] = round(sum(facts["seconds"].values()), 1)
    return kept


def stopping_words(rounds: list[dict[str, Any]], ended: dict[str, Any] | None) -> str:
    """Return what the stopping rule says, from ``round.json`` of each round and ``final.json``."""
    if ended:
        return f"Ended: {ended['ended']}."
    if not rounds:
        return "No round is done yet."
    kappa = rounds[-1]["kappa"]
    if kappa is None:
        return "Predictions can be compared after the second round."
    said = f"Predictions agree with those of the round before at kappa {kappa:.3f}"
    if rounds[-1]["stabilised"]:
        return f"{said}, and did so for three rounds: further labels change little."
    return f"{said}: further labels still change them."
