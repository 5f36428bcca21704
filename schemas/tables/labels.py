"""What is known of compounds: labels by source, the one that counts, and where sources disagree."""

from schemas.columns import CLASSES, CONFIDENCE, LICENCE, choice, count, free_text, number, text
from schemas.core import Column, Table, Type
from schemas.rules import Between, NotBlank, OneOf

_FORMULA = Column(name="formula", type=Type.STRING, doc='Reduced formula; "NaN" is one.', rules=(NotBlank(),))
_CHEMSYS = Column(name="chemsys", type=Type.STRING, doc="Elements, sorted, joined by '-'.", rules=(NotBlank(),))
_KELVIN = Column(
    name="transition_temperature_K",
    type=Type.FLOAT,
    unit="K",
    nullable=True,
    doc="Temperature of the transition, where known.",
    rules=(Between(0, 5000),),
)

COMPOUNDS = Table(
    name="core.compounds",
    doc="Compounds known to the project: from text, from facts and from structures.",
    grain="one reduced formula",
    key=("formula",),
    columns=(
        _FORMULA,
        _CHEMSYS,
        count("documents", "Documents that name it."),
        count("mentions", "Times it is named."),
        Column(name="labelled", type=Type.BOOL, doc="Whether a label is known."),
        choice("label_name", "The label that counts among those of core.labels.", CLASSES, nullable=True),
        _KELVIN,
        free_text("label_source", "Whose label counts."),
        Column(
            name="label_disputed", type=Type.BOOL, doc="Whether another source says otherwise; see core.disagreements."
        ),
    ),
)
LABELS = Table(
    name="core.labels",
    doc="Which compounds are metals, insulators, or have a metal-insulator transition, and who says so.",
    grain="one compound and source",
    key=("formula", "source"),
    columns=(
        _FORMULA,
        Column(name="label_name", type=Type.STRING, doc="The label.", rules=(OneOf(CLASSES),)),
        _KELVIN,
        free_text("family_ln", "Formula with lanthanides made one."),
        free_text("family_tm_anion", "Transition metals and anions."),
        _CHEMSYS,
        free_text("source", "Where the record came from.", nullable=False),
        free_text("doi", "DOI, lower case."),
        Column(name="curated", type=Type.BOOL, doc="Whether a person made the label; else rules read it from text."),
        CONFIDENCE,
        free_text("property_id", "The record of core.properties that it was read from: the evidence."),
        count("supporting", "Sources that give the compound this label, this one included."),
        count("contradicting", "Sources that give the compound another label."),
        Column(
            name="temperature_spread_K",
            type=Type.FLOAT,
            unit="K",
            nullable=True,
            doc="Highest less lowest temperature of the sources that give this label, where several give one.",
            rules=(Between(0, 5000),),
        ),
        LICENCE,
    ),
    licence_column="licence",
    usage_warnings=(
        "Labels read from text (`curated` false) are not used for training before a person looked.",
        "Conflicts are kept: see `contradicting` and `temperature_spread_K` before using a row.",
    ),
)
DISAGREEMENTS = Table(
    name="core.disagreements",
    doc="Where sources of the core tables tell one thing differently, and whose value counts by the merge policy.",
    grain="one column of one thing that sources tell differently",
    key=("table_name", "item", "column_name"),
    columns=(
        text("table_name", "Two-part name of the table concerned."),
        text("item", "What they tell of: its key by the merge policy, joined by ' | '."),
        text("column_name", "The column in which they differ."),
        text("counted", "The value that counts, as text."),
        text("counted_source", "Who tells it."),
        Column(name="others", type=Type.STRINGS, doc="What up to five others say, each with its source in brackets."),
        count("sources", "How many tell of it.", least=2),
        number("difference", "Highest less lowest value, in the unit of the column.", nullable=True),
        number("tolerance", "Difference up to which it is none, in that unit.", nullable=True),
    ),
    usage_warnings=("Sources that agree have no row here; neither have things that one source tells of.",),
)

TABLES = (COMPOUNDS, LABELS, DISAGREEMENTS)
