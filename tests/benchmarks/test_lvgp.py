"""How good surrogates over mixed variables are: draws, coverage, many rows, engineering functions, maps of levels.

No setting was chosen on the rows or seeds that are scored here, but for the number of dimensions and the start of
`lvgp-svi`, chosen on 800 of its 4,000 training rows. The prior of the noise was chosen on replicates of the engineering
functions with seeds 1000 to 1002. Seconds are of one core.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from scipy.stats import norm, spearmanr

from etl import reference
from models.lvgp import exact
from models.lvgp import model as lvgp
from models.lvgp.encoding import Encoding, of_frame
from models.lvgp.exact import LVGP
from models.lvgp.frames import rows_of
from models.lvgp.inference import Data, Ensemble, mode
from models.lvgp.interface import Surrogate
from models.lvgp.kinds import Kind
from schemas.arrays import Floats
from tests.benchmarks.datasets import data_set
from tests.benchmarks.engineering import CASES

M2AX = ("M", "A", "X")
ENERGY = "Formation energy [eV/atom]"
REPLICATES = 30
SEEDS = range(3)
SVI, RADIUS, CHARGE = 0.75, 0.55, 1.5  # measured: 0.324 against 0.476 eV/atom, which is 0.68, 0.70 and 2.04
# Error over spread, at most. Measured on 30 replicates: 0.049, 0.031, 0.193; one-hot 0.143, 0.089, 0.287; Hamming
# 0.141, 0.134, 0.303.
ENGINEERING = [("borehole", 0.08), ("circuit", 0.05), ("piston", 0.27)]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def encoded(table: pl.DataFrame, variables: tuple[str, ...]) -> Encoding:
    return of_frame(table, inputs=variables, categorical=variables)


def perovskites() -> pl.DataFrame:
    return pl.read_csv(data_set("bo/abo3_emery_wolverton_5329.csv"), null_values=["-", "element not in BV"])


def test_chains_for_fifty_rows_agree_within_a_minute() -> None:
    table = reference.max_phases()
    at = np.random.default_rng(0).permutation(table.height)[:50].tolist()
    start = time.process_time()
    model = lvgp.fit(table[at], table["shear_GPa"].to_numpy()[at], encoding=encoded(table, M2AX), kind="lvgp-bayes")
    spent = time.process_time() - start
    assert isinstance(model, LVGP)
    assert model.diagnosis is not None
    print(f"R-hat {model.diagnosis.r_hat:.3f}, {model.diagnosis.effective:.0f} effective draws, {spent:.0f} s")
    assert model.diagnosis.enough
    assert spent < 60  # measured: R-hat 1.027, 441 draws, 15 s


def scored(model: Surrogate, rows: pl.DataFrame, y: Floats) -> tuple[Floats, Floats]:
    """Negative log density of the outputs as measured, and whether they lie in the middle 95 %, n each."""
    means, deviations = model.members(rows, noisy=True)
    place = norm.cdf(y, means, deviations).mean(axis=0)
    return -np.log(norm.pdf(y, means, deviations).mean(axis=0)), (place > 0.025) & (place < 0.975)


def point(model: LVGP) -> LVGP:
    """The same process with the one parameter set that is likeliest."""
    center, scale = float(model.outputs.mean()), float(model.outputs.std())
    rows = rows_of(model.rows, model.encoding)
    data = Data(model.space, rows, ((model.outputs - center) / scale)[:, None], model.known)
    best = mode(data)
    return replace(model, kind="lvgp", ensemble=Ensemble(best, best, torch.zeros(1)))


@pytest.mark.parametrize(
    ("table", "variables", "objective"),
    [("max_phases", M2AX, "shear_GPa"), ("perovskites_270", ("A", "B"), "stability_eV_atom")],
)
def test_draws_cover_and_say_more_than_a_point_estimate(table: str, variables: tuple[str, ...], objective: str) -> None:
    rows = reference.recorded()[table].filter(pl.col(objective).is_not_null())
    y, encoding = rows[objective].to_numpy(), encoded(rows, variables)
    found: dict[str, list[Floats]] = {"draws": [], "ensemble": [], "point": []}
    unseen = []
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(rows.height)
        train, test = rows[order[:40].tolist()], rows[order[40:].tolist()]
        unseen.append(np.any([~test[v].is_in(train[v].implode()).to_numpy() for v in variables], axis=0))
        models = {"draws": lvgp.fit(train, y[order[:40]], encoding=encoding, kind="lvgp-bayes", seed=seed)}
        models["ensemble"] = lvgp.fit(train, y[order[:40]], encoding=encoding, seed=seed)
        models["point"] = point(models["draws"])  # type: ignore[arg-type]
        for name, model in models.items():
            found[name].append(np.stack(scored(model, test, y[order[40:]])))
    new = np.concatenate(unseen)
    told = {name: np.concatenate(parts, axis=1) for name, parts in found.items()}
    for name, (nlpd, inside) in told.items():
        print(f"{objective}, {name}: NLPD {nlpd.mean():.3f}, coverage {inside.mean():.3f}")
        if new.any():
            print(f"  {new.sum()} rows of levels never seen: {nlpd[new].mean():.3f}, {inside[new].mean():.3f}")
    assert 0.90 <= told["draws"][1].mean() <= 0.99
    assert told["draws"][0].mean() < told["point"][0].mean()
    assert not new.any() or told["draws"][0][new].mean() < told["point"][0][new].mean()


def test_inducing_points_beat_the_exact_one_hot_process() -> None:
    table = perovskites().filter(pl.col(ENERGY).is_not_null())
    encoding, y = encoded(table, ("A", "B")), table[ENERGY].to_numpy().astype(float)
    order = np.random.default_rng(0).permutation(table.height)
    train, test = order[:4000], order[4000:]
    few = train[:1000]  # its four parameters are found on these, and all rows are conditioned on
    onehot = lvgp.fit(table[few.tolist()], y[few], encoding=encoding, kind="onehot", members=1)
    assert isinstance(onehot, LVGP)
    rows = lvgp.inputs(encoding, table[train.tolist()])
    onehot = replace(onehot, rows=rows, outputs=torch.tensor(y[train]), known=torch.zeros(4000, dtype=torch.float64))
    start = time.process_time()
    sparse = lvgp.fit(table[train.tolist()], y[train], encoding=encoding, kind="lvgp-svi")
    spent = time.process_time() - start
    errors = [np.sqrt(np.mean((m.predict(table[test.tolist()])[0] - y[test]) ** 2)) for m in (sparse, onehot)]
    print(f"ABO3 formation energy: {errors[0]:.3f} eV/atom in {spent:.0f} s, exact one-hot {errors[1]:.3f}")
    assert errors[0] <= SVI * errors[1]
    assert spent < 120


@pytest.mark.parametrize(("name", "most"), ENGINEERING)
def test_engineering_functions_are_learned_better_than_by_onehot_and_hamming(name: str, most: float) -> None:
    case = CASES[name]
    levels = tuple(f"t{k:02d}" for k in range(len(case.levels)))
    encoding = Encoding({"t": levels}, {k: (float(low), float(high)) for k, (low, high) in case.ranges.items()})
    test, y = (part[:1000] for part in case.design(64, seed=456))
    kinds: tuple[Kind, ...] = ("lvgp", "onehot", "hamming")
    errors: dict[str, list[float]] = {kind: [] for kind in kinds}
    for seed in range(REPLICATES):
        rows, told = case.design(4, seed=2000 + seed)
        for kind in kinds:
            mean = lvgp.fit(rows, told, encoding=encoding, kind=kind, seed=seed, members=8).predict(test)[0]
            errors[kind].append(float(np.sqrt(np.mean((mean - y) ** 2) / y.var())))
    for kind, found in errors.items():
        low, high = np.quantile(found, [0.1, 0.9])
        print(f"{name}, {len(told)} rows, {kind}: RRMSE {np.mean(found):.4f} ({low:.4f} to {high:.4f} in 80 %)")
    for kind in ("onehot", "hamming"):
        change = np.subtract(errors["lvgp"], errors[kind])
        assert change.mean() + 2 * change.std(ddof=1) / np.sqrt(REPLICATES) < 0
    assert np.mean(errors["lvgp"]) <= most


def test_sites_are_placed_by_radius_and_charge() -> None:
    table = perovskites().join(reference.perovskites_270().select("A", "B"), on=["A", "B"])
    radii = dict(table.select("A", "Radius A [ang]").unique().iter_rows())
    two = {"Mg", "Ca", "Sr", "Ba", "Eu", "Yb"}
    found = {}
    for output in (ENERGY, "Volume per atom [A^3/atom]"):
        rows = table.filter(pl.col(output).is_not_null())
        model = lvgp.fit(
            rows, rows[output].to_numpy().astype(float), encoding=encoded(rows, ("A", "B")), members=2, steps=5
        )
        places = model.latent_positions().filter(pl.col("variable") == "A")
        points = places.select("z1", "z2").to_numpy()
        radius = np.array([float(radii[level]) for level in places["level"]])
        charge = np.array([level in two for level in places["level"]])
        axis = np.linalg.svd(points - points.mean(axis=0))[2][0]
        apart = np.linalg.norm(points[:, None] - points[None], axis=-1)
        same = charge[:, None] == charge[None]
        ratio = apart[~same].mean() / apart[same & ~np.eye(len(same), dtype=bool)].mean()
        order = abs(spearmanr(points @ axis, radius).statistic)
        found[output] = order, ratio
        print(f"{output}: Spearman of the first axis and the radius {order:.2f}, other charge / same {ratio:.2f}")
    assert found["Volume per atom [A^3/atom]"][0] > RADIUS
    assert found[ENERGY][1] > CHARGE


def missed(models: Sequence[Surrogate], rows: pl.DataFrame, outputs: Floats) -> list[float]:
    """Error of each output in units of its spread."""
    pairs = zip(models, outputs.T, strict=True)
    return [float(np.sqrt(np.mean((m.predict(rows)[0] - y) ** 2)) / y.std()) for m, y in pairs]


def test_outputs_together_or_alone_on_elastic_moduli() -> None:
    """Hardly a gain for predictions with places shared: bulk the same, shear and Young's modulus a little better."""
    table, names = reference.max_phases(), ["bulk_GPa", "shear_GPa", "young_GPa"]
    outputs, encoding = table.select(names).to_numpy().astype(float), encoded(table, M2AX)
    changes = []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(table.height)
        rows, test = table[order[:60].tolist()], table[order[60:].tolist()]
        both = exact.fit_together(rows, outputs[order[:60]], encoding=encoding, seed=seed)
        alone = [lvgp.fit(rows, y, encoding=encoding, seed=seed) for y in outputs[order[:60]].T]
        errors = [missed(models, test, outputs[order[60:]]) for models in (both, alone)]
        changes.append(np.subtract(*errors))
    told = dict(zip(names, np.mean(changes, axis=0).round(3).tolist(), strict=True))
    print(f"change of the error, in standard deviations, when fitted together: {told}")
    assert np.abs(np.mean(changes, axis=0)).max() < 0.06  # measured: 0.009, -0.020, -0.018
