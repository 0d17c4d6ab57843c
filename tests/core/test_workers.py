from __future__ import annotations

import random
from collections import Counter

from cellquery.core.workers import in_order


def test_a_function_is_sent_to_each_worker_once_and_keeps_what_it_learns() -> None:
    # A generator that were sent anew with each batch would draw the same each time.
    drawn = list(in_order(random.Random(0).randbytes, [8] * 6, 2, task="draw"))
    assert max(Counter(drawn).values()) <= 2
