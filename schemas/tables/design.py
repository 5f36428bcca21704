"""Design: problems, candidates, what was proposed, evaluated and found."""

from schemas.columns import count
from schemas.core import Column, ForeignKey, Table, Type
from schemas.rules import Between, Finite, NotBlank, OneOf

_PROBLEM = Column(name="problem", type=Type.STRING, doc="Name of the problem.", rules=(NotBlank(),))
_CANDIDATE = Column(
    name="candidate_id", type=Type.STRING, doc="Levels of the variables, joined by '|'.", rules=(NotBlank(),)
)
_FORMULA = Column(name="formula", type=Type.STRING, doc="Formula of the candidate.", nullable=True)
_BATCH = Column(name="batch_id", type=Type.STRING, doc="Problem and iteration.", rules=(NotBlank(),))
_ITERATION = Column(
    name="iteration",
    type=Type.INT,
    unit="count",
    doc="Round of proposals; 0 is the initial design.",
    rules=(Between(0),),
)
_SURROGATES = ("lvgp", "lvgp-descriptor", "lvgp-bayes", "lvgp-svi", "onehot", "hamming", "gower", "forest")
_STRATEGIES = ("initial", *_SURROGATES, "random")
_STRATEGY = Column(
    name="strategy",
    type=Type.STRING,
    doc="How rows are chosen.",
    rules=(OneOf(_STRATEGIES),),
)
_OBJECTIVES = Column(name="objectives", type=Type.JSON, doc="Objective -> value, in the units of the problem.")
_REASON = Column(
    name="reason",
    type=Type.STRING,
    doc="Why it failed or was rejected; if accepted, the phases that its stability is against.",
    nullable=True,
)
_STATE = Column(
    name="state",
    type=Type.STRING,
    doc="State of the evaluation.",
    rules=(
        OneOf(
            (
                "proposed", "submitted", "running", "parsed", "accepted", "calculation_failed", "plumbing_failed",
                "rejected",
            )
        ),
    ),
)  # fmt: skip
_RETIRED = Column(name="retired", type=Type.BOOL, doc="No longer asked: kept because other tables refer to it.")
_IN_PROBLEMS = ForeignKey(columns=("problem",), table="design.problems", references=("problem",))
_IN_CANDIDATES = ForeignKey(
    columns=("problem", "candidate_id"), table="design.candidates", references=("problem", "candidate_id")
)
_IN_BATCHES = ForeignKey(columns=("batch_id",), table="design.batches", references=("batch_id",))


def _time(name: str, doc: str) -> Column:
    return Column(name=name, type=Type.TIMESTAMP, doc=doc, volatile=True)


def _fraction(name: str, doc: str) -> Column:
    return Column(name=name, type=Type.FLOAT, unit="1", doc=doc, rules=(Between(0, 1),))


PROBLEMS = Table(
    name="design.problems",
    doc="What is varied, what is wanted and who evaluates.",
    grain="one problem",
    key=("problem",),
    columns=(
        _PROBLEM,
        Column(name="title", type=Type.STRING, doc="Title.", rules=(NotBlank(),)),
        Column(name="doi", type=Type.STRING, nullable=True, doc="DOI, lower case."),
        Column(name="evaluator", type=Type.STRING, doc="What evaluates.", rules=(NotBlank(),)),
        Column(name="definition", type=Type.JSON, doc="The problem file."),
        _RETIRED,
    ),
)
CANDIDATES = Table(
    name="design.candidates",
    doc="All candidates that the problems allow, and those that were proposed before a problem changed.",
    grain="one candidate of one problem",
    key=("problem", "candidate_id"),
    columns=(
        _PROBLEM,
        _CANDIDATE,
        _FORMULA,
        Column(name="variables", type=Type.JSON, doc="Variable -> level."),
        _RETIRED,
    ),
    foreign_keys=(_IN_PROBLEMS,),
    usage_warnings=("Leave out rows with retired = true: they can no longer be proposed.",),
)
PROPOSALS = Table(
    name="design.proposals",
    doc="Candidates chosen for evaluation, and why.",
    grain="one candidate of one problem",
    key=("problem", "candidate_id"),
    columns=(
        _PROBLEM,
        _CANDIDATE,
        _BATCH,
        _ITERATION,
        Column(name="rank", type=Type.INT, unit="count", doc="Position, from 1.", rules=(Between(1),)),
        _STRATEGY,
        Column(
            name="acquisition",
            type=Type.FLOAT,
            unit="1",
            nullable=True,
            doc="Score of the acquisition function; null for the initial design.",
            rules=(Finite(),),
        ),
        Column(name="criterion", type=Type.STRING, nullable=True, doc="Name of the acquisition function."),
        Column(
            name="model_id",
            type=Type.STRING,
            nullable=True,
            doc="Hash of strategy, seed, levels, what describes them, and what was learned from.",
        ),
        Column(name="predicted", type=Type.JSON, nullable=True, doc="Mean and deviation of each objective."),
        Column(
            name="remaining_improvement",
            type=Type.FLOAT,
            nullable=True,
            doc="Expected improvement of the best were all candidates evaluated, in its unit; of several objectives "
            "expected growth of the dominated volume over the volume so far.",
            rules=(Between(0),),
        ),
        Column(
            name="p_complete",
            type=Type.FLOAT,
            unit="1",
            nullable=True,
            doc="Probability that no candidate left is better than the best, or belongs to the front; empty before any "
            "outcome is of use.",
            rules=(Between(0, 1),),
        ),
        _time("proposed_at", "When it was proposed."),
    ),
    foreign_keys=(_IN_CANDIDATES, _IN_BATCHES),
)
BATCHES = Table(
    name="design.batches",
    doc="Batches sent to an evaluator.",
    grain="one batch",
    key=("batch_id",),
    columns=(
        _BATCH,
        _PROBLEM,
        _ITERATION,
        Column(name="size", type=Type.INT, unit="count", doc="Candidates in the batch.", rules=(Between(1),)),
        Column(name="evaluator", type=Type.STRING, doc="What evaluates.", rules=(NotBlank(),)),
    ),
    foreign_keys=(_IN_PROBLEMS,),
)
EVENTS = Table(
    name="design.events",
    doc="What happened to each evaluation; rows are only ever added.",
    grain="one change of state",
    key=("event_id",),
    columns=(
        Column(name="event_id", type=Type.STRING, doc="Hash of candidate, batch and state.", rules=(NotBlank(),)),
        _PROBLEM,
        _BATCH,
        _CANDIDATE,
        Column(name="sequence", type=Type.INT, unit="count", doc="Position, from 0.", rules=(Between(0),)),
        _STATE,
        _REASON,
        _time("occurred_at", "When it happened."),
    ),
    foreign_keys=(_IN_CANDIDATES, _IN_BATCHES),
)
OBSERVATIONS = Table(
    name="design.observations",
    doc="Outcomes of evaluations.",
    grain="one candidate of one problem",
    key=("problem", "candidate_id"),
    columns=(
        _PROBLEM,
        _CANDIDATE,
        _BATCH,
        _STATE,
        _OBJECTIVES,
        Column(
            name="surprise",
            type=Type.JSON,
            nullable=True,
            doc="Objective -> outcome less prediction, in predicted deviations; null where nothing was predicted.",
        ),
        Column(name="evaluator", type=Type.STRING, doc="What evaluates.", rules=(NotBlank(),)),
        _REASON,
        _time("observed_at", "When the outcome was collected."),
    ),
    foreign_keys=(_IN_CANDIDATES, _IN_BATCHES),
    usage_warnings=("Values of different evaluators must not be mixed in one front.",),
)

GENERATIONS = Table(
    name="design.generations",
    doc="The loop batch by batch: what was asked, what came back, what surprised, what comes next.",
    grain="one batch",
    key=("batch_id",),
    columns=(
        _BATCH,
        _PROBLEM,
        _ITERATION,
        _STRATEGY,
        Column(name="asked", type=Type.STRINGS, doc="Candidates of the batch, by formula where they have one."),
        count("accepted", "Candidates with a value."),
        count("failed", "Candidates whose calculation failed, or that were rejected."),
        count("waiting", "Candidates without an outcome yet."),
        count("attempts", "Submissions to the evaluator, repeated ones included."),
        Column(name="best", type=Type.JSON, doc="Objective -> best value so far, in the units of the problem."),
        Column(
            name="newcomers",
            type=Type.STRINGS,
            doc="Candidates of the batch that are better than all before: on the front, or the new optimum.",
        ),
        count("front_size", "Members of the front so far."),
        Column(
            name="surprises",
            type=Type.STRINGS,
            doc="Outcomes more than two predicted deviations from what was expected, and failures; the largest first.",
        ),
        Column(
            name="error_in_deviations",
            type=Type.FLOAT,
            unit="1",
            nullable=True,
            doc="Root mean square of (outcome - expected) / predicted deviation; 1 where a surrogate knows its error.",
            rules=(Between(0),),
        ),
        Column(
            name="p_complete",
            type=Type.FLOAT,
            unit="1",
            nullable=True,
            doc="Probability, foretold with the batch, that nothing better was left.",
            rules=(Between(0, 1),),
        ),
        Column(name="next", type=Type.STRING, doc="What comes next, or why the loop ended.", rules=(NotBlank(),)),
        Column(name="report", type=Type.STRING, doc="All of this in words.", rules=(NotBlank(),)),
    ),
    foreign_keys=(_IN_BATCHES,),
)
FRONTS = Table(
    name="design.fronts",
    doc="Evaluated candidates that no other dominates.",
    grain="one candidate of one problem",
    key=("problem", "candidate_id"),
    columns=(_PROBLEM, _CANDIDATE, _FORMULA, _OBJECTIVES),
    foreign_keys=(_IN_CANDIDATES,),
)
TRACES = Table(
    name="design.traces",
    doc="What strategies would have found, evaluation by evaluation, on problems with a recorded table.",
    grain="one evaluation of one simulated campaign",
    key=("problem", "strategy", "seed", "evaluation"),
    columns=(
        _PROBLEM,
        _STRATEGY,
        Column(name="seed", type=Type.INT, doc="Seed of everything random."),
        Column(name="evaluation", type=Type.INT, unit="count", doc="Position, from 1.", rules=(Between(1),)),
        _ITERATION,
        Column(name="table_row", type=Type.INT, unit="count", doc="Row of the recorded table.", rules=(Between(0),)),
        Column(name="best", type=Type.JSON, doc="Best value of each objective so far."),
        _fraction("front_fraction", "Share of the true front found so far."),
        _fraction("hypervolume_fraction", "Share of the true hypervolume found so far."),
    ),
    foreign_keys=(_IN_PROBLEMS,),
)
MAPS = Table(
    name="design.maps",
    doc="Where the surrogate of an outcome places the levels of a variable, learned from all that was evaluated. "
    "Levels closer than one act alike; directions mean nothing.",
    grain="one level of one variable, for one outcome of one problem",
    key=("problem", "outcome", "variable", "level"),
    columns=(
        _PROBLEM,
        Column(name="outcome", type=Type.STRING, doc="What is measured.", rules=(NotBlank(),)),
        Column(name="variable", type=Type.STRING, doc="Name of the variable.", rules=(NotBlank(),)),
        Column(name="level", type=Type.STRING, doc="Name of the level; empty where the variable is out of use."),
        Column(name="z1", type=Type.FLOAT, unit="1", doc="First coordinate, in lengths.", rules=(Finite(),)),
        Column(name="z2", type=Type.FLOAT, unit="1", doc="Second coordinate, in lengths.", rules=(Finite(),)),
        count("evaluations", "Evaluations with this level that gave all outcomes."),
    ),
    foreign_keys=(_IN_PROBLEMS,),
)

TABLES = (PROBLEMS, CANDIDATES, PROPOSALS, BATCHES, EVENTS, OBSERVATIONS, GENERATIONS, FRONTS, TRACES, MAPS)
