"""Layer `pred`: what the screening model says of compounds. How it fares, and why it says so, is `explanations`."""

from schemas.core import Column, ForeignKey, Table, Type
from schemas.rules import AtMost, Between, NotBlank, OneOf, SumsTo
from schemas.tables.predictions import FEATURES, FORMULA, IN_DOMAIN, MODEL, MODEL_ID, share

SCREENING = Table(
    name="pred.screening",
    doc="Probability of being a metal, an insulator or a metal-insulator-transition (MIT) material, for each compound.",
    grain="one compound and model",
    key=("formula", "model_id"),
    columns=(
        FORMULA,
        MODEL_ID,
        FEATURES,
        Column(
            name="structure_id",
            type=Type.STRING,
            doc="Structure whose features were used; null where the composition alone was.",
            nullable=True,
            rules=(NotBlank(),),
        ),
        share("p_mit", "Calibrated probability of a thermally driven metal-insulator transition.", nullable=False),
        share("p_metal", "Calibrated probability of being a metal at all temperatures.", nullable=False),
        share("p_insulator", "Calibrated probability of being an insulator at all temperatures.", nullable=False),
        Column(name="label", type=Type.STRING, doc="Most likely class.", rules=(OneOf(("metal", "insulator", "mit")),)),
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
        Column(
            name="inputs_hash",
            type=Type.STRING,
            doc="Hash of the structure features and of the code behind the row; while it stays, the row is kept.",
            nullable=True,
            rules=(NotBlank(),),
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
        Column(
            name="motif",
            type=Type.STRING,
            doc="Kind of compound that the screen must account for, told from the formula.",
            nullable=True,
            rules=(NotBlank(),),
        ),
        Column(
            name="known",
            type=Type.STRING,
            doc="What the labels say; mit where any does.",
            nullable=True,
            rules=(OneOf(("metal", "insulator", "mit")),),
        ),
        share("p_mit", "Calibrated probability of a thermally driven metal-insulator transition."),
        Column(
            name="stage",
            type=Type.STRING,
            doc="First stage that it did not pass; candidate where it passed all.",
            rules=(OneOf((*_STAGES, "candidate")),),
        ),
        Column(name="reason", type=Type.STRING, doc="Why it left there.", nullable=True, rules=(NotBlank(),)),
        _HULL_DISTANCE,
        Column(
            name="hull_source",
            type=Type.STRING,
            doc="Who calculated the hull distance.",
            nullable=True,
            rules=(NotBlank(),),
        ),
        Column(
            name="flags",
            type=Type.STRINGS,
            doc="What a chemist would object to; given for candidates only.",
            nullable=True,
        ),
        Column(
            name="rank",
            type=Type.INT,
            doc="Place among the candidates by p_mit.",
            unit="count",
            nullable=True,
            rules=(Between(1, None),),
        ),
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
        Column(
            name="part", type=Type.STRING, doc="All compounds, those of one pool, or of one motif.", rules=(NotBlank(),)
        ),
        Column(name="stage_number", type=Type.INT, doc="Order of the stage.", unit="count", rules=(Between(1, None),)),
        Column(name="stage", type=Type.STRING, doc="What a compound is that passes.", rules=(OneOf(_STAGES),)),
        Column(name="rule", type=Type.STRING, doc="The condition with its threshold.", rules=(NotBlank(),)),
        *(
            Column(name=name, type=Type.INT, doc=doc, unit="count", rules=(Between(0, None),))
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
        Column(
            name="grouping",
            type=Type.STRING,
            doc="What defines the family: family_tm_anion, family_ln, formula_anonymous, prototype, motif, ...",
            rules=(NotBlank(),),
        ),
        Column(name="family", type=Type.STRING, doc="Name of the family.", rules=(NotBlank(),)),
        MODEL_ID,
        Column(
            name="compounds",
            type=Type.INT,
            doc="Compounds of the family that may be judged: plausible, novel, in the domain, not known unstable.",
            unit="count",
            rules=(Between(1, None),),
        ),
        Column(
            name="predicted_mit",
            type=Type.INT,
            doc="Of these, compounds that came through the whole funnel.",
            unit="count",
            rules=(Between(0, None),),
        ),
        share("in_domain_share", "Share of the compounds inside the model's domain."),
        share("mean_p_mit", "Mean probability of MIT over the family.", nullable=False),
        share("max_p_mit", "Largest probability of MIT in the family.", nullable=False),
        Column(
            name="best_formula", type=Type.STRING, doc="Compound with the largest probability.", rules=(NotBlank(),)
        ),
        Column(
            name="enrichment",
            type=Type.FLOAT,
            doc="Share of predicted MIT in the family over that in all compounds that may be judged.",
            unit="1",
            nullable=True,
            rules=(Between(0, None),),
        ),
        Column(
            name="known_mit",
            type=Type.INT,
            doc="Known transitions in the family; they are not among its compounds.",
            unit="count",
            rules=(Between(0, None),),
        ),
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
        Column(
            name="rank",
            type=Type.INT,
            doc="Place among the families by q_value; one that holds mostly what better ones hold already has none.",
            unit="count",
            nullable=True,
            rules=(Between(1, None),),
        ),
    ),
    row_rules=(AtMost("predicted_mit", "compounds"), AtMost("mean_p_mit", "max_p_mit"), AtMost("p_value", "q_value")),
    usage_warnings=(
        "The test asks whether a family stands out from this screen, not whether its members are MIT materials.",
        "Members of a family are not independent, so p_value and q_value are too small: they rank families.",
    ),
)

TABLES = (SCREENING, CANDIDATES, FUNNEL, FAMILIES)
