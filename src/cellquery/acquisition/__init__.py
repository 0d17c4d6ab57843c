"""Query strategies: from arrays of scores to the cells that should be labelled next."""

from typing import TYPE_CHECKING

from cellquery.acquisition.candidates import Candidates, Query, joined
from cellquery.acquisition.contract import QueryStrategy
from cellquery.core.lazy import lazily

if TYPE_CHECKING:
    from cellquery.acquisition.registry import STRATEGIES, query_strategy

__getattr__ = lazily(__name__, registry=("STRATEGIES", "query_strategy"))

__all__ = ["STRATEGIES", "Candidates", "Query", "QueryStrategy", "joined", "query_strategy"]
