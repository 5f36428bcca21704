"""Layer `pred`: why the screening model says so, what its features are worth, how it stands beside others."""

from schemas.core import Column, Table, Type
from schemas.rules import AtMost, Between, Finite, NotBlank, OneOf
from schemas.tables.predictions import FEATURES, MODEL, MODEL_ID, share

EXPLANATIONS = Table(
    name="pred.explanations",
    doc="Why the screening model says so: mean absolute SHAP values and accumulated local effects (ALE).",
    grain="one feature, one point of an effect or one labelled compound on a plane of two features",
    key=("model_id", "explanation_number"),
    foreign_keys=(MODEL,),
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
    foreign_keys=(MODEL,),
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
        share("p_value", "Of the rank test, by Holm over the table; takes compounds of a family as independent."),
        Column(name="n", type=Type.INT, doc="Compounds behind it.", unit="count", rules=(Between(1, None),)),
    ),
    row_rules=(AtMost("low", "high"),),
)

_SCORES = {
    "roc_auc": "area under the ROC curve of p_mit",
    "ap": "average precision of p_mit",
    "f1_mit": "F1 of transitions",
    "f1_weighted": "F1 of transition or not, weighted by class",
    "f1_weighted_3class": "F1 of all three classes, weighted",
}
_GROUPING = Column(
    name="grouping",
    type=Type.STRING,
    doc="Compounds of one group are held out together; random keeps equal formulas together only.",
    rules=(NotBlank(),),
)


def _score(names: tuple[str, ...]) -> Column:
    told = "; ".join(f"{name}: {_SCORES[name]}" for name in names)
    return Column(name="statistic", type=Type.STRING, doc=f"What is measured. {told}.", rules=(OneOf(names),))


def _number(name: str, doc: str, *, nullable: bool = True) -> Column:
    return Column(name=name, type=Type.FLOAT, doc=doc, nullable=nullable, rules=(Finite(),))


_N = Column(name="n", type=Type.INT, doc="Compounds scored.", unit="count", rules=(Between(1, None),))

ABLATIONS = Table(
    name="pred.ablations",
    doc="What the ten features of Georgescu et al. (2021) are worth: held-out scores with all features, with the ten,"
    " and with each of the ten left out.",
    grain="one score of one set of features, under one grouping",
    key=("model_id", "grouping", "ensemble", "variant", "statistic"),
    foreign_keys=(MODEL,),
    row_rules=(AtMost("low", "high"), AtMost("change_low", "change_high")),
    columns=(
        MODEL_ID,
        _GROUPING,
        Column(
            name="ensemble",
            type=Type.STRING,
            doc="nested: the whole ensemble, calibrated inside each of five folds (one booster a view, three inner"
            " folds). small: one booster that draws from a quarter of the features and one kernel, on the same folds"
            " and seeds, once, not calibrated. Rows of different ensembles do not compare.",
            rules=(OneOf(("nested", "small")),),
        ),
        Column(name="variant", type=Type.STRING, doc="Name of the set of features.", rules=(NotBlank(),)),
        Column(
            name="features",
            type=Type.STRING,
            doc="all: of composition and structure; ten: the published ones; composition: those alone.",
            rules=(OneOf(("all", "ten", "composition")),),
        ),
        Column(
            name="dropped",
            type=Type.STRING,
            doc="The one of the ten that is left out.",
            nullable=True,
            rules=(NotBlank(),),
        ),
        _score(("roc_auc", "ap", "f1_mit")),
        _number("value", "The score.", nullable=False),
        _number("low", "Lower end of its 95 % interval over groups."),
        _number("high", "Upper end of its 95 % interval over groups."),
        _number(
            "change", "The score less that of the same ensemble with all features (nested) or with the ten (small)."
        ),
        _number("change_low", "Lower end of the 95 % interval of the change; both are drawn with the same groups."),
        _number("change_high", "Upper end of the 95 % interval of the change."),
        _N,
    ),
    usage_warnings=(
        "Ten changes of three scores are looked at: one interval in twenty misses zero by chance.",
        "The members of the small ensemble were chosen by a look at the ten features on these folds: its score with all"
        " ten is a little too good, and so is what it loses without one.",
        "A feature whose news others also carry costs little when left out; the table ranks no causes.",
    ),
)

COMPARISONS = Table(
    name="pred.comparisons",
    doc="The screening model beside published models, human experts and baselines.",
    grain="one score of one predictor under one protocol",
    key=("model_id", "protocol", "name", "features", "statistic"),
    foreign_keys=(MODEL,),
    row_rules=(AtMost("low", "high"),),
    columns=(
        Column(
            name="model_id",
            type=Type.STRING,
            doc="Model of this warehouse that stands beside the others.",
            rules=(NotBlank(),),
        ),
        Column(
            name="protocol",
            type=Type.STRING,
            doc="Which compounds were held out, and how; only rows of one protocol compare. A grouping: nested folds.",
            rules=(NotBlank(),),
        ),
        Column(name="held_out", type=Type.STRING, doc="The protocol in words.", rules=(NotBlank(),)),
        Column(
            name="kind",
            type=Type.STRING,
            doc="here: a part of this model; baseline: fitted here on the same folds; published, experts: as reported.",
            rules=(OneOf(("here", "baseline", "published", "experts")),),
        ),
        Column(name="name", type=Type.STRING, doc="Who predicted.", rules=(NotBlank(),)),
        Column(
            name="features",
            type=Type.STRING,
            doc="What was read; the 10 features are those of Georgescu et al. (2021).",
            rules=(NotBlank(),),
        ),
        _score(tuple(_SCORES)),
        _number("value", "The score.", nullable=False),
        _number("low", "Lower end of the interval; null where none was given."),
        _number("high", "Upper end of the interval."),
        Column(
            name="interval",
            type=Type.STRING,
            doc="What the interval is of: quartiles of seeds are narrower than 95 % over families.",
            nullable=True,
            rules=(NotBlank(),),
        ),
        _N,
        Column(name="doi", type=Type.STRING, doc="Where a reported score is from.", nullable=True, rules=(NotBlank(),)),
        Column(
            name="licence", type=Type.STRING, doc="Licence of the reported score.", nullable=True, rules=(NotBlank(),)
        ),
    ),
    usage_warnings=(
        "Published folds are random and keep relatives on both sides: beside them stands the grouping random, and its"
        " folds, tuning and averages are still others.",
        "The survey is of 18 compounds: a difference of .1 is one or two answers.",
    ),
)

TABLES = (EXPLANATIONS, CONTRASTS, ABLATIONS, COMPARISONS)
