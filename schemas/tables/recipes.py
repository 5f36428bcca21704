"""Tables of synthesis procedures: recipes and their ordered steps, read from text or carried over with citation."""

from schemas.core import Column, ForeignKey, Table, Type
from schemas.rules import AtMost, Between, NotBlank, OneOf

# What a heating step may be: the windows that the mining papers' own clean-ups use, 200 to 2000 C and 0.2 to 200 h.
HEATING_K = (473.15, 2273.15)
HEATING_H = (0.2, 200.0)

_ATMOSPHERE = Column(name="atmosphere", type=Type.STRING, nullable=True, doc="Gas or vacuum around the sample.")
_RECIPE_ID = Column(
    name="recipe_id", type=Type.STRING, doc="Hash of document, field and span of the recipe.", rules=(NotBlank(),)
)
_START = Column(
    name="start",
    type=Type.INT,
    unit="count",
    nullable=True,
    doc="First code point in the field as given.",
    rules=(Between(low=0),),
)
_END = Column(
    name="end", type=Type.INT, unit="count", nullable=True, doc="One past the last code point.", rules=(Between(low=0),)
)


def _temperature(name: str, doc: str) -> Column:
    return Column(name=name, type=Type.FLOAT, unit="K", nullable=True, doc=doc, rules=(Between(0, 5000),))


def _time(name: str, doc: str) -> Column:
    return Column(name=name, type=Type.FLOAT, unit="h", nullable=True, doc=doc, rules=(Between(0, 10000),))


RECIPES = Table(
    name="core.recipes",
    doc="Synthesis procedures: what was made, from what, by which route and under which conditions.",
    grain="one procedure in one field of one document",
    key=("recipe_id",),
    columns=(
        _RECIPE_ID,
        Column(name="document_id", type=Type.STRING, nullable=True, doc="Document the recipe was read from."),
        Column(name="doi", type=Type.STRING, nullable=True, doc="DOI of the publication, lower case."),
        Column(
            name="route",
            type=Type.STRING,
            doc="Synthesis route.",
            rules=(OneOf(("solid_state", "sol_gel", "hydrothermal", "precipitation", "film", "melt", "other")),),
        ),
        Column(name="target", type=Type.STRING, nullable=True, doc="Reduced formula of the compound made."),
        Column(
            name="targets", type=Type.STRINGS, nullable=True, doc="All compounds the procedure may make, best first."
        ),
        Column(name="target_key", type=Type.STRING, nullable=True, doc="Key that joins recipes of the same target."),
        Column(name="chemsys", type=Type.STRING, nullable=True, doc="Elements of the target, sorted, joined by '-'."),
        Column(name="precursors", type=Type.STRINGS, nullable=True, doc="Reduced formulas of the precursors."),
        _temperature("sinter_temperature_K", "Temperature of the hottest sintering, annealing or firing step."),
        _temperature("calcine_temperature_K", "Temperature of the hottest calcination."),
        _temperature("max_temperature_K", "Highest temperature of any step."),
        _time("sinter_time_h", "Time of that sintering step."),
        _time("calcine_time_h", "Time of that calcination."),
        _time("max_time_h", "Longest time of any heating step."),
        _ATMOSPHERE,
        Column(name="source", type=Type.STRING, doc="Data set or reader the recipe comes from.", rules=(NotBlank(),)),
        Column(name="licence", type=Type.STRING, nullable=True, doc="Licence of the text the row was read from."),
        Column(name="field", type=Type.STRING, nullable=True, doc="Field of the document that holds the span."),
        _START,
        _END,
    ),
    row_rules=(AtMost("start", "end"),),
    foreign_keys=(ForeignKey(columns=("document_id",), table="raw.documents", references=("document_id",)),),
    usage_warnings=(
        "Read by rules: precursors and targets of a paragraph that describes several syntheses may be mixed.",
    ),
    licence_column="licence",
)

RECIPE_STEPS = Table(
    name="core.recipe_steps",
    doc="Operations of the recipes in the order of the text.",
    grain="one operation of one recipe",
    key=("recipe_id", "step"),
    columns=(
        _RECIPE_ID,
        Column(
            name="step", type=Type.INT, unit="count", doc="Position in the recipe, from 1.", rules=(Between(low=1),)
        ),
        Column(
            name="operation",
            type=Type.STRING,
            doc="Kind of operation.",
            rules=(OneOf(("starting", "mixing", "heating", "cooling", "purification", "shaping", "reaction")),),
        ),
        Column(
            name="verb", type=Type.STRING, doc="The word that names the operation, as written.", rules=(NotBlank(),)
        ),
        _temperature("temperature_K", "Temperature of the step."),
        _time("time_h", "Duration of the step."),
        _ATMOSPHERE,
        _START,
        _END,
    ),
    row_rules=(AtMost("start", "end"),),
    foreign_keys=(ForeignKey(columns=("recipe_id",), table="core.recipes", references=("recipe_id",)),),
)

TABLES = (RECIPES, RECIPE_STEPS)
