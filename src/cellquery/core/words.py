"""Numbers in messages."""

from __future__ import annotations


def counted(n: int, noun: str) -> str:
    """Return a number with its noun in the right form.

    Examples
    --------
    >>> counted(1, "cell"), counted(63000, "cell")
    ('1 cell', '63,000 cells')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
