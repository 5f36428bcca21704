"""Layer `pred`: why the screening model says so, what its features are worth, how it stands beside others."""

from schemas.columns import CLASSES, choice, count, number, share, text
from schemas.core import Column, Table, Type
from schemas.rules import AtMost, Finite
from schemas.tables.predictions import FEATURES, MODEL, MODEL_ID

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
        count("explanation_number", "Running number within a model."),
        choice(
            "kind",
            (
                "What the row holds. Rows of a plane: effect of one feature, interaction, their sum with the mean "
                "probability, and labelled compounds with their label."
            ),
            (
                "mean_abs_shap",
                "permutation",
                "ale",
                "ale_pair",
                "plane_first",
                "plane_pair",
                "plane",
                "plane_point",
            ),
        ),
        choice(
            "class_name", "Class whose probability or score is explained; of a labelled compound, its label.", CLASSES
        ),
        text("feature_1", "First feature."),
        text("feature_2", "Second feature of a pair.", nullable=True),
        number("x_1", "Value of the first feature, in its own unit.", nullable=True),
        number("x_2", "Value of the second feature, in its own unit.", nullable=True),
        Column(
            name="effect",
            type=Type.FLOAT,
            doc="Mean absolute SHAP value (raw score), average precision lost when shuffled, ALE (change of the "
            "probability of the class), that probability over a plane, or the held-out p_mit of a labelled compound.",
            unit="1",
            rules=(Finite(),),
        ),
        *(
            number(
                name,
                f"{end} end of the 95 % band of an effect over families of compounds and views of the model.",
                nullable=True,
            )
            for name, end in (("low", "Lower"), ("high", "Upper"))
        ),
        count(
            "n",
            "Labelled compounds in the bin that begins at the point, or in the cells that meet there.",
            nullable=True,
        ),
    ),
)

CONTRASTS = Table(
    name="pred.contrasts",
    doc="What the labelled compounds say, without a model, of the published map of Ewald energy and covalent radii.",
    grain="one statistic of a feature",
    key=("model_id", "contrast_number"),
    foreign_keys=(MODEL,),
    columns=(
        text("model_id", "Model whose training compounds these are."),
        count("contrast_number", "Running number within a model."),
        choice("among", "Compounds that are compared.", ("all", "oxides", "RNiO3")),
        text("feature", "Feature that is compared."),
        choice(
            "statistic",
            (
                "Median of a class; H of Kruskal and Wallis; the probability that a compound of the other class has "
                "more of the feature; rank correlation with the tolerance factor."
            ),
            ("median", "kruskal_wallis", "superiority", "spearman"),
        ),
        choice("class_name", "Class.", CLASSES, nullable=True),
        choice("other_class", "Class that it is compared with.", CLASSES, nullable=True),
        choice(
            "verdict",
            "Whether the whole interval lies where it is claimed to lie.",
            ("agrees", "disagrees", "undecided"),
            nullable=True,
        ),
        number("value", "The statistic, in its own unit."),
        *(
            number(name, f"{end} end of its 95 % interval over families.", nullable=True)
            for name, end in (("low", "Lower"), ("high", "Upper"))
        ),
        share("p_value", "Of the rank test, by Holm over the table; takes compounds of a family as independent."),
        count("n", "Compounds behind it.", least=1),
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
_GROUPING = text("grouping", "Compounds of one group are held out together; random keeps equal formulas together only.")


def _score(names: tuple[str, ...]) -> Column:
    told = "; ".join(f"{name}: {_SCORES[name]}" for name in names)
    return choice("statistic", f"What is measured. {told}.", names)


_N = count("n", "Compounds scored.", least=1)

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
        choice(
            "ensemble",
            (
                "nested: the whole ensemble, calibrated inside each of five folds (one booster a view, three inner"
                " folds). small: one booster that draws from a quarter of the features and one kernel, on the same"
                " folds and seeds, once, not calibrated. Rows of different ensembles do not compare."
            ),
            ("nested", "small"),
        ),
        text("variant", "Name of the set of features."),
        choice(
            "features",
            "all: of composition and structure; ten: the published ones; composition: those alone.",
            ("all", "ten", "composition"),
        ),
        text("dropped", "The one of the ten that is left out.", nullable=True),
        _score(("roc_auc", "ap", "f1_mit")),
        number("value", "The score."),
        number("low", "Lower end of its 95 % interval over groups.", nullable=True),
        number("high", "Upper end of its 95 % interval over groups.", nullable=True),
        number(
            "change",
            "The score less that of the same ensemble with all features (nested) or with the ten (small).",
            nullable=True,
        ),
        number(
            "change_low",
            "Lower end of the 95 % interval of the change; both are drawn with the same groups.",
            nullable=True,
        ),
        number("change_high", "Upper end of the 95 % interval of the change.", nullable=True),
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
        text("model_id", "Model of this warehouse that stands beside the others."),
        text(
            "protocol",
            "Which compounds were held out, and how; only rows of one protocol compare. A grouping: nested folds.",
        ),
        text("held_out", "The protocol in words."),
        choice(
            "kind",
            "here: a part of this model; baseline: fitted here on the same folds; published, experts: as reported.",
            ("here", "baseline", "published", "experts"),
        ),
        text("name", "Who predicted."),
        text("features", "What was read; the 10 features are those of Georgescu et al. (2021)."),
        _score(tuple(_SCORES)),
        number("value", "The score."),
        number("low", "Lower end of the interval; null where none was given.", nullable=True),
        number("high", "Upper end of the interval.", nullable=True),
        text(
            "interval",
            "What the interval is of: quartiles of seeds are narrower than 95 % over families.",
            nullable=True,
        ),
        _N,
        text("doi", "Where a reported score is from.", nullable=True),
        text("licence", "Licence of the reported score.", nullable=True),
    ),
    usage_warnings=(
        "Published folds are random and keep relatives on both sides: beside them stands the grouping random, and its"
        " folds, tuning and averages are still others.",
        "The survey is of 18 compounds: a difference of .1 is one or two answers.",
    ),
)

TABLES = (EXPLANATIONS, CONTRASTS, ABLATIONS, COMPARISONS)
