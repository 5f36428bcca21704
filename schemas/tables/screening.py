"""Layer `pred`: what the screening model says of compounds. How it fares, and why it says so, is `explanations`."""

from schemas.columns import CLASSES, choice, count, share, text
from schemas.core import Column, ForeignKey, Table, Type
from schemas.rules import AtMost, Between, SumsTo
from schemas.tables.predictions import FEATURES, FORMULA, IN_DOMAIN, MODEL, MODEL_ID

SCREENING = Table(
    name="pred.screening",
    doc="Probability of being a metal, an insulator or a metal-insulator-transition (MIT) material, for each compound.",
    grain="one compound and model",
    key=("formula", "model_id"),
    columns=(
        FORMULA,
        MODEL_ID,
        FEATURES,
        text(
            "structure_id", "Structure whose features were used; null where the composition alone was.", nullable=True
        ),
        share("p_mit", "Calibrated probability of a thermally driven metal-insulator transition.", nullable=False),
        share("p_metal", "Calibrated probability of being a metal at all temperatures.", nullable=False),
        share("p_insulator", "Calibrated probability of being an insulator at all temperatures.", nullable=False),
        choice("label", "Most likely class.", CLASSES),
        Column(
            name="conformal_set",
            type=Type.STRINGS,
            doc="Classes that cannot be excluded at 90 % confidence within each class; all where in_domain is false.",
        ),
        IN_DOMAIN,
        Column(
            name="domain_distance",
            type=Type.FLOAT,
            doc="Scaled feature distance to the nearest training compound.",
            unit="1",
            nullable=True,
            rules=(Between(0, None),),
        ),
        text(
            "inputs_hash",
            "Hash of the structure features and of the code behind the row; while it stays, the row is kept.",
            nullable=True,
        ),
    ),
    row_rules=(SumsTo(("p_mit", "p_metal", "p_insulator"), 1.0, 1e-5),),
    foreign_keys=(
        MODEL,
        ForeignKey(columns=("structure_id",), table="feat.structure", references=("structure_id",)),
    ),
    usage_warnings=(
        "Each part of the model has its own score in meta.models: quote that of the row's features.",
        "Quote scores of grouped splits: random splits mostly measure memory of families.",
        "Rows with in_domain = false are extrapolations.",
    ),
)

_STAGES = ("readable", "plausible", "open_shell", "novel", "in_domain", "stable", "not_excluded", "likely")
_HULL_DISTANCE = Column(
    name="energy_above_hull_eV_atom",
    type=Type.FLOAT,
    doc="Least energy above the convex hull of any phase of the formula, where a source tells.",
    unit="eV_atom",
    nullable=True,
    rules=(Between(0, None),),
)
CANDIDATES = Table(
    name="pred.candidates",
    doc="Where each compound of the screen left the funnel, and the rank of those that did not.",
    grain="one compound and model",
    key=("formula", "model_id"),
    foreign_keys=(MODEL,),
    columns=(
        FORMULA,
        MODEL_ID,
        Column(name="pools", type=Type.STRINGS, doc="Who lists the compound."),
        text("motif", "Kind of compound that the screen must account for, told from the formula.", nullable=True),
        choice("known", "What the labels say; mit where any does.", CLASSES, nullable=True),
        share("p_mit", "Calibrated probability of a thermally driven metal-insulator transition."),
        choice("stage", "First stage that it did not pass; candidate where it passed all.", (*_STAGES, "candidate")),
        text("reason", "Why it left there.", nullable=True),
        _HULL_DISTANCE,
        text("hull_source", "Who calculated the hull distance.", nullable=True),
        Column(
            name="flags",
            type=Type.STRINGS,
            doc="What a chemist would object to; given for candidates only.",
            nullable=True,
        ),
        count("rank", "Place among the candidates by p_mit.", least=1, nullable=True),
    ),
    usage_warnings=(
        "A hull distance says nothing where it is null: the compound may be unstable.",
        "Plausible means that usual oxidation states can be balanced; compounds with bonds between anions are refused.",
    ),
)

FUNNEL = Table(
    name="pred.funnel",
    doc="How many compounds passed each stage of the screen, by pool, and what each stage costs in known transitions.",
    grain="one stage and part of the screen",
    key=("model_id", "part", "stage_number"),
    foreign_keys=(MODEL,),
    columns=(
        MODEL_ID,
        text("part", "All compounds, those of one pool, or of one motif."),
        count("stage_number", "Order of the stage.", least=1),
        choice("stage", "What a compound is that passes.", _STAGES),
        text("rule", "The condition with its threshold."),
        *(
            count(name, doc)
            for name, doc in (
                ("entered", "Compounds that came to the stage."),
                ("kept", "Compounds that went on."),
                ("unknown", "Of those, compounds that went on for want of knowledge."),
                (
                    "known_kept",
                    "Known transitions left after this stage and those before, the stage novel set aside. What the"
                    " model says of them is no prediction: it has learned from them.",
                ),
            )
        ),
    ),
    row_rules=(AtMost("kept", "entered"), AtMost("unknown", "kept")),
)

FAMILIES = Table(
    name="pred.families",
    doc="Predictions gathered by family of compounds, tested against random draws with control of multiple tests.",
    grain="one family, grouping and model",
    key=("grouping", "family", "model_id"),
    foreign_keys=(MODEL,),
    columns=(
        text(
            "grouping", "What defines the family: family_tm_anion, family_ln, formula_anonymous, prototype, motif, ..."
        ),
        text("family", "Name of the family."),
        MODEL_ID,
        count(
            "compounds",
            "Compounds of the family that may be judged: plausible, novel, in the domain, not known unstable.",
            least=1,
        ),
        count("predicted_mit", "Of these, compounds that came through the whole funnel."),
        share("in_domain_share", "Share of the compounds inside the model's domain."),
        share("mean_p_mit", "Mean probability of MIT over the family.", nullable=False),
        share("max_p_mit", "Largest probability of MIT in the family.", nullable=False),
        text("best_formula", "Compound with the largest probability."),
        Column(
            name="enrichment",
            type=Type.FLOAT,
            doc="Share of predicted MIT in the family over that in all compounds that may be judged.",
            unit="1",
            nullable=True,
            rules=(Between(0, None),),
        ),
        count("known_mit", "Known transitions in the family; they are not among its compounds."),
        Column(name="known_formulas", type=Type.STRINGS, doc="The first of these."),
        share(
            "p_value",
            "Chance that as many random compounds of the screen hold as many predicted MIT (hypergeometric tail, not"
            " below 1e-12; 1 for fewer than 3 compounds, which are not tested). Members share elements and are not"
            " independent: it ranks families, it is no evidence.",
            nullable=False,
        ),
        share(
            "q_value",
            "The p-value after Benjamini and Hochberg's control of the false discovery rate over all groupings; too"
            " small by the same dependence.",
            nullable=False,
        ),
        count(
            "rank",
            "Place among the families by q_value; one that holds mostly what better ones hold already has none.",
            least=1,
            nullable=True,
        ),
    ),
    row_rules=(AtMost("predicted_mit", "compounds"), AtMost("mean_p_mit", "max_p_mit"), AtMost("p_value", "q_value")),
    usage_warnings=(
        "The test asks whether a family stands out from this screen, not whether its members are MIT materials.",
        "Members of a family are not independent, so p_value and q_value are too small: they rank families.",
    ),
)

TABLES = (SCREENING, CANDIDATES, FUNNEL, FAMILIES)
