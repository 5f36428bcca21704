"""Design problems: what may be varied, what is wanted, who evaluates, how much may be spent. One YAML file each.

A problem says nothing about a model or an acquisition; those are in `models.design`.
"""

import math
import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from schemas.errors import InputError
from schemas.units import UNITS
from schemas.yaml_files import Strict, mapping, valid

FOLDER = Path(__file__).parent / "problems"
CHOSEN = "MATLOOM_PROBLEMS"
"""Environment variable: which problems the graph works on, where it is not all that ship."""
OWN = ("candidate_id", "formula", "row", "acquisition", "remaining_improvement", "p_complete", "p_feasible", "model_id")
"""Columns that candidates and proposals have beside the variables and objectives."""
MOST_WHOLE = 2**53  # the largest whole number up to which a float knows all


class _Variable(Strict):
    name: str = Field(min_length=1)
    when: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="categorical variable -> levels with which this one has a value"
    )


class Categorical(_Variable):
    """A variable with named levels, in a fixed order."""

    kind: Literal["categorical"] = "categorical"
    levels: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=2)
    descriptors: dict[str, dict[str, float]] = Field(default_factory=dict, description="level -> descriptor -> value")

    @field_validator("levels", mode="before")
    @classmethod
    def _levels_are_text(cls, given: Any) -> Any:
        odd = [level for level in given if not isinstance(level, str)] if isinstance(given, list | tuple) else []
        if odd:  # a number, yes or no
            raise ValueError(f"the level {odd[0]!r} is no text: write it in quotes")
        return given

    @model_validator(mode="after")
    def _levels_are_distinct(self) -> "Categorical":
        if len(set(self.levels)) < len(self.levels):
            raise ValueError(f"variable {self.name}: a level is given twice")
        if joined := next((level for level in self.levels if "|" in level), None):
            raise ValueError(f"variable {self.name}: level {joined} holds |, which joins levels to identifiers")
        unknown = sorted(set(self.descriptors) - set(self.levels))
        if unknown:
            raise ValueError(f"variable {self.name}: descriptors of the unknown level {unknown[0]}")
        return self


class _Range(_Variable):
    low: float
    high: float

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"variable {self.name}: low must be below high")
        if math.isinf(float(self.high) - float(self.low)):
            raise ValueError(f"variable {self.name}: the range is too wide to be a number")
        return self


class Numerical(_Range):
    """A real variable between two bounds."""

    kind: Literal["numerical"]


class Integer(_Range):
    """A whole number between two bounds, both included."""

    kind: Literal["integer"]
    low: int = Field(ge=-MOST_WHOLE, le=MOST_WHOLE)
    high: int = Field(ge=-MOST_WHOLE, le=MOST_WHOLE)


Variable = Annotated[Categorical | Numerical | Integer, Field(discriminator="kind")]


class _Bounded(Strict):
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _something_is_asked(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("a constraint needs low, high or both")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"contradictory constraint: low {self.low:g} is above high {self.high:g}")
        return self


class Linear(_Bounded):
    """A linear constraint: a sum of numbers between two bounds; a variable without a value adds nothing."""

    terms: dict[str, float] = Field(min_length=1, description="variable -> coefficient")


class Costs(Strict):
    """What an evaluation costs, in any unit: a base, and what levels add."""

    base: float = Field(1.0, gt=0)
    levels: dict[str, dict[str, Annotated[float, Field(ge=0)]]] = Field(
        default_factory=dict, description="categorical variable -> level -> addition"
    )


class Outcome(Strict):
    """A quantity that evaluations tell."""

    name: str = Field(min_length=1)
    unit: str = "1"

    @model_validator(mode="after")
    def _unit_is_known(self) -> Self:
        if self.unit not in UNITS:
            raise ValueError(f"{self.name}: unknown unit {self.unit}; known are {', '.join(UNITS)}")
        return self


class Objective(Outcome):
    """A quantity to be made large or small."""

    direction: Literal["max", "min"]
    reference: float | None = Field(None, description="worst value of interest; bounds the hypervolume")


class Limit(Outcome, _Bounded):
    """A quantity told beside the objectives that is to stay between bounds: only then is a candidate of use."""


class Evaluator(Strict):
    """Who computes the objectives: a recorded look-up table, or a calculation engine with its options."""

    kind: Literal["recorded", "gpaw", "chgnet", "vasp"]
    table: str | None = Field(None, description="name of a recorded table, for the kind recorded")
    options: dict[str, float | int | str | bool] = Field(default_factory=dict)

    @property
    def instant(self) -> bool:
        """Whether a recorded table answers at once; with options it is rehearsed as a calculation."""
        return self.kind == "recorded" and not self.options

    @model_validator(mode="after")
    def _recorded_needs_a_table(self) -> "Evaluator":
        if self.kind == "recorded" and not self.table:
            raise ValueError("evaluator: the kind recorded needs a table")
        return self


class Budget(Strict):
    """How many evaluations: of the initial design, in all, at once; and what ends a loop before."""

    initial: int = Field(12, ge=2)
    total: int = Field(60, ge=2)
    batch: int = Field(1, ge=1)
    patience: int | None = Field(None, ge=1, description="evaluations in a row without anything better that end it")
    complete: float | None = Field(
        None, gt=0, le=1, description="probability that nothing better is left, as proposals tell it, that ends it"
    )


class DesignProblem(Strict):
    """A design problem."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    doi: str | None = None
    formula: str | None = Field(None, description="formula of a candidate, variables in braces: {A}{B}O3")
    variables: tuple[Variable, ...] = Field(min_length=1)
    forbidden: tuple[Annotated[dict[str, str], Field(min_length=1)], ...] = Field(
        (), description="combinations of levels that are no candidates"
    )
    constraints: tuple[Linear, ...] = ()
    candidates: str | None = Field(None, description="a table of all candidates, beside the problem's file")
    costs: Costs | None = None
    objectives: tuple[Objective, ...] = Field(min_length=1)
    limits: tuple[Limit, ...] = ()
    evaluator: Evaluator
    budget: Budget = Budget()  # type: ignore[call-arg]

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What an evaluation tells: the objectives, then what has a limit."""
        wanted: tuple[Outcome, ...] = (*self.objectives, *self.limits)
        return tuple(told.name for told in wanted)

    @model_validator(mode="after")
    def _names_agree(self) -> "DesignProblem":
        names = [*(v.name for v in self.variables), *self.outcomes]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"the name {twice[0]} is used twice")
        own = {*OWN, *(f"{kind}_{name}" for name in self.outcomes for kind in ("mean", "sd"))}
        if taken := sorted(own & set(names)):
            raise ValueError(f"the name {taken[0]} is that of a column of proposals")
        return self

    @model_validator(mode="after")
    def _levels_are_declared(self) -> "DesignProblem":
        known: dict[str, tuple[str, ...]] = {}
        for variable in self.variables:
            for name, levels in variable.when.items():
                for level in levels:
                    if level not in known.get(name, ()):
                        raise ValueError(
                            f"variable {variable.name}: no variable before it is {name} with level {level}"
                        )
            if isinstance(variable, Categorical):
                known[variable.name] = variable.levels
        named = [("forbidden", rule) for rule in self.forbidden]
        priced = self.costs.levels if self.costs else {}
        named += [("costs", {name: level}) for name, added in priced.items() for level in added]
        for where, rule in named:
            for name, level in rule.items():
                if level not in known.get(name, ()):
                    raise ValueError(f"{where}: {name} has no level {level}")
        return self

    @model_validator(mode="after")
    def _constraints_are_of_numbers(self) -> "DesignProblem":
        numbers = {v.name for v in self.variables if not isinstance(v, Categorical)}
        for constraint in self.constraints:
            for name in constraint.terms:
                if name not in numbers:
                    raise ValueError(f"constraints: {name} is no numerical or integer variable")
        return self


def load(where: str) -> DesignProblem:
    """Reads a problem.

    Args:
        where: path of a YAML file, or the name of a shipped problem.

    Raises:
        InputError: no such problem, not UTF-8, no YAML, an unknown key or a value that is not valid.
    """
    path = Path(where)
    if path.suffix in {".yaml", ".yml"}:
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError.of("unreadable problem", where, "name a UTF-8 YAML file that exists") from error
        found = parse(text, where=where)
        if found.candidates:
            found = found.model_copy(update={"candidates": str(path.parent / found.candidates)})
        return found
    shipped = FOLDER / f"{where}.yaml"
    if not where.replace("_", "").isalnum() or not shipped.is_file():
        raise InputError.of(
            f"no problem {where!r}", "schemas/problems", f"name a YAML file or one of {', '.join(names())}"
        )
    return parse(shipped.read_text("utf-8"), where=f"{where}.yaml")


def parse(text: str, *, where: str) -> DesignProblem:
    """A problem from YAML text; errors as in `load`."""
    body = mapping(text, where, keys="name, variables, objectives and evaluator")
    variables = body.get("variables")
    if isinstance(variables, list):  # categorical is the usual case and need not be said
        body["variables"] = [{"kind": "categorical", **v} if isinstance(v, dict) else v for v in variables]
    return valid(body, DesignProblem, where)


def worked_on(chosen: str | None = None) -> list[DesignProblem]:
    """The problems of the graph.

    Args:
        chosen: names or YAML files joined by commas; without any those of MATLOOM_PROBLEMS, else all shipped.

    Raises:
        InputError: see `load`; two problems of one name.
    """
    wanted = [w.strip() for w in (chosen or os.environ.get(CHOSEN, "")).split(",") if w.strip()]
    found = [load(where) for where in wanted or names()]
    called = [p.name for p in found]
    if twice := sorted({n for n in called if called.count(n) > 1}):
        raise InputError.of(f"two problems named {twice[0]}", CHOSEN, "leave one out")
    return found


def names() -> list[str]:
    """Names of the shipped problems."""
    found = (p.stem for p in FOLDER.glob("*.yaml"))
    return sorted(n for n in found if not n.endswith(("_keywords", "_sources")))
