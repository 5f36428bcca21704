"""The page of the optimization: for every problem its front, its evaluations in the order they were made, the
surrogate against chance, the report of each batch, and what comes next. The other pages are in `pages`."""

import json
import math
from dataclasses import dataclass

import polars as pl

from warehouse.report import figures
from warehouse.report.parts import TOP, Page, Picture, Section, parts, section
from warehouse.report.source import Source

_TOLD = (
    "iteration", "strategy", "asked", "accepted", "failed", "waiting", "attempts", "best", "newcomers", "surprises",
    "error_in_deviations", "p_complete", "next",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """One problem and its rows of the design tables, evaluations and proposals in the order they were made."""

    name: str
    number: int
    objectives: list[str]
    directions: list[str | None]
    fronts: pl.DataFrame
    observed: pl.DataFrame
    traces: pl.DataFrame
    maps: pl.DataFrame
    waiting: pl.DataFrame
    generations: pl.DataFrame


def design(source: Source) -> Page:
    """Pareto fronts, evaluations, simulated campaigns and open proposals, problem by problem."""
    found = campaigns(source)
    return Page(
        file="design.html",
        title="Design",
        lead="Multi-objective optimization: what was evaluated, what is best, what comes next.",
        sections=[s for c in found for s in _sections(c)] or [Section(title="Problems")],
    )


def campaigns(source: Source) -> list[Campaign]:
    """The problems that are published, or that have rows in another design table."""
    problems, proposals = source.read("design.problems"), source.read("design.proposals")
    order = proposals.select("problem", "candidate_id", "iteration", "rank", "predicted")
    observed = chronological(source.read("design.observations").join(order, on=["problem", "candidate_id"], how="left"))
    waiting = chronological(proposals.join(observed, on=["problem", "candidate_id"], how="anti"))
    fronts, traces, maps = (source.read(f"design.{name}") for name in ("fronts", "traces", "maps"))
    generations = source.read("design.generations").sort("problem", "iteration")
    wanted = {name: json.loads(body) for name, body in problems.select("problem", "definition").iter_rows()}
    tables = (problems, observed, fronts, traces, waiting)
    names = sorted({name for table in tables for name in table["problem"].to_list()})

    def of(table: pl.DataFrame, name: str) -> pl.DataFrame:
        return table.filter(pl.col("problem") == name).drop("problem")

    return [
        Campaign(
            name=name,
            number=number,
            objectives=[str(o["name"]) for o in wanted.get(name, {}).get("objectives", [])],
            directions=[o.get("direction") for o in wanted.get(name, {}).get("objectives", [])],
            fronts=of(fronts, name),
            observed=of(observed, name),
            traces=of(traces, name),
            maps=of(maps, name),
            waiting=of(waiting, name),
            generations=of(generations, name),
        )
        for number, name in enumerate(names, start=1)
    ]


def chronological(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows by iteration and rank; what was never proposed comes by its time, after the rest."""
    times = [c for c in ("observed_at", "proposed_at") if c in rows.columns]
    by = ["problem", "iteration", "rank", *times, "candidate_id"]
    ordered = rows.sort(by, nulls_last=True, maintain_order=True)
    number = pl.int_range(1, pl.len() + 1).over("problem").alias("evaluation")
    return ordered.select(number, pl.all()) if "observed_at" in rows.columns else ordered


def _sections(campaign: Campaign) -> list[Section]:
    told, best = campaign.observed, campaign.fronts
    front = _front(campaign.name, campaign.number, campaign.objectives, best["objectives"], told["objectives"])
    return [
        section(f"{campaign.name}: Pareto front", best.head(TOP), pictures=front + _growth(campaign)),
        section(
            f"{campaign.name}: evaluations",
            told.tail(TOP),
            text=f"The latest {min(TOP, told.height)} of {told.height} evaluations, in the order they were made.",
            pictures=_evaluations(campaign),
        ),
        section(
            f"{campaign.name}: surrogate against chance",
            _ends(campaign.traces),
            text="Simulated campaigns on the recorded table; medians over the seeds, bands from 10 to 90 %.",
            pictures=_strategies(campaign.name, campaign.number, campaign.traces),
            empty="No campaign of this problem was simulated.",
        ),
        section(
            f"{campaign.name}: what was foretold",
            _foretold_table(campaign).head(TOP),
            text="The largest surprises first: outcome less expectation, in expected deviations.",
            pictures=_parity(campaign) + _calibration(campaign),
            empty="Nothing that was foretold has come back.",
        ),
        section(
            f"{campaign.name}: what acts alike",
            campaign.maps.head(TOP),
            text="Maps of the levels, as the surrogate of each outcome places them: levels closer than one act alike,"
            " directions mean nothing. Open circles are levels that were never evaluated.",
            pictures=_maps(campaign.name, campaign.number, campaign.maps),
            empty="Too little is known for a map.",
        ),
        section(
            f"{campaign.name}: generations",
            campaign.generations.select(_TOLD).tail(TOP),
            text="Batch by batch: what was asked, what came back, what surprised, what comes next. Where the surrogate"
            " knows its own error, error_in_deviations is 1.",
            empty="Nothing was asked of an evaluator.",
        ),
        section(f"{campaign.name}: proposals", campaign.waiting.head(TOP), empty="Nothing waits to be evaluated."),
    ]


def of_fronts(fronts: pl.DataFrame) -> list[Picture]:
    """Pictures of rows of design.fronts, problem by problem, of the first two objectives by name."""
    none = fronts["objectives"].clear()
    each = enumerate(parts(fronts, "problem"), 1)
    return [p for i, ((name,), part) in each for p in _front(name, i, [], part["objectives"], none)]


def of_traces(traces: pl.DataFrame) -> list[Picture]:
    """Pictures of rows of design.traces, problem by problem."""
    return [p for i, ((name,), part) in enumerate(parts(traces, "problem"), 1) for p in _strategies(name, i, part)]


def of_maps(maps: pl.DataFrame) -> list[Picture]:
    """Pictures of rows of design.maps, problem by problem."""
    return [p for i, ((name,), part) in enumerate(parts(maps, "problem"), 1) for p in _maps(name, i, part)]


def _maps(name: str, number: int, maps: pl.DataFrame) -> list[Picture]:
    """The levels of the variables, outcome by outcome."""
    pictures = []
    for i, ((outcome,), part) in enumerate(parts(maps, "outcome")):
        alt = (
            f"{name}: levels of {', '.join(part['variable'].unique(maintain_order=True))} by what they do to {outcome}."
        )
        pictures.append(Picture(file=f"map-{number}-{i}.svg", svg=latent_map(part), alt=alt))
    return pictures


def latent_map(positions: pl.DataFrame) -> str:
    """Where levels lie: rows with `variable`, `level`, `z1`, `z2`; those with no `evaluations` are open."""
    tried = positions.filter(pl.col("evaluations") > 0) if "evaluations" in positions.columns else positions
    places = {
        v: {a: (x, y) for a, x, y in p.select("level", "z1", "z2").rows()} for (v,), p in parts(positions, "variable")
    }
    return figures.levels(places, {v: set(tried.filter(pl.col("variable") == v)["level"]) for v in places})


def _front(name: str, number: int, objectives: list[str], front: pl.Series, evaluated: pl.Series) -> list[Picture]:
    """The first two objectives of every evaluation, the front marked."""
    best, points = values_of(front), values_of(evaluated)
    names = list(dict.fromkeys([*objectives, *(k for p in (*best, *points) for k in p)]))[:2]
    if len(names) < 2:
        return []
    a, b = names
    kept = [(p[a], p[b], on) for on, group in ((False, points), (True, best)) for p in group if a in p and b in p]
    if not kept:
        return []
    x, y, on = zip(*kept, strict=True)
    told = f"{b} against {a} of {on.count(False)} evaluated candidates, {on.count(True)} of them on the front."
    if not points:
        told = f"{b} against {a} of the {len(best)} candidates on the front."
    svg = figures.front(x, y, on, xlabel=a, ylabel=b)
    return [Picture(file=f"front-{number}.svg", svg=svg, alt=f"{name}: {told}")]


def _growth(campaign: Campaign) -> list[Picture]:
    """The front of the first two objectives after each quarter of the evaluations."""
    if len(campaign.objectives) < 2 or None in campaign.directions[:2]:
        return []
    a, b = campaign.objectives[:2]
    known = [(p[a], p[b]) for p in values_of(campaign.observed["objectives"]) if a in p and b in p]
    turn = [1.0 if d == "max" else -1.0 for d in campaign.directions[:2]]
    lines = {}
    for quarter in (1, 2, 3, 4):
        count = math.ceil(len(known) * quarter / 4)
        turned = [(x * turn[0], y * turn[1]) for x, y in known[:count]]
        best = sorted(p for p in set(turned) if not any(q != p and q[0] >= p[0] and q[1] >= p[1] for q in turned))
        lines[f"after {count}"] = ([x * turn[0] for x, _ in best], [y * turn[1] for _, y in best])
    if len(lines) < 4:
        return []
    sizes = ", ".join(f"{len(x)} {name}" for name, (x, _) in lines.items())
    svg = figures.curves(lines, xlabel=a, ylabel=b)
    return [
        Picture(file=f"growth-{campaign.number}.svg", svg=svg, alt=f"{campaign.name}: points on the front: {sizes}.")
    ]


def _parity(campaign: Campaign) -> list[Picture]:
    """Outcomes against what was expected of them, with the deviation that was expected, objective by objective."""
    pictures = []
    told = list(zip(_foretold(campaign.observed["predicted"]), values_of(campaign.observed["objectives"]), strict=True))
    for i, name in enumerate(campaign.objectives[:4]):
        kept = [(f[f"mean_{name}"], v[name], f[f"sd_{name}"]) for f, v in told if name in v and f"sd_{name}" in f]
        if not kept:
            continue
        x, y, deviation = zip(*kept, strict=True)
        within = sum(abs(v - m) <= 1.96 * d for m, v, d in kept)
        svg = figures.parity(x, y, deviation, xlabel=f"expected {name}", ylabel=f"found {name}")
        alt = f"{campaign.name}: {name} of {len(kept)} candidates, {within} of them within 1.96 expected deviations."
        pictures.append(Picture(file=f"parity-{campaign.number}-{i}.svg", svg=svg, alt=alt))
    return pictures


def _calibration(campaign: Campaign) -> list[Picture]:
    """The share of outcomes within the central interval of each probability."""
    off = [abs(z) for p in _foretold(campaign.observed["surprise"]) for z in p.values()]
    if not off:
        return []
    wanted = [k / 20 for k in range(1, 20)]
    within = [sum(math.erf(z / math.sqrt(2.0)) <= p for z in off) / len(off) for p in wanted]
    lines = {"found": (wanted, within), "perfect": (wanted, wanted)}
    at = wanted.index(0.8)
    alt = f"{campaign.name}: of {len(off)} outcomes {within[at]:.0%} lie within the interval of 80 %."
    svg = figures.curves(lines, xlabel="probability of the interval", ylabel="share within")
    return [Picture(file=f"calibration-{campaign.number}.svg", svg=svg, alt=alt)]


def _foretold_table(campaign: Campaign) -> pl.DataFrame:
    """Each outcome that was foretold: evaluation, candidate, objective, surprise."""
    told = zip(
        campaign.observed["evaluation"],
        campaign.observed["candidate_id"],
        _foretold(campaign.observed["surprise"]),
        strict=True,
    )
    rows = [(number, who, name, z) for number, who, off in told for name, z in off.items()]
    found = pl.DataFrame(rows, schema=["evaluation", "candidate_id", "objective", "surprise"], orient="row")
    return found.sort(pl.col("surprise").cast(pl.Float64).abs(), descending=True)


def _foretold(texts: pl.Series) -> list[dict[str, float]]:
    return values_of(texts.fill_null("{}"))


def _evaluations(campaign: Campaign) -> list[Picture]:
    """Each objective over the number of the evaluation; failed evaluations leave a gap."""
    told = list(zip(campaign.observed["evaluation"], values_of(campaign.observed["objectives"]), strict=True))
    pictures = []
    for i, name in enumerate(dict.fromkeys(k for _, p in told for k in p)):
        numbers, values = zip(*[(n, p[name]) for n, p in told if name in p], strict=True)
        alt = f"{campaign.name}: {name} of {len(values)} evaluations, from {min(values):.3g} to {max(values):.3g}."
        svg = figures.curves({name: (numbers, values)}, xlabel="evaluation", ylabel=name)
        pictures.append(Picture(file=f"evaluations-{campaign.number}-{i}.svg", svg=svg, alt=alt))
    return pictures[:4]


def _strategies(name: str, number: int, traces: pl.DataFrame) -> list[Picture]:
    """The share of the hypervolume and the best objective values, strategy by strategy, over the evaluations."""
    medians, lower, upper = (medians_of(traces, at) for at in (0.5, 0.1, 0.9))
    shown = [c for c in medians.columns if c == "hypervolume_fraction" or c.startswith("best_")]
    pictures = []
    for i, column in enumerate(shown):
        lines = {
            strategy: (part["evaluation"].to_list(), part[column].to_list())
            for (strategy,), part in parts(medians.drop_nulls(column), "strategy")
        }
        if not lines:
            continue
        bands = {who: (_of(lower, who, column), _of(upper, who, column)) for who in lines}
        ends = ", ".join(f"{strategy} {y[-1]:.3g} after {x[-1]}" for strategy, (x, y) in lines.items())
        pictures.append(
            Picture(
                file=f"strategies-{number}-{i}.svg",
                svg=figures.curves(lines, xlabel="evaluation", ylabel=column, bands=bands),
                alt=f"{name}: median {column} of {traces['seed'].n_unique()} seeds: {ends}.",
            )
        )
    return pictures[:4]


def _of(table: pl.DataFrame, strategy: str, column: str) -> list[float]:
    return table.filter(pl.col("strategy") == strategy)[column].drop_nulls().to_list()


def medians_of(traces: pl.DataFrame, at: float = 0.5) -> pl.DataFrame:
    """Medians, or other quantiles, over the seeds: strategy, evaluation, the two fractions and `best_<objective>`."""
    best = pl.DataFrame(
        [{f"best_{k}": v for k, v in p.items()} for p in values_of(traces["best"])], infer_schema_length=None
    )
    wide = pl.concat([traces.drop("best"), best], how="horizontal") if best.width else traces.drop("best")
    measured = ["hypervolume_fraction", "front_fraction", *best.columns]
    return (
        wide.group_by("strategy", "evaluation")
        .agg(pl.col(measured).quantile(at, "linear"))
        .sort("strategy", "evaluation")
    )


def _ends(traces: pl.DataFrame) -> pl.DataFrame:
    """Where each strategy stood at its last evaluation."""
    return medians_of(traces).group_by("strategy", maintain_order=True).last()


def values_of(objectives: pl.Series) -> list[dict[str, float]]:
    """The finite numbers of JSON objects, one dictionary a row."""
    return [
        {k: float(v) for k, v in json.loads(text).items() if isinstance(v, int | float) and math.isfinite(v)}
        for text in objectives.to_list()
    ]
