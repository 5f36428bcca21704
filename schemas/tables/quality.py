"""Tables about the tables: results of checks, bias metrics, rejected rows, models and publications."""

from schemas.core import Column, Table, Type
from schemas.rules import Between, Finite, NotBlank, OneOf

_TABLE_NAME = Column(
    name="table_name", type=Type.STRING, doc="Two-part name of the table concerned.", rules=(NotBlank(),)
)
_TABLE_VERSION = Column(
    name="table_version", type=Type.INT, doc="Version of the table that was looked at.", rules=(Between(low=0),)
)

QUALITY_RESULTS = Table(
    name="meta.quality_results",
    doc="Verdict of every check on every audited version of every table.",
    grain="one check of one version of one table",
    key=("table_name", "table_version", "check_name"),
    columns=(
        _TABLE_NAME,
        _TABLE_VERSION,
        Column(name="check_name", type=Type.STRING, doc="What was checked.", rules=(NotBlank(),)),
        Column(
            name="severity",
            type=Type.STRING,
            doc="blocking: a failure stops publication; warning: a person must look; info: it never fails.",
            rules=(OneOf(("blocking", "warning", "info")),),
        ),
        Column(name="passed", type=Type.BOOL, doc="Whether the check passed."),
        Column(name="observed", type=Type.STRING, nullable=True, doc="What was observed, in words or as a number."),
        Column(
            name="failing_rows",
            type=Type.INT,
            unit="count",
            nullable=True,
            doc="Rows that broke the rule.",
            rules=(Between(low=0),),
        ),
        Column(name="remedy", type=Type.STRING, nullable=True, doc="What a person can do about a failure."),
        Column(name="owner", type=Type.STRING, nullable=True, doc="Who answers for the check.", rules=(NotBlank(),)),
        Column(name="checked_at", type=Type.TIMESTAMP, volatile=True, doc="When the check ran, UTC."),
    ),
)

BIAS_METRICS = Table(
    name="meta.bias_metrics",
    doc="How unevenly a table covers its groups: counts, entropies, concentration and label imbalance.",
    grain="one metric of one group of one version of a table",
    key=("table_name", "table_version", "group_column", "group_value", "metric_name"),
    columns=(
        _TABLE_NAME,
        _TABLE_VERSION,
        Column(name="group_column", type=Type.STRING, doc="Column whose values make the groups.", rules=(NotBlank(),)),
        Column(name="group_value", type=Type.STRING, doc="The group; '*' for a metric over all groups."),
        Column(name="metric_name", type=Type.STRING, doc="Name of the metric.", rules=(NotBlank(),)),
        Column(
            name="metric_value", type=Type.FLOAT, unit="1", nullable=True, doc="Value of the metric.", rules=(Finite(),)
        ),
        Column(
            name="group_rows",
            type=Type.INT,
            unit="count",
            nullable=True,
            doc="Rows in the group.",
            rules=(Between(low=0),),
        ),
        Column(name="measured_at", type=Type.TIMESTAMP, volatile=True, doc="When it was measured, UTC."),
    ),
)

REJECTIONS = Table(
    name="meta.rejections",
    doc="Rows that were refused by a table's rules, with the rule and the whole row, so that nothing vanishes.",
    grain="one broken rule of one rejected row",
    key=("rejection_id",),
    columns=(
        Column(name="rejection_id", type=Type.STRING, doc="Hash of table, rule, column and row.", rules=(NotBlank(),)),
        _TABLE_NAME,
        Column(name="row_key", type=Type.JSON, doc="The key of the row as a JSON object."),
        Column(
            name="column_name", type=Type.STRING, nullable=True, doc="Column that broke the rule; null for row rules."
        ),
        Column(name="rule_text", type=Type.STRING, doc="The rule that was broken.", rules=(NotBlank(),)),
        Column(
            name="value_text", type=Type.STRING, nullable=True, doc="The offending value as text, first 500 characters."
        ),
        Column(name="row_json", type=Type.JSON, doc="The whole row as a JSON object."),
        Column(name="rejected_at", type=Type.TIMESTAMP, volatile=True, doc="When it was rejected, UTC."),
    ),
    tolerance=1.0,
)

MODELS = Table(
    name="meta.models",
    doc="Every trained model that made a number in another table, with its card.",
    grain="one trained model",
    key=("model_id",),
    columns=(
        Column(
            name="model_id", type=Type.STRING, doc="Identifier of the model that made the row.", rules=(NotBlank(),)
        ),
        Column(name="kind", type=Type.STRING, doc="What kind of thing the row describes.", rules=(NotBlank(),)),
        Column(
            name="trained_on",
            type=Type.STRING,
            nullable=True,
            doc="Tables and versions, or data set, it was trained on.",
        ),
        Column(
            name="training_rows",
            type=Type.INT,
            unit="count",
            nullable=True,
            doc="Rows it was trained on.",
            rules=(Between(low=0),),
        ),
        Column(name="metrics", type=Type.JSON, nullable=True, doc="Measured performance as a JSON object."),
        Column(name="parameters", type=Type.JSON, nullable=True, doc="Hyper-parameters as a JSON object."),
        Column(name="seed", type=Type.INT, nullable=True, doc="Seed of everything random."),
        Column(
            name="path", type=Type.STRING, nullable=True, doc="Where the model is kept, relative to the home folder."
        ),
        Column(
            name="card", type=Type.STRING, nullable=True, doc="Model card: intended use, data, limits, in Markdown."
        ),
        Column(name="created_at", type=Type.TIMESTAMP, volatile=True, doc="When the row was made, UTC."),
    ),
)

PUBLICATIONS = Table(
    name="meta.publications",
    doc="The states of the warehouse that were published to readers; made by the catalog from its manifests.",
    grain="one published state",
    key=("publication_id",),
    columns=(
        Column(
            name="publication_id",
            type=Type.STRING,
            doc="Hash of the table versions that make the state.",
            rules=(NotBlank(),),
        ),
        Column(name="published_at", type=Type.TIMESTAMP, volatile=True, doc="When it was published, UTC."),
        Column(name="table_count", type=Type.INT, unit="count", doc="Tables with data in it.", rules=(Between(low=0),)),
        Column(
            name="row_count", type=Type.INT, unit="count", doc="Rows of all tables together.", rules=(Between(low=0),)
        ),
        Column(name="table_versions", type=Type.JSON, doc="Version of each table as a JSON object."),
        Column(name="withdrawn", type=Type.BOOL, doc="Whether it was rolled back."),
    ),
    usage_warnings=("Lists the states up to and including the one it is read from.",),
)

TABLES: tuple[Table, ...] = (QUALITY_RESULTS, BIAS_METRICS, REJECTIONS, MODELS, PUBLICATIONS)
