"""Findings about technical properties that give patterns away."""

from __future__ import annotations

from collections.abc import Sequence

from cellquery.data.audit.cues import Cue
from cellquery.data.audit.findings import Finding, Severity

# Of the way from guessing to certainty, by one number that says nothing of the pattern. On real
# cells (I3A) size and brightness, which are partly biology, reach 0.2 to 0.4.
_STRONG, _NOTABLE = 0.3, 0.1
_PERFECT, _GIVEN_AWAY = 0.98, 0.9

_REMEDY = {
    "file": "Find out why the classes were written differently and export all of them in one way. "
    "If that cannot be, convert every image to the poorest of the ways, and test on specimens "
    "whose files were written alike.",
    "exposure": "Scale each cell by itself, vary brightness and contrast in training, and judge by "
    "a split by specimen: an accuracy that falls there was partly this.",
    "size": "If the size comes from the microscope or from cropping, bring all classes to one "
    "scale. If it is biology it may be used, but judge by a split by specimen.",
}


def cue_findings(cues: Sequence[Cue]) -> list[Finding]:
    """Return findings about cues, the strongest first."""
    ranked = sorted(cues, key=lambda cue: -cue.strength)
    return [found for cue in ranked if (found := _finding(cue)) is not None]


def _finding(cue: Cue) -> Finding | None:
    severity = _severity(cue)
    if severity is None:
        return None
    one = cue.measured
    given = cue.given_away(_GIVEN_AWAY)
    words = [
        one.meaning,
        f"From it alone the pattern is named with a balanced accuracy of "
        f"{_percent(cue.balanced_accuracy)} %, where guessing gives {_percent(cue.chance)} %.",
    ]
    if given:
        words.append(f"It sets apart: {', '.join(given)}.")
    if cue.unseen_accuracy is not None:
        words.append(_unseen(cue))
    return Finding(
        f"cue-{one.name.replace('_', '-')}",
        severity,
        f"The pattern can be {'told' if severity == 'error' else 'guessed'} from the {one.title}",
        " ".join(words),
        _REMEDY[one.kind],
        cells=cue.extremes,
        n_cells=len(cue.extremes),
        numbers={k: v for k, v in cue.to_json().items() if k not in ("name", "kind", "varies")},
    )


def _severity(cue: Cue) -> Severity | None:
    if not cue.varies or cue.strength <= 0:
        return None
    if cue.measured.kind == "file":
        if cue.given_away(_PERFECT):
            return "error"
        return "warning" if cue.strength >= _NOTABLE or cue.given_away(_GIVEN_AWAY) else None
    if cue.strength >= _STRONG or cue.given_away(_PERFECT):
        return "warning"
    return "note" if cue.strength >= _NOTABLE else None


def _unseen(cue: Cue) -> str:
    assert cue.unseen_accuracy is not None
    kept = (cue.unseen_accuracy - cue.chance) / (cue.balanced_accuracy - cue.chance)
    figure = f"On unseen specimens it is {_percent(cue.unseen_accuracy)} %: "
    if kept < 0.35:
        return figure + (
            "the property marks the specimen more than the pattern, so it flatters a random split."
        )
    return figure + "the classes themselves differ, not only their specimens."


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"
