"""Layer `pred`: columns that all predictions share, and what the recipe models say.

What the screening model says is in `screening`, why, in `explanations`. Every row names the model that said it.
"""

from schemas.columns import choice, share, text
from schemas.core import Column, ForeignKey, Table, Type
from schemas.rules import AtMost, Between, SumsTo

_T = (Between(0, 5000),)
_H = (Between(0, 2000),)


MODEL_ID = text("model_id", "Model that made the prediction; its card lies in meta.models.")
MODEL = ForeignKey(columns=("model_id",), table="meta.models", references=("model_id",))
FORMULA = text("formula", 'Chemical formula as text; "NaN" is one.')
FEATURES = choice(
    "features",
    "Part of the model that speaks: from the composition alone, from the structure, or from both.",
    ("composition", "structure", "both"),
)
IN_DOMAIN = Column(name="in_domain", type=Type.BOOL, doc="Whether the model has seen anything similar.", nullable=True)


def _condition(name: str, what: str) -> tuple[Column, ...]:
    unit, rules = ("K", _T) if name.endswith("_K") else ("h", _H)
    ends = (
        ("", what),
        ("_low", f"{what}: lower end of the 80 % interval."),
        ("_high", f"{what}: upper end of the 80 % interval."),
    )
    return tuple(
        Column(
            name=f"{name}{end}",
            type=Type.FLOAT,
            doc=doc if doc.endswith(".") else f"{doc}, median.",
            unit=unit,
            nullable=True,
            rules=rules,
        )
        for end, doc in ends
    )


_CONDITIONS = (
    ("sinter_temperature_K", "Sintering temperature"),
    ("calcine_temperature_K", "Calcination temperature"),
    ("max_temperature_K", "Highest heating temperature"),
    ("sinter_time_h", "Sintering time"),
    ("calcine_time_h", "Calcination time"),
)
_ROUTES = ("p_solid_state", "p_sol_gel", "p_hydrothermal", "p_precipitation")

RECIPES = Table(
    name="pred.recipes",
    doc="Predicted synthesis of a target: route, heating conditions with intervals, best precursors and reaction.",
    grain="one target and model",
    key=("target", "model_id"),
    foreign_keys=(MODEL,),
    columns=(
        text("target", "Formula of the compound to be made."),
        MODEL_ID,
        *(share(c, f"Probability of the {c[2:].replace('_', '-')} route.", nullable=False) for c in _ROUTES),
        *(column for name, what in _CONDITIONS for column in _condition(name, what)),
        Column(name="precursors", type=Type.STRINGS, doc="Best ranked precursor set.", nullable=True),
        Column(
            name="reaction",
            type=Type.STRING,
            doc="Exactly balanced reaction of that set; null where it does not close.",
            nullable=True,
        ),
        IN_DOMAIN,
    ),
    row_rules=(
        SumsTo(_ROUTES, 1.0, 1e-5),
        *(AtMost(f"{name}_low", name) for name, _ in _CONDITIONS),
        *(AtMost(name, f"{name}_high") for name, _ in _CONDITIONS),
    ),
    usage_warnings=(
        "Learned from reported successes only; the same recipe in two papers differs by about 100 K.",
        "A probability is a share among published routes, not a chance of success.",
    ),
)

TABLES = (RECIPES,)
