"""What a campaign has come to, as lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cellquery.campaign.records import read_json, rounds_done
from cellquery.core import RESEARCH_USE_ONLY


def status_text(root: Path) -> str:
    """Return a campaign's rounds as a table, and how it stands.

    Raises
    ------
    ProjectError
        When the folder holds no campaign.
    """
    campaign = read_json(root / "campaign.json")
    lines = [
        f"{root.name}: {campaign['settings']['strategy']}, "
        f"{campaign['budget']} of {campaign['pool']['cells']} cells to label",
        "",
    ]
    done = [folder.facts() for folder in rounds_done(root)]
    final = root / "final" / "final.json"
    ends = [{"round": "final", "kappa": None, **read_json(final)}] if final.exists() else []
    judged = [_judged(facts.get("judged")) for facts in [*done, *ends]]
    width = max(map(len, ["judged MCA", *judged]))
    lines.append(
        f"round  labels  agreement  estimate on unlabelled cells  {'judged MCA':>{width}}  seconds"
    )
    for facts, mca in zip([*done, *ends], judged, strict=True):
        kappa = "" if facts["kappa"] is None else f"{facts['kappa']:.3f}"
        lines.append(
            f"{facts['round']:>5}  {facts['n_labels']:6}  {kappa:>9}  "
            f"{_estimate(facts['estimate']):>28}  {mca:>{width}}  "
            f"{sum(facts['seconds'].values()):7.1f}"
        )
    lines += ["", f"Ended: {ends[0]['ended']}." if ends else f"Not ended: {len(done)} rounds done."]
    return "\n".join([*lines, *(f"Note: {each}." for each in notes_of(done)), RESEARCH_USE_ONLY])


def notes_of(rounds: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the notes of a campaign's rounds, each with the last round that it is true of.

    Examples
    --------
    >>> notes_of([{"round": 0, "notes": ["a"]}, {"round": 1, "notes": ["b"]}])
    ['a (until round 0)', 'b']
    """
    last = {note: each["round"] for each in rounds for note in each["notes"]}
    return [
        note if until == rounds[-1]["round"] else f"{note} (until round {until})"
        for note, until in sorted(last.items(), key=lambda each: (each[1], each[0]))
    ]


def _estimate(estimate: dict[str, Any] | None) -> str:
    if not estimate:
        return ""
    low, high = (f"{100 * estimate[key]:.1f}" for key in ("low", "high"))
    return f"{100 * estimate['accuracy']:.1f} % ({low} to {high})"


def _judged(judged: dict[str, Any] | None) -> str:
    """Return the MCA of each judged part, with its name where there are several."""
    mca = {name: f"{100 * figures['mca']:.2f}" for name, figures in (judged or {}).items()}
    return ", ".join(f"{name} {value}" if len(mca) > 1 else value for name, value in mca.items())
