"""One generator a target: arrow, polars, duckdb, gx, frictionless, markdown.

Here only what they share: `checks` lists everything that a declaration promises of its rows, each under a stable
name, so that every target can compile the same list and be held to the same verdict.
"""

from dataclasses import dataclass
from typing import Literal

from schemas.core import Column, Table, Type
from schemas.rules import ColumnRule, Matches, RowRule, describe

# White space as the Unicode property White_Space has it, spelled out because \s differs between regex engines.
BLANK = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
LISTS = (Type.STRINGS, Type.FLOATS)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One promise about the rows of a table.

    Attributes:
        name: ``column: phrase`` or the phrase of a row rule; unique in its table.
        kind: what sort of promise it is.
        column: the declared column, for the kinds that concern one.
        rule: the declared rule, for the kinds `column` and `row`.
    """

    name: str
    kind: Literal["present", "json", "column", "row", "key"]
    column: Column | None = None
    rule: ColumnRule | RowRule | None = None

    @property
    def phrase(self) -> str:
        """The promise without the column's name."""
        return {"present": "not null", "json": "valid JSON", "key": "unique key"}.get(self.kind) or describe(self.ruled)

    @property
    def ruled(self) -> ColumnRule | RowRule:
        """The rule of a check that has one."""
        assert self.rule is not None, self.name
        return self.rule

    @property
    def subject(self) -> Column:
        """The column of a check that concerns one."""
        assert self.column is not None, self.name
        return self.column


def checks(table: Table) -> tuple[Check, ...]:
    """Everything the declaration promises of single tables, in a fixed order; foreign keys are not among them."""
    found: list[Check] = []
    for column in table.columns:
        if not column.nullable:
            found.append(Check(name=f"{column.name}: not null", kind="present", column=column))
        if column.type is Type.JSON:
            found.append(Check(name=f"{column.name}: valid JSON", kind="json", column=column))
        found += [
            Check(name=f"{column.name}: {describe(rule)}", kind="column", column=column, rule=rule)
            for rule in column.rules
        ]
    found += [Check(name=describe(rule), kind="row", rule=rule) for rule in table.row_rules]
    found += [Check(name=f"unique key {', '.join(table.key)}", kind="key")] if table.key else []
    return tuple(found)


def anchored(rule: Matches) -> str:
    """The pattern made to match whole strings, for engines whose match is a search."""
    return rf"\A(?:{rule.pattern})\z"
