"""Layer `pred`: plans of syntheses, beside `pred.recipes`: ranked precursor sets, precedents, and the outlook."""

from schemas.columns import count, share, text
from schemas.core import Column, Table, Type
from schemas.rules import Between
from schemas.tables.predictions import MODEL, MODEL_ID

_TARGET = text("target", "Formula of the compound to be made.")
_RANK = count("rank", "Place, best first, from 1.", least=1)


RECIPE_SETS = Table(
    name="pred.recipe_sets",
    doc="Precursor sets for a target, ranked over its routes as probable as these are.",
    grain="one set of one target and model",
    key=("target", "model_id", "rank"),
    foreign_keys=(MODEL,),
    columns=(
        _TARGET,
        MODEL_ID,
        _RANK,
        Column(name="precursors", type=Type.STRINGS, doc="What is weighed in."),
        share("score", "Probability among the sets that were considered; halved where no reaction closes."),
        Column(name="balanced", type=Type.BOOL, doc="Whether a reaction closes exactly, gases allowed."),
        Column(name="reaction", type=Type.STRING, doc="The reaction, or why none closes.", nullable=True),
    ),
    usage_warnings=("Learned from reported syntheses: a set that nobody reported can be as good.",),
)
RECIPE_PRECEDENTS = Table(
    name="pred.recipe_precedents",
    doc="Published recipes nearest to a target by composition.",
    grain="one precedent of one target and model",
    key=("target", "model_id", "rank"),
    foreign_keys=(MODEL,),
    columns=(
        _TARGET,
        MODEL_ID,
        _RANK,
        text("precedent", "What was made."),
        Column(name="doi", type=Type.STRING, doc="DOI of the publication.", nullable=True),
        Column(name="route", type=Type.STRING, doc="Its route.", nullable=True),
        Column(name="precursors", type=Type.STRINGS, doc="What it was made from.", nullable=True),
        Column(name="conditions", type=Type.JSON, doc="Condition -> value in K or h."),
        Column(
            name="distance", type=Type.FLOAT, unit="1", doc="Distance in atomic fractions.", rules=(Between(low=0),)
        ),
        Column(name="differs", type=Type.STRING, doc="What the target has more or less of, in atomic per cent."),
    ),
)
OUTLOOKS = Table(
    name="pred.outlooks",
    doc="How likely a target is to be made, by precedents and hull distance; caveats; joint samples of the conditions.",
    grain="one target and model",
    key=("target", "model_id"),
    foreign_keys=(MODEL,),
    columns=(
        _TARGET,
        MODEL_ID,
        count("papers_of_the_target", "Papers of the training table that make it."),
        count("papers_near", "Papers that make compounds within the domain's distance."),
        Column(
            name="energy_above_hull_eV_atom",
            type=Type.FLOAT,
            unit="eV_atom",
            doc="Energy above the convex hull, where the funnel knows it.",
            nullable=True,
        ),
        text("verdict", "Both in words."),
        Column(name="caveats", type=Type.STRINGS, doc="What to mind."),
        Column(name="samples", type=Type.JSON, doc="Samples of (sintering temperature in K, time in h)."),
    ),
    usage_warnings=("A count of published recipes is no probability: failures are not published.",),
)

TABLES = (RECIPE_SETS, RECIPE_PRECEDENTS, OUTLOOKS)
