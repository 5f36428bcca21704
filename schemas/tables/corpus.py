"""Literature: documents as fetched, what selected them, their paragraphs, and what was read from them.

What is known of compounds is in `labels`.
"""

from schemas.columns import CONFIDENCE, LICENCE, count, free_text
from schemas.core import Column, ForeignKey, Table, Type
from schemas.rules import AtMost, Between, Finite, NotBlank, OneOf

_DOCUMENT_ID = Column(
    name="document_id", type=Type.STRING, doc="Source and the source's own id, joined by a colon.", rules=(NotBlank(),)
)
_DOCUMENT = ForeignKey(columns=("document_id",), table="raw.documents", references=("document_id",))
_PROBLEM = Column(name="problem", type=Type.STRING, doc="Name of the problem.", rules=(NotBlank(),))
_PHRASE = Column(name="phrase", type=Type.STRING, doc="Phrase as the list prints it.", rules=(NotBlank(),))
_GROUP = Column(
    name="keyword_group",
    type=Type.STRING,
    doc="Group of the phrase.",
    rules=(OneOf(("compound", "performance", "synthesizability")),),
)
_FIELD = Column(name="field", type=Type.STRING, doc="Field of the document that holds the span.", rules=(NotBlank(),))
_CONTENT_HASH = Column(
    name="content_hash", type=Type.STRING, doc="Hash of what the row speaks of, dates left out.", rules=(NotBlank(),)
)
_RULE = Column(name="rule", type=Type.STRING, doc="Rule or model that made the row.", rules=(NotBlank(),))
_SENTENCE = Column(name="sentence", type=Type.STRING, doc="Sentence that holds the span.")
_COMPOUND = Column(name="compound", type=Type.STRING, nullable=True, doc="Compound as written.", rules=(NotBlank(),))
_FORMULA = Column(name="formula", type=Type.STRING, nullable=True, doc="Reduced formula.", rules=(NotBlank(),))


def _texts(name: str, doc: str) -> Column:
    return Column(name=name, type=Type.STRINGS, doc=doc, nullable=True)


_SPAN = (count("start", "First code point in the field as given."), count("end", "One past the last code point."))

DOCUMENTS = Table(
    name="raw.documents",
    doc="Articles and abstracts as their source gave them.",
    grain="one document of one source",
    key=("document_id",),
    columns=(
        _DOCUMENT_ID,
        free_text("source", "Where the record came from.", nullable=False),
        free_text("source_id", "Identifier at the source.", nullable=False),
        free_text("doi", "DOI, lower case."),
        free_text("arxiv_id", "arXiv identifier without version."),
        Column(name="title", type=Type.STRING, doc="Title.", rules=(NotBlank(),)),
        free_text("abstract", "Abstract."),
        _texts("body", "Paragraphs of the main text, in order."),
        _texts("sections", "Title of the section of each paragraph."),
        _texts("captions", "Captions of figures and tables."),
        _texts("table_texts", "Tables: cells joined by tabs, rows by line breaks."),
        _texts("cited_dois", "DOIs of the works that it cites, lower case."),
        _texts("retracted_dois", "DOIs of the works that it retracts or withdraws, lower case."),
        _texts("authors", "Names as given."),
        _texts("categories", "Subject classes of the source."),
        Column(
            name="published_on",
            type=Type.DATE,
            nullable=True,
            doc="Day of publication; the first of the month or year where no more is said.",
        ),
        Column(name="updated_on", type=Type.DATE, nullable=True, doc="Day of the last revision of the article."),
        Column(
            name="datestamp",
            type=Type.DATE,
            nullable=True,
            doc="Day on which the service last touched the record; harvests are cut by it.",
        ),
        Column(
            name="withdrawn_on",
            type=Type.DATE,
            nullable=True,
            doc="Day on which the source withdrew it; its text is kept and no longer read.",
        ),
        LICENCE,
        _CONTENT_HASH,
    ),
    usage_warnings=("Text whose licence is not open must not be exported.",),
    licence_column="licence",
)
FETCH_LOG = Table(
    name="raw.fetch_log",
    doc="What was fetched from where, and how many records came of it.",
    grain="one page or file of one source",
    key=("fetch_id",),
    columns=(
        Column(
            name="fetch_id",
            type=Type.STRING,
            doc="Hash of source and place in its window, or of file and content.",
            rules=(NotBlank(),),
        ),
        free_text("source", "Where the record came from.", nullable=False),
        Column(name="page", type=Type.STRING, doc="File or request, without secrets.", rules=(NotBlank(),)),
        free_text("query", "What was asked for at the service."),
        Column(name="day", type=Type.DATE, nullable=True, doc="First day of the window; null for a file."),
        Column(name="until", type=Type.DATE, nullable=True, doc="Last day of the window; null for a file."),
        count("page_number", "Place of the page in its window, from 0.", nullable=True),
        count("records", "Records read."),
        count("withdrawals", "Records that the source withdrew."),
        count("rejected", "Records refused."),
        free_text("refusals", "Why records were refused."),
        _CONTENT_HASH,
        free_text("token", "Where an unfinished window goes on; null elsewhere, and once it is finished."),
    ),
)
HARVESTS = Table(
    name="raw.harvests",
    doc="What was fetched from the services and read from folders: windows of days, and what they held.",
    grain="one window of one question to one source",
    key=("source", "query", "day", "until"),
    columns=(
        free_text("source", "Where the record came from.", nullable=False),
        free_text("query", "What was asked for at the service, or the folder.", nullable=False),
        Column(name="day", type=Type.DATE, doc="First day of the window; for a folder the day it was read."),
        Column(name="until", type=Type.DATE, doc="Last day of the window; an open one ends on the day of asking."),
        Column(name="complete", type=Type.BOOL, doc="Whether the source was read to its end, not to a limit."),
        count("records", "Records read."),
        count("withdrawals", "Records that the source withdrew."),
        count("rejected", "Records refused."),
        _CONTENT_HASH,
    ),
    row_rules=(AtMost("day", "until"),),
)
ARTICLES = Table(
    name="core.articles",
    doc="Which documents are records of the same article, which of them is read, and which articles were retracted.",
    grain="one document of raw.documents",
    key=("document_id",),
    columns=(
        _DOCUMENT_ID,
        Column(name="article_id", type=Type.STRING, doc="Preferred document of the same article.", rules=(NotBlank(),)),
        Column(
            name="basis",
            type=Type.STRING,
            doc="What it shares with another document of the article; title stands for title, year and first author.",
            rules=(OneOf(("doi", "arxiv", "title", "alone")),),
        ),
        Column(name="preferred", type=Type.BOOL, doc="Whether it is the record that is read."),
        Column(
            name="retracted_on",
            type=Type.DATE,
            nullable=True,
            doc="Day on which the article was withdrawn or retracted, where known.",
        ),
        free_text("retracted_by", "Document that withdraws or retracts the article; null where it stands."),
    ),
    foreign_keys=(
        _DOCUMENT,
        ForeignKey(columns=("article_id",), table="raw.documents", references=("document_id",)),
        ForeignKey(columns=("retracted_by",), table="raw.documents", references=("document_id",)),
    ),
)
KEYWORD_HITS = Table(
    name="core.keyword_hits",
    doc="Where keywords occur in documents.",
    grain="one hit of one phrase",
    key=("document_id", "phrase", "field", "start"),
    columns=(_DOCUMENT_ID, _PHRASE, _GROUP, _FIELD, *_SPAN),
    row_rules=(AtMost("start", "end"),),
    foreign_keys=(_DOCUMENT, ForeignKey(columns=("phrase",), table="core.keywords", references=("phrase",))),
)
SELECTIONS = Table(
    name="core.selections",
    doc="Which documents are about the problem.",
    grain="one document and problem",
    key=("document_id", "problem"),
    columns=(
        _DOCUMENT_ID,
        _PROBLEM,
        Column(name="selected", type=Type.BOOL, doc="Whether the score reaches the threshold."),
        Column(name="score", type=Type.FLOAT, unit="1", doc="Sum of weights.", rules=(Finite(),)),
        Column(name="groups", type=Type.STRINGS, doc="Keyword groups with a hit."),
        count("hit_count", "Hits."),
    ),
    foreign_keys=(_DOCUMENT,),
)
KEYWORDS = Table(
    name="core.keywords",
    doc="The keyword list in use, with what each phrase brought in.",
    grain="one phrase of one problem",
    key=("problem", "phrase"),
    columns=(
        _PROBLEM,
        _PHRASE,
        _GROUP,
        Column(name="weight", type=Type.FLOAT, unit="1", doc="Weight in the score.", rules=(Between(0),)),
        Column(name="support", type=Type.BOOL, doc="Whether it never selects without another phrase."),
        Column(
            name="origin",
            type=Type.STRING,
            doc="Where the phrase comes from.",
            rules=(OneOf(("figure", "text", "added", "discovered")),),
        ),
        _texts("variants", "Further spellings."),
        count("documents", "Documents that hold it."),
        count("selected_alone", "Selected documents with no other phrase."),
    ),
)
PROPOSALS = Table(
    name="core.keyword_proposals",
    doc="Phrases that embeddings suggest as keywords; a person accepts or rejects them.",
    grain="one phrase of one problem",
    key=("problem", "phrase"),
    columns=(
        _PROBLEM,
        _PHRASE,
        _GROUP,
        count("round", "Round of discovery, from 1."),
        count("rank", "Rank within its group and round, from 1."),
        Column(name="score", type=Type.FLOAT, unit="1", doc="Sum of weights.", rules=(Finite(),)),
        count("documents", "Documents that hold it."),
        free_text("nearest", "Nearest seed phrase."),
    ),
    usage_warnings=("Proposals are not keywords: none is used before a person accepts it.",),
)
PARAGRAPHS = Table(
    name="core.paragraphs",
    doc="Paragraphs of the selected documents and what they are about.",
    grain="one paragraph",
    key=("paragraph_id",),
    columns=(
        Column(name="paragraph_id", type=Type.STRING, doc="Document and field, joined by '#'.", rules=(NotBlank(),)),
        _DOCUMENT_ID,
        _FIELD,
        free_text("section", "Title of the section."),
        Column(name="text", type=Type.STRING, doc="The paragraph.", rules=(NotBlank(),)),
        Column(
            name="label",
            type=Type.STRING,
            doc="Most likely class.",
            rules=(OneOf(("synthesis", "properties", "characterization", "other")),),
        ),
        *(
            Column(name=f"p_{c}", type=Type.FLOAT, unit="1", doc=f"Probability of {c}.", rules=(Between(0, 1),))
            for c in ("synthesis", "properties", "characterization", "other")
        ),
    ),
    foreign_keys=(_DOCUMENT,),
)
MENTIONS = Table(
    name="core.mentions",
    doc="Compounds named in the selected documents.",
    grain="one mention",
    key=("mention_id",),
    columns=(
        Column(name="mention_id", type=Type.STRING, doc="Hash of document, field and span.", rules=(NotBlank(),)),
        _DOCUMENT_ID,
        _COMPOUND,
        _FORMULA,
        _FIELD,
        *_SPAN,
        _SENTENCE,
        _RULE,
        CONFIDENCE,
    ),
    row_rules=(AtMost("start", "end"),),
    foreign_keys=(_DOCUMENT,),
)
PROPERTIES = Table(
    name="core.properties",
    doc="Transitions and other properties read from the selected documents.",
    grain="one value of one compound in one place",
    key=("property_id",),
    columns=(
        Column(name="property_id", type=Type.STRING, doc="Hash of what was read and where.", rules=(NotBlank(),)),
        _DOCUMENT_ID,
        Column(name="kind", type=Type.STRING, doc="Kind of record.", rules=(NotBlank(),)),
        Column(name="type", type=Type.STRING, doc="Transition type or property name.", rules=(NotBlank(),)),
        _COMPOUND,
        _FORMULA,
        Column(name="value", type=Type.FLOAT, nullable=True, doc="Value in the unit of the row.", rules=(Finite(),)),
        Column(name="low", type=Type.FLOAT, nullable=True, doc="Lower end of a range.", rules=(Finite(),)),
        Column(name="high", type=Type.FLOAT, nullable=True, doc="Upper end of a range.", rules=(Finite(),)),
        free_text("unit", "Unit of value, low and high."),
        _FIELD,
        *_SPAN,
        _SENTENCE,
        _RULE,
        CONFIDENCE,
    ),
    row_rules=(AtMost("start", "end"),),
    foreign_keys=(_DOCUMENT,),
    usage_warnings=("Read by rules: look at the sentence before quoting a value.",),
)
_TASK = Column(name="task", type=Type.STRING, doc="What is read, as in `matloom text evaluate`.", rules=(NotBlank(),))
_GOLD = Column(name="gold", type=Type.STRING, doc="The annotated documents.", rules=(NotBlank(),))
READING_SCORES = Table(
    name="core.reading_scores",
    doc="How well each kind of thing is read from annotated documents, with the baselines beside.",
    grain="one label of one task, reader and set of annotated documents",
    key=("task", "gold", "reader", "label"),
    columns=(
        _TASK,
        _GOLD,
        free_text("reader", "What reads: the rules or a baseline.", nullable=False),
        Column(name="label", type=Type.STRING, doc='Type of what is read; "*" for all together.', rules=(NotBlank(),)),
        count("documents", "Annotated documents."),
        *(
            Column(name=name, type=Type.FLOAT, unit="1", nullable=True, doc=doc, rules=(Between(0, 1),))
            for name, doc in (
                ("f1", "Harmonic mean of precision and recall."),
                ("f1_low", "Lower end of the 95 % interval over documents."),
                ("f1_high", "Upper end of the 95 % interval over documents."),
                ("precision", "Share of what was read that is right."),
                ("recall", "Share of the annotations that were read."),
            )
        ),
        count("hits", "Annotations that were read."),
        count("false_alarms", "Records that are not annotated."),
        count("misses", "Annotations that were not read."),
    ),
    usage_warnings=("Few documents: read the interval, not the figure alone.",),
)
READING_ERRORS = Table(
    name="core.reading_errors",
    doc="Each miss and false alarm behind core.reading_scores.",
    grain="one error of the rules in one annotated document",
    key=("error_id",),
    columns=(
        Column(name="error_id", type=Type.STRING, doc="Hash of the row.", rules=(NotBlank(),)),
        _TASK,
        _GOLD,
        free_text("document_id", "The annotated document; it need not be in raw.documents.", nullable=False),
        free_text("error", "miss or false alarm.", nullable=False),
        free_text("label", "Type of what was missed or read."),
        free_text("told", "What was missed or read."),
        free_text("sentence", "The sentence, of what was read."),
        LICENCE,
    ),
    licence_column="licence",
)

TABLES = (
    DOCUMENTS,
    FETCH_LOG,
    HARVESTS,
    ARTICLES,
    KEYWORDS,
    KEYWORD_HITS,
    SELECTIONS,
    PROPOSALS,
    PARAGRAPHS,
    MENTIONS,
    PROPERTIES,
    READING_SCORES,
    READING_ERRORS,
)
