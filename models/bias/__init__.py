"""Measures of balance, coverage, diversity, defects, leakage and representation of a data set.

What is exported here are pure functions: frames in, metric frames out (columns of `METRICS`). Beside them lie looks at
the content of a table (`words`, `numbers`, `relations`, `chemical`) and at its former version (`drift`, `revisions`),
which return `findings`; and the choice of rows: which to learn next (`sampling`), which to do without (`pruning`),
whether another source helps (`aggregation`).

What a metric must be to pass is decided in `dagster_project.quality`; where metrics are kept is declared as
`meta.bias_metrics`.
"""

from models.bias.balance import class_balance, coverage, group_bias, value_spread
from models.bias.card import BiasCard, bias_card, by_element
from models.bias.defects import duplicate_disagreement, sentinel_zeros
from models.bias.diversity import mixed_entropy, vendi_score
from models.bias.frames import ALL, METRICS, as_table
from models.bias.leakage import leakage, leaking_rows
from models.bias.representation import representation

__all__ = [
    "ALL",
    "BiasCard",
    "METRICS",
    "as_table",
    "bias_card",
    "by_element",
    "class_balance",
    "coverage",
    "duplicate_disagreement",
    "group_bias",
    "leakage",
    "leaking_rows",
    "mixed_entropy",
    "representation",
    "sentinel_zeros",
    "value_spread",
    "vendi_score",
]
