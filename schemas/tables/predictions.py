"""Layer `pred`: what the trained models say. Every row names the model that said it."""

from schemas.core import Column, ForeignKey, Table, Type
from schemas.rules import AtMost, Between, Finite, NotBlank, OneOf, SumsTo

_SHARE = (Between(0, 1),)
_T = (Between(0, 5000),)
_H = (Between(0, 2000),)


def _p(name: str, doc: str, *, nullable: bool = True) -> Column:
    return Column(name=name, type=Type.FLOAT, doc=doc, unit="1", nullable=nullable, rules=_SHARE)


MODEL_ID = Column(
    name="model_id",
    type=Type.STRING,
    doc="Model that made the prediction; its card lies in meta.models.",
    rules=(NotBlank(),),
)
_MODEL = ForeignKey(columns=("model_id",), table="meta.models", references=("model_id",))
FORMULA = Column(name="formula", type=Type.STRING, doc='Chemical formula as text; "NaN" is one.', rules=(NotBlank(),))
FEATURES = Column(
    name="features",
    type=Type.STRING,
    doc="Part of the model that speaks: from the composition alone, from the structure, or from both.",
    rules=(OneOf(("composition", "structure", "both")),),
)
IN_DOMAIN = Column(name="in_domain", type=Type.BOOL, doc="Whether the model has seen anything similar.", nullable=True)

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
        _p("p_mit", "Calibrated probability of a thermally driven metal-insulator transition.", nullable=False),
        _p("p_metal", "Calibrated probability of being a metal at all temperatures.", nullable=False),
        _p("p_insulator", "Calibrated probability of being an insulator at all temperatures.", nullable=False),
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
        _MODEL,
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
    foreign_keys=(_MODEL,),
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
        _p("p_mit", "Calibrated probability of a thermally driven metal-insulator transition."),
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
    foreign_keys=(_MODEL,),
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
    foreign_keys=(_MODEL,),
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
        _p("in_domain_share", "Share of the compounds inside the model's domain."),
        _p("mean_p_mit", "Mean probability of MIT over the family.", nullable=False),
        _p("max_p_mit", "Largest probability of MIT in the family.", nullable=False),
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
        _p(
            "p_value",
            "Chance that as many random compounds of the screen hold as many predicted MIT (hypergeometric tail, not"
            " below 1e-12; 1 for fewer than 3 compounds, which are not tested). Members share elements and are not"
            " independent: it ranks families, it is no evidence.",
            nullable=False,
        ),
        _p(
            "q_value",
            "The p-value after Benjamini and Hochberg's control of the false discovery rate over all groupings; too"
            " small by the same dependence.",
            nullable=False,
        ),
    ),
    row_rules=(AtMost("predicted_mit", "compounds"), AtMost("mean_p_mit", "max_p_mit"), AtMost("p_value", "q_value")),
    usage_warnings=(
        "The test asks whether a family stands out from this screen, not whether its members are MIT materials.",
        "Members of a family are not independent, so p_value and q_value are too small: they rank families.",
    ),
)

EXPLANATIONS = Table(
    name="pred.explanations",
    doc="Why the screening model says so: mean absolute SHAP values and accumulated local effects (ALE).",
    grain="one feature, one point of an effect or one labelled compound on a plane of two features",
    key=("model_id", "explanation_number"),
    foreign_keys=(_MODEL,),
    row_rules=(AtMost("low", "high"),),
    columns=(
        MODEL_ID,
        FEATURES,
        Column(
            name="explanation_number",
            type=Type.INT,
            doc="Running number within a model.",
            unit="count",
            rules=(Between(0, None),),
        ),
        Column(
            name="kind",
            type=Type.STRING,
            doc="What the row holds. Rows of a plane: effect of one feature, interaction, their sum with the mean "
            "probability, and labelled compounds with their label.",
            rules=(
                OneOf(
                    (
                        "mean_abs_shap",
                        "permutation",
                        "ale",
                        "ale_pair",
                        "plane_first",
                        "plane_pair",
                        "plane",
                        "plane_point",
                    )
                ),
            ),
        ),
        Column(
            name="class_name",
            type=Type.STRING,
            doc="Class whose probability or score is explained; of a labelled compound, its label.",
            rules=(OneOf(("metal", "insulator", "mit")),),
        ),
        Column(name="feature_1", type=Type.STRING, doc="First feature.", rules=(NotBlank(),)),
        Column(name="feature_2", type=Type.STRING, doc="Second feature of a pair.", nullable=True, rules=(NotBlank(),)),
        Column(
            name="x_1",
            type=Type.FLOAT,
            doc="Value of the first feature, in its own unit.",
            nullable=True,
            rules=(Finite(),),
        ),
        Column(
            name="x_2",
            type=Type.FLOAT,
            doc="Value of the second feature, in its own unit.",
            nullable=True,
            rules=(Finite(),),
        ),
        Column(
            name="effect",
            type=Type.FLOAT,
            doc="Mean absolute SHAP value (raw score), average precision lost when shuffled, ALE (change of the "
            "probability of the class), that probability over a plane, or the held-out p_mit of a labelled compound.",
            unit="1",
            rules=(Finite(),),
        ),
        *(
            Column(
                name=name,
                type=Type.FLOAT,
                doc=f"{end} end of the 95 % band of an effect over families of compounds and views of the model.",
                nullable=True,
                rules=(Finite(),),
            )
            for name, end in (("low", "Lower"), ("high", "Upper"))
        ),
        Column(
            name="n",
            type=Type.INT,
            doc="Labelled compounds in the bin that begins at the point, or in the cells that meet there.",
            unit="count",
            nullable=True,
            rules=(Between(0, None),),
        ),
    ),
)


_CLASS_NAMES = OneOf(("metal", "insulator", "mit"))
CONTRASTS = Table(
    name="pred.contrasts",
    doc="What the labelled compounds say, without a model, of the published map of Ewald energy and covalent radii.",
    grain="one statistic of a feature",
    key=("model_id", "contrast_number"),
    foreign_keys=(_MODEL,),
    columns=(
        Column(name="model_id", type=Type.STRING, doc="Model whose training compounds these are.", rules=(NotBlank(),)),
        Column(
            name="contrast_number",
            type=Type.INT,
            doc="Running number within a model.",
            unit="count",
            rules=(Between(0, None),),
        ),
        Column(
            name="among",
            type=Type.STRING,
            doc="Compounds that are compared.",
            rules=(OneOf(("all", "oxides", "RNiO3")),),
        ),
        Column(name="feature", type=Type.STRING, doc="Feature that is compared.", rules=(NotBlank(),)),
        Column(
            name="statistic",
            type=Type.STRING,
            doc="Median of a class; H of Kruskal and Wallis; the probability that a compound of the other class has "
            "more of the feature; rank correlation with the tolerance factor.",
            rules=(OneOf(("median", "kruskal_wallis", "superiority", "spearman")),),
        ),
        Column(name="class_name", type=Type.STRING, doc="Class.", nullable=True, rules=(_CLASS_NAMES,)),
        Column(
            name="other_class",
            type=Type.STRING,
            doc="Class that it is compared with.",
            nullable=True,
            rules=(_CLASS_NAMES,),
        ),
        Column(
            name="verdict",
            type=Type.STRING,
            doc="Whether the whole interval lies where it is claimed to lie.",
            nullable=True,
            rules=(OneOf(("agrees", "disagrees", "undecided")),),
        ),
        Column(name="value", type=Type.FLOAT, doc="The statistic, in its own unit.", rules=(Finite(),)),
        *(
            Column(
                name=name,
                type=Type.FLOAT,
                doc=f"{end} end of its 95 % interval over families.",
                nullable=True,
                rules=(Finite(),),
            )
            for name, end in (("low", "Lower"), ("high", "Upper"))
        ),
        _p("p_value", "Of the rank test, by Holm over the table; takes compounds of a family as independent."),
        Column(name="n", type=Type.INT, doc="Compounds behind it.", unit="count", rules=(Between(1, None),)),
    ),
    row_rules=(AtMost("low", "high"),),
)


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
    foreign_keys=(_MODEL,),
    columns=(
        Column(name="target", type=Type.STRING, doc="Formula of the compound to be made.", rules=(NotBlank(),)),
        MODEL_ID,
        *(_p(c, f"Probability of the {c[2:].replace('_', '-')} route.", nullable=False) for c in _ROUTES),
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

TABLES = (SCREENING, CANDIDATES, FUNNEL, FAMILIES, EXPLANATIONS, CONTRASTS, RECIPES)
