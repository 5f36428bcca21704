"""How several tellings of one thing become one: which of them counts, and from where on they disagree. As data.

One policy for each table that joins sources; `etl.merging` applies them. Priority decides first, then fidelity, then
recency, then the `last` columns, so that equal tables give equal answers; what is left goes by the order of rows.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Order:
    """A column by which a telling counts for more.

    Attributes:
        column: its name.
        levels: its values, the most trusted first; none: a number, of which more is better.
        missing: the level that a missing or unlisted value counts as; "" comes last.
    """

    column: str
    levels: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A column that sources may tell differently.

    Attributes:
        column: its name.
        tolerance: difference of two sources that is none; 0 for texts.
        relative: whether the tolerance is a share of the median.
    """

    column: str
    tolerance: float = 0.0
    relative: bool = False


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Which telling counts, and what is compared.

    Attributes:
        table: whose rows are tellings; "" for a file.
        key: columns that are equal where rows tell of the same thing.
        source: column that says who tells.
        compared: columns in which tellings may differ.
        priority: sources, the most trusted first; all others come after them.
        fidelity: what decides among sources of equal priority.
        recency: column whose later value decides then.
        last: columns that decide at last, the first in order.
    """

    table: str = ""
    key: tuple[str, ...]
    source: str = "source"
    compared: tuple[Compared, ...] = ()
    priority: tuple[str, ...] = ()
    fidelity: Order | None = None
    recency: str | None = None
    last: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[str, ...]:
        """Every column that the policy looks at."""
        order = [c for c in (self.fidelity.column if self.fidelity else None, self.recency) if c is not None]
        return tuple(dict.fromkeys((*self.key, self.source, *(c.column for c in self.compared), *order, *self.last)))


MEASURED_FIRST = Order(column="fidelity", levels=("experiment", "calculation", "prototype"), missing="calculation")
"""Of structures; one of unknown origin stands beside the calculated ones."""

ARTICLES = Policy(
    table="core.articles",
    key=("article_id",),
    source="document_id",
    fidelity=Order(column="text"),  # the full text, else an abstract
    recency="newest",
    last=("document_id",),
)
LABELS = Policy(
    table="core.labels",
    key=("formula",),
    compared=(Compared(column="label_name"), Compared(column="transition_temperature_K", tolerance=10.0)),
    priority=("labelled_compounds", "transition_facts"),  # a person looked
    fidelity=Order(column="confidence"),
    last=("source",),
)
STRUCTURES = Policy(
    table="core.structures",
    key=("formula", "prototype_label"),
    compared=(Compared(column="volume_per_atom_angstrom3", tolerance=0.05, relative=True),),
    fidelity=MEASURED_FIRST,
    last=("structure_id",),
)
RECIPES = Policy(
    table="core.recipes",
    key=("doi", "target"),
    compared=(
        Compared(column="route"),
        Compared(column="sinter_temperature_K", tolerance=25.0),
        Compared(column="calcine_temperature_K", tolerance=25.0),
        Compared(column="sinter_time_h", tolerance=0.2, relative=True),
    ),
    priority=("recipe_facts", "text-mined recipes"),  # before what is read here
    last=("recipe_id",),
)

POLICIES = {policy.table: policy for policy in (ARTICLES, LABELS, STRUCTURES, RECIPES)}
