"""Every model of recipes beside every other on held-out papers, once for each seed: the table that the README quotes.

Heating conditions hold out papers and drop their targets; routes and precursor sets hold out targets that are not
frequent and drop their papers, as users ask for new compounds. Scores of one trained model on a table are `scoring`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from models.recipes import (
    CONDITIONS,
    ROUTES,
    beliefs,
    conditions,
    features,
    generators,
    heat_features,
    heat_scores,
    heating,
    planning,
    precursors,
    published,
    route_features,
    routes,
    splits,
)
from models.recipes.compositions import fractions, parse
from models.recipes.features import Singles
from models.recipes.grid import BIN_K, STEPS, TEMPERATURES, TIMES, place
from models.recipes.table import normalise
from schemas.arrays import Floats, Ints
from schemas.errors import InputError
from schemas.tables.recipes import HEATING_K

PARTS = ("conditions", "routes", "precursors")
SHARE, FREQUENT, TARGETS, ROUNDS, PAIRS = 0.2, 50, 400, 300, 1500
PLAIN: dict[str, Any] = {
    "verbosity": -1,
    "learning_rate": 0.05,
    "num_leaves": 31,
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 1,
}
OURS = "this project"
Row = dict[str, Any]


def compare(table: pl.DataFrame, *, seeds: Sequence[int], parts: Sequence[str] = PARTS) -> pl.DataFrame:
    """Trains and scores every model.

    Args:
        table: recipes, as for `training.train`.
        seeds: one split and one training each.
        parts: of PARTS.

    Returns:
        One row a figure and model: `figure`, `better` ("low", "high", "80 %"), `model`, `mean`, `lowest` and `highest`
        over the seeds, `seeds`, `n` (test rows, mean).

    Raises:
        InputError: an unknown part, or too few rows to hold any out.
    """
    if unknown := [p for p in parts if p not in PARTS]:
        raise InputError.of(f"part {unknown[0]!r}", "the parts to compare", f"use {', '.join(PARTS)}")
    if not parts:
        raise InputError.of("no part", "the parts to compare", f"use {', '.join(PARTS)}")
    frame = normalise(table, labelled=True).frame.filter("ok")
    made = {"conditions": _conditions, "routes": _routes, "precursors": _sets}
    rows = [row for seed in seeds for part in parts for row in made[part](frame, seed)]
    if not rows:
        raise InputError.of("too few rows to hold some out", "the recipe table", "give a larger table")
    return (
        pl.DataFrame(rows)
        .group_by("figure", "better", "model", maintain_order=True)
        .agg(
            pl.col("value").mean().round(4).alias("mean"),
            pl.col("value").min().round(4).alias("lowest"),
            pl.col("value").max().round(4).alias("highest"),
            pl.len().alias("seeds"),
            pl.col("n").mean().round().cast(pl.Int64),
        )
    )


def heated(frame: pl.DataFrame) -> pl.DataFrame:
    """Distinct readable recipes that state a condition."""
    keys = ["doi", "target_key", "route", "precursor_set", *CONDITIONS]
    return frame.filter(pl.col("ok") & heating.stated()).unique(keys, maintain_order=True, keep="first")


def held_out(frame: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Train and test rows without a common paper or target; no test target has FREQUENT rows or more."""
    rare = frame.select(pl.len().over("target_key")).to_series().to_numpy() < FREQUENT
    drawn = np.array([splits.bucket(k, seed) for k in frame["target_key"]])
    test = rare & (drawn < SHARE)
    names = np.array(splits.papers(frame), dtype=object)
    seen = set(names[test])
    train = ~test & np.array([n not in seen for n in names], dtype=bool)
    return frame.filter(pl.Series(train)), frame.filter(pl.Series(test))


def _row(figure: str, better: str, model: str, value: Any, n: int) -> Row:
    return {"figure": figure, "better": better, "model": model, "value": float(value), "n": n}


def _conditions(frame: pl.DataFrame, seed: int) -> Iterator[Row]:
    known = heated(frame)
    split = next(iter(splits.folds(known, count=1, seed=seed, share=SHARE, by_paper=True)), None)
    if split is None:
        return
    train, test = (known[rows.tolist()] for rows in split)
    encoder = features.fit(train["precursor_set"].to_list())
    Z, X = heat_features.matrix(encoder, train), heat_features.matrix(encoder, test)
    width = heat_features.width(encoder)
    model = heating.fit(Z, train, precursors=width, seed=seed)
    at = np.array([fractions(parse(t)) for t in train["target"].to_list()], dtype=np.float32)
    others = _medians(model, Z, train, X, seed)
    dry = (test["route"] == ROUTES[0]).fill_null(False).to_numpy()
    for told, rows in (("", np.arange(test.height)), (f" of {ROUTES[0]} recipes", np.flatnonzero(dry))):
        if not len(rows):
            continue
        part = test[rows.tolist()]
        scores = heat_scores.points(model, train, at, X[rows], part, seed)
        for c, found in scores.items():
            if found["n"] and f"constant_mae{_unit(c)}" in found:
                answers = {k: _error(c, part, v[rows]) for k, v in others[c].items()}
                yield from _pointed(f"{c}{told}", c, found, answers)
    yield from _joints(model, (Z, train), (X, test), width, seed)


def _pointed(told: str, c: str, found: dict[str, Any], others: dict[str, float]) -> Iterator[Row]:
    """Errors of every model, and coverage of the intervals."""
    named = {"constant": "constant", "chemsys": "median of the chemical system", "knn": "nearest neighbours"}
    figure, n = f"{told}, mean absolute error{' (decades)' if _unit(c) else ''}", found["n"]
    errors = {name: found[f"{k}_mae{_unit(c)}"] for k, name in named.items()} | others
    yield from (_row(figure, "low", k, v, n) for k, v in (errors | {OURS: found[f"mae{_unit(c)}"]}).items())
    yield _row(f"{told}, coverage of 80 %", "80 %", OURS, found["coverage_80"], n)
    if found["coverage_80_new_systems"] is not None:
        yield _row(f"{told}, coverage of 80 %, new chemical systems", "80 %", OURS, found["coverage_80_new_systems"], n)


def _unit(c: str) -> str:
    return "_log10" if c.endswith("_h") else ""


def _error(c: str, test: pl.DataFrame, answers: Floats) -> float:
    y = beliefs.values(test)[c]
    gap = np.abs(np.log10(answers / y)) if c.endswith("_h") else np.abs(answers - y)
    return float(np.nanmean(gap))


def _medians(
    model: heating.Heating, Z: Singles, train: pl.DataFrame, X: Singles, seed: int
) -> dict[str, dict[str, Floats]]:
    """Answers of plain LightGBM, and of forests and network alone, by condition."""
    import lightgbm

    out: dict[str, dict[str, Floats]] = {c: {} for c in CONDITIONS}
    weight = splits.paper_weights(splits.papers(train))
    for c, y in beliefs.values(train).items():
        rows = np.flatnonzero(~np.isnan(y))
        if len(rows):
            goal = np.log(y[rows]) if c.endswith("_h") else y[rows]
            data = lightgbm.Dataset(Z[rows], goal, weight=weight[rows], params={"verbosity": -1})
            found = lightgbm.train({**PLAIN, "objective": "regression_l1", "seed": seed}, data, ROUNDS).predict(X)
            out[c]["plain LightGBM"] = np.exp(found) if c.endswith("_h") else np.asarray(found)
    parts: dict[str, list[list[Floats]]] = {c: [] for c in CONDITIONS}
    for i in range(0, len(X), heating.CHUNK):
        for c, believed in model.beliefs.read(X[i : i + heating.CHUNK]).single.items():
            parts[c].append([model.beliefs.atoms[c].quantile(p, 0.5) for p in believed])
    for c, made in parts.items():
        for name, answers in zip(
            ("random forest", "extremely random trees", "network"), zip(*made, strict=True), strict=False
        ):
            out[c][name] = np.concatenate(answers)
    return out


def _joints(
    model: heating.Heating,
    learned: tuple[Singles, pl.DataFrame],
    asked: tuple[Singles, pl.DataFrame],
    width: int,
    seed: int,
) -> Iterator[Row]:
    """Likelihood of sintering temperature and time, and how often the middle 80 % hold the temperature."""
    heat, time = (beliefs.values(asked[1])[c] for c in STEPS[0])
    rows = np.flatnonzero(~np.isnan(heat) & ~np.isnan(time))[:PAIRS]
    if STEPS[0][0] not in model.joints or not len(rows):
        return
    X, heat, time = asked[0][rows], heat[rows], time[rows]
    found = beliefs.values(learned[1])
    pairs, weight = [(found[h], found[t]) for h, t in STEPS], splits.paper_weights(splits.papers(learned[1]))
    made: dict[str, Any] = {
        name: generators.fit(kind, learned[0], pairs, weight, precursors=width, seed=seed)
        for kind, name in (("mdn", "mixture density network"), ("cvae", "autoencoder, learned noise"))
    }
    made["autoencoder as published"] = published.fit(learned[0], pairs, weight, precursors=width, seed=seed)
    likely: dict[str, list[Floats]] = {}
    for i in range(0, len(X), heating.CHUNK):
        part = X[i : i + heating.CHUNK]
        reading, joint = model.beliefs.read(part), model.joints[STEPS[0][0]]
        each = joint.parts(reading, len(part))
        named = {"all papers": each["all papers"], "forest kernels": each["forest, near"]}
        named |= {"network": each["network"]} if "network" in each else {}
        named |= {k: g.joints(part)[:, 0] for k, g in made.items()} | {OURS: joint.probabilities(reading, len(part))}
        for k, p in named.items():
            likely.setdefault(k, []).append(_looked(p, heat[i : i + len(part)], time[i : i + len(part)]))
    for k, v in likely.items():
        nll, inside = np.concatenate(v).mean(axis=0)
        yield _row("sintering temperature and time, negative log-likelihood", "low", k, nll, len(X))
        yield _row("sintering temperature, samples within 80 %", "80 %", k, inside, len(X))


def _looked(p: Floats, heat: Floats, time: Floats) -> Floats:
    """Negative log-likelihood, with a hundredth of the uniform mixed in, and whether the middle part holds the heat."""
    mixed = 0.99 * p + 0.01 / (TEMPERATURES * TIMES)
    nll = -np.log(mixed[np.arange(len(p)), place(heat, hours=False), place(time, hours=True)])
    at = HEATING_K[0] + BIN_K * (np.arange(TEMPERATURES) + 0.5)
    deep = conditions.depth(at, p.sum(axis=2), at[place(heat, hours=False)])
    return np.column_stack([nll, deep <= conditions.LEVEL])


def _routes(frame: pl.DataFrame, seed: int) -> Iterator[Row]:
    train, test = held_out(frame.filter(pl.col("route").is_not_null()), seed)
    if not train.height or not test.height:
        return
    model = routes.fit(train, seed=seed)
    for told, part in (("", test), (" from the target alone", planning.without_precursors(test))):
        seen = train if not told else planning.without_precursors(train)
        y = np.array([ROUTES.index(r) for r in part["route"]], dtype=np.int64)
        answers = {
            "constant": np.tile(model.prior, (part.height, 1)),
            "nearest neighbours": _neighbours(seen, part),
            "plain LightGBM": _trees(seen, part, seed),
            OURS: model.probabilities(part),
        }
        for name, p in answers.items():
            scores = planning.route_scores(p, y)
            for key, figure, better in (
                ("macro_f1_3_routes", "macro-F1 of three routes", "high"),
                ("macro_f1", "macro-F1 of four routes", "high"),
                ("log_loss", "log-loss of four routes", "low"),
                ("ece", "calibration error of four routes", "low"),
            ):
                yield _row(f"{figure}{told}", better, name, scores[key], part.height)


def _neighbours(train: pl.DataFrame, test: pl.DataFrame) -> Floats:
    """Shares of the routes among the nearest compositions, one vote for all of them together from each route."""
    at, asked = (
        np.array([fractions(parse(t)) for t in f["target"].to_list()], dtype=np.float32) for f in (train, test)
    )
    y = np.array([ROUTES.index(r) for r in train["route"]], dtype=np.int64)
    one, out = np.eye(len(ROUTES))[y], np.empty((len(asked), len(ROUTES)))
    squares, k = (at**2).sum(axis=1), min(heat_scores.NEIGHBOURS, len(at))
    prior = one.mean(axis=0)
    for i in range(0, len(asked), 500):
        gaps = squares[None, :] - 2 * asked[i : i + 500] @ at.T
        out[i : i + 500] = (one[np.argpartition(gaps, k - 1, axis=1)[:, :k]].sum(axis=1) + prior) / (k + 1)
    return out


def _trees(train: pl.DataFrame, test: pl.DataFrame, seed: int) -> Floats:
    import lightgbm

    given = train["precursor_set"].null_count() < train.height
    encoder = features.fit(train["precursor_set"].to_list()) if given else None

    def described(frame: pl.DataFrame) -> Singles:
        target = route_features.target(frame["target"].to_list())
        if encoder is None:
            return target
        sets, names = frame["precursor_set"].to_list(), frame["precursors"].to_list()
        return np.hstack([target, features.precursor_matrix(encoder, sets, names)])

    y: Ints = np.array([ROUTES.index(r) for r in train["route"]], dtype=np.int64)
    data = lightgbm.Dataset(described(train), y.astype(float), params={"verbosity": -1})
    settings = {**PLAIN, "objective": "multiclass", "num_class": len(ROUTES), "seed": seed}
    return np.asarray(lightgbm.train(settings, data, ROUNDS // 2).predict(described(test)), dtype=np.float64)


def _sets(frame: pl.DataFrame, seed: int) -> Iterator[Row]:
    train, test = held_out(frame, seed)
    if not train.height:
        return
    found: dict[str, Any] = planning.sets(precursors.fit(train, seed=seed), test, seed, TARGETS)
    if not found["n"]:
        return
    for name, scores in (("element-wise neighbours", found["neighbours_only"]), (OURS, found)):
        for k in (1, 5):
            yield _row(f"precursor set among the first {k}", "high", name, scores[f"top_{k}"], found["n"])
