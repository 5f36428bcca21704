"""How soon closed loops reach what is best: 60 seeds (fronts: 20), 12 initial evaluations, one proposal at a time.

Same initial designs and seeds for every strategy, all seeds counted. "Evaluations" are those after the initial design,
60 at most, 100 of the 2,200 donors and acceptors, as many as there are for the fronts of MAX phases. Priors and
acquisition were chosen on sub-tables of other ABO3 compounds and on seeds from 100 on.

That outcomes share the places of levels was chosen on seeds from 100 on: mean evaluations with outcomes alone, with all
parameters shared and with the places shared 39.0, 27.9 and 32.4 on the first front of MAX phases (20 seeds, errors 2 to
3), 34.2, 34.3 and 36.0 on that of ABO3 (33 to 40 seeds, errors 2), found within 60 by 32 of 33, 34 of 40 and 37 of 40.
Sharing all costs the tail, so places alone are shared. Before that the seeds here were looked at with all parameters
shared, 14 on the front of ABO3 (10 within 60) and 20 on the first of MAX phases (median 32), and with outcomes alone.
More draws and predictions without noise gained nothing.

The rule for initial designs was written after a look at the gap and the front of ABO3 on the seeds here; the designs it
chooses from were compared on seeds from 100 on. Means over 20 to 36 such seeds with levels evenly used, the same far
apart in descriptors, points far apart in descriptors whatever their levels, and informative points: gap of ABO3 28.8,
20.9, 15.6 and 22.6; its stability 26.4, 25.1, 30.9 and 28.0; shear modulus of M2AX, where each level can be tried,
18.3, 22.9, 27.6 and 15.8. Standard errors are 2 to 5: only the third on the gap differs for sure.

The seeds here were looked at twice, before and after the prior of the noise was narrowed; eight of them, on the
stability of ABO3, once more with two widths of that prior; all once more with new levels tried; those of the gap of
ABO3 with informative points (median 30, 17 reached); those of ABO3 with the designs that are usual now.

That elements are described by the ions they are, and no longer by the Magpie table, was chosen on seeds from 100 on and
on sub-tables of typical A and B sites; mean evaluations with the one and with the other: gap 8.3 and 23.4, stability
20.9 and 33.4, shear 13.6 and 22.0, Young's 12.3 and 19.0, bulk modulus 11.6 and 10.6, front of ABO3 37.4 and 34.3,
sub-tables' gap 26.6 and 39.6, stability 48.9 and 49.2 (7 to 20 seeds, errors 2 to 9). With ions in the design and the
Magpie table in the model: gap 6.7, stability 17.7, front 34.4. No gain by outputs warped below their median or to
normal scores, noise of twice the prior variance, cold fits each time, the chance to be the optimum alone, no turns for
new levels. Then the seeds here were looked at once with ions, and, as the front of ABO3 came later than before, once
with the Magpie table in the model (gap: median 13, 20 reached; stability 38.5, 17; front, 15 seeds, 32, 13 within 60 in
all): the front sooner, the optima later, so the choice was kept.

Seeds from 20 to 59 were added when the choices were made, and chose nothing: twenty loops had told more than was there.
Tried after that on seeds from 100 on and on random tables of other ABO3 compounds, and not taken: one more factor over
the sum of what descriptors of all variables map to, which knows of charge balance and of electron counts. Its errors of
prediction are .93 to .98 of those without (seven properties, 20 and 40 rows), moduli come sooner (gains 4.5 +- 2.5, 3.6
+- 1.3 and 1.6 +- 1.0), but stability later (-6.7 +- 3.1), and so do the fronts of ABO3 (-10.2 +- 3.3 with maps of each
outcome's own, -15.3 +- 4.4 shared) and of MAX phases (-14.3 +- 6.6). Every second turn for rows of known levels alone,
while most levels are unknown: overlap 6.5 +- 4.2 sooner (40 seeds), the gap in tables of 50 A 6.6 +- 4.1 later (10);
every fourth turn: 0.4 +- 3.6 later, 5.4 +- 9.8 later; the same turns with more rows in sight: overlap 7.6 +- 4.7 sooner
(40), the gap in tables of 50 A 12.7 +- 13.3 later (10), the stability there 12.5 +- 13.2 sooner (12). Descriptors with
a larger share of the places of levels, a logit of 3.5 +- 1: gap 1.3, shear 0.8, Young's 1.5, stability 0.2 sooner, bulk
0.6 and hybrid 0.5 later (40 new seeds, errors 1), the front of ABO3 5.2 +- 3.4 later (12); levels twice as wide apart
beside: stability 5.5 +- 2.9 later. Errors of prediction fall by 2 to 8 % on overlap: too little to be seen in loops.

Then outputs were standardised in double precision instead of single, and the seeds here run once more: rounding alone
sends half of all loops another way.
"""

import resource
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context

import numpy as np
import polars as pl
import pytest
import torch

from etl import reference
from models.design import goals, initial, proposal, simulation
from models.lvgp import model as lvgp
from models.lvgp.encoding import Encoding, of_frame
from schemas.arrays import Floats
from tests.benchmarks.datasets import data_set

M2AX, ABO3 = ("M", "A", "X"), ("A", "B")
OURS, BOTORCH = "lvgp-descriptor", "MixedSingleTaskGP and LogEI"


@dataclass(frozen=True)
class Problem:
    """What is looked for in a table of all candidates.

    Attributes:
        source: a table that ships with the project, or the name of a file of a data set with its descriptors.
        variables: columns that are chosen.
        objectives: as the command line takes them.
        most: evaluations after the initial ones at which a loop gives up.
        seeds: how many loops.
    """

    source: str
    variables: tuple[str, ...]
    objectives: str
    most: int = 60
    seeds: int = 60

    @property
    def table(self) -> pl.DataFrame:
        shipped = reference.recorded()
        return shipped[self.source] if self.source in shipped else pl.read_csv(data_set(f"{self.source}.csv"))

    @property
    def descriptors(self) -> pl.DataFrame | None:
        if self.source in reference.recorded():
            return None
        return pl.read_csv(data_set(f"{self.source}_descriptors.csv"))


SINGLE = {
    "gap": Problem("perovskites_270", ABO3, "max:gap_eV"),
    "stability": Problem("perovskites_270", ABO3, "min:stability_eV_atom"),
    "shear": Problem("max_phases", M2AX, "max:shear_GPa"),
    "young": Problem("max_phases", M2AX, "max:young_GPa"),
    "bulk": Problem("max_phases", M2AX, "max:bulk_GPa"),
    "hybrid": Problem("bo/hoip_gap_192", ("organic", "cation", "anion"), "min:hse_gap"),
    "overlap": Problem("bo/opv_overlap_2200", ("DB_block", "A_block"), "max:spectral_overlap", most=100),
}
PAIRS = {
    "perovskites": Problem("perovskites_270", ABO3, "max:gap_eV,min:stability_eV_atom", seeds=20),
    "stiff": Problem("max_phases", M2AX, "max:bulk_GPa,min:shear_GPa", most=211, seeds=20),
    "soft": Problem("max_phases", M2AX, "min:bulk_GPa,max:shear_GPa", most=211, seeds=20),
}
PROBLEMS = SINGLE | PAIRS


@cache
def evaluations(name: str, strategy: str) -> Floats:
    """Evaluations after the initial design until the goal, one a seed; one more than the most where these do not do."""
    problem = PROBLEMS[name]
    if strategy == BOTORCH:
        # spawn, as in `simulation.simulate`; what it sets of warnings and threads stays in the children
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            counts = list(pool.map(partial(of_botorch, problem), range(problem.seeds)))
        found = np.array(counts, dtype=np.float64)
    else:
        found = simulated(problem, strategy)
    middle = f"median {np.median(found)}, 90th percentile {np.sort(found)[int(0.9 * len(found)) - 1]}"
    reached = f"reached {(found <= problem.most).sum()} of {len(found)}"
    print(f"{name}, {strategy}: {middle}, {reached}, mean {found.mean():.1f}, all {found.astype(int).tolist()}")
    return found


def simulated(problem: Problem, strategy: str) -> Floats:
    """The same with a strategy of ours."""
    plan = simulation.Plan(
        variables=problem.variables,
        wanted=goals.objectives(problem.objectives),
        budget=12 + problem.most,
        strategy=strategy,
        stop=True,
    )
    seeds = range(problem.seeds)
    trace = simulation.simulate(problem.table, plan, seeds=seeds, workers=2, descriptors=problem.descriptors)
    numbered = trace.with_columns(number=pl.int_range(1, pl.len() + 1).over("seed") - 12)
    goal = numbered.filter(pl.col("front_fraction") >= 1 - 1e-12)
    reached = dict(goal.group_by("seed").agg(pl.min("number")).iter_rows())
    return np.array([max(reached.get(seed, problem.most + 1), 0) for seed in seeds], dtype=np.float64)


def gained(name: str, other: str) -> Floats:
    """How many evaluations ours is sooner than another strategy, one a seed."""
    gain: Floats = evaluations(name, other) - evaluations(name, OURS)
    print(f"  {gain.mean():.1f} +- {gain.std(ddof=1) / np.sqrt(len(gain)):.1f} evaluations before {other}")
    return gain


def of_botorch(problem: Problem, seed: int) -> int:
    """The same with MixedSingleTaskGP and LogEI on all open rows."""
    from botorch.acquisition import LogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import MixedSingleTaskGP
    from botorch.models.transforms import Standardize
    from gpytorch.mlls import ExactMarginalLogLikelihood

    warnings.simplefilter("ignore")  # of fits of a dozen rows
    torch.set_num_threads(1)
    table, variables = problem.table, problem.variables
    wanted = goals.objectives(problem.objectives)
    values = table[wanted[0].name].cast(pl.Float64).fill_null(float("nan")).to_numpy() * goals.signs(wanted)[0]
    inputs = torch.from_numpy(of_frame(table, inputs=variables, categorical=variables).encode(table)[0]).double()
    tried = initial(table, n=12, variables=variables, seed=seed, descriptors=problem.descriptors)
    best, chance = int(np.nanargmax(values)), np.random.default_rng(seed)
    for count in range(problem.most + 1):
        if best in tried:
            return count
        known = [i for i in tried if np.isfinite(values[i])]
        told = torch.from_numpy(values[known])[:, None]
        transform = Standardize(m=1)
        model = MixedSingleTaskGP(inputs[known], told, list(range(len(variables))), outcome_transform=transform)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        left = np.setdiff1d(np.arange(len(values)), tried)
        with torch.no_grad():
            gain = LogExpectedImprovement(model, best_f=told.max())(inputs[left][:, None]).numpy()
        tried.append(int(left[np.lexsort((chance.random(len(gain)), -gain))[0]]))
    return problem.most + 1


# floors of the median and of how many of 60 seeds reach the optimum; measured: 12.5 and 60, 9.5 and 60, 10.5 and 60,
# 8 and 58, 16 and 56; the 90th percentiles 25, 27, 23, 28 and 56
@pytest.mark.parametrize(
    ("name", "median", "reached"),
    [("shear", 15, 57), ("young", 15, 57), ("bulk", 15, 57), ("gap", 15, 52), ("stability", 30, 50)],
)
def test_the_optimum_is_found_soon(name: str, median: float, reached: int) -> None:
    found = evaluations(name, OURS)
    chance = (PROBLEMS[name].table.height - 12) / 2  # the median of drawing rows at random, without replacement
    assert np.median(found) <= median < chance
    assert (found <= PROBLEMS[name].most).sum() >= reached


def test_the_whole_front_of_the_perovskites_is_found_after_the_initial_design_within_60_evaluations() -> None:
    assert (evaluations("perovskites", OURS) <= 60).sum() >= 17  # measured: 18, median 37, 90th percentile 57
    assert (evaluations("perovskites", "random") > 60).all()


@pytest.mark.parametrize("other", ["hamming", "onehot", "gower", "random"])
def test_the_whole_front_of_stiff_max_phases_is_found_in_two_thirds_of_the_evaluations_of(other: str) -> None:
    gained("stiff", other)  # measured: 21.9 +- 3.6, 25.7 +- 4.0, 28.4 +- 3.5, 133.3 +- 7.6; forests 24.9 +- 5.6
    assert evaluations("stiff", OURS).mean() < 0.67 * evaluations("stiff", other).mean()  # 0.62, 0.58, 0.55, 0.20


@pytest.mark.parametrize(("other", "share"), [("hamming", 0.9), ("onehot", 1.0), ("gower", 0.95), ("random", 0.5)])
def test_the_whole_front_of_soft_max_phases_is_found_in_fewer_evaluations_than_by(other: str, share: float) -> None:
    gained("soft", other)  # measured: 28.8 +- 8.2, 8.3 +- 6.7, 16.5 +- 5.6; forests 32.3 +- 4.5
    assert evaluations("soft", OURS).mean() < share * evaluations("soft", other).mean()  # 0.77, 0.92, 0.85, 0.47


@pytest.mark.parametrize("other", ["hamming", "onehot", "random"])
def test_the_smallest_gap_of_hybrid_perovskites_is_found_sooner_than_by(other: str) -> None:
    gain = gained("hybrid", other)  # measured: 1.7 +- 0.7, 1.1 +- 0.7, 35.5 +- 2.8
    assert gain.mean() > 0
    assert np.median(evaluations("hybrid", OURS)) <= 10  # measured: 6


def test_among_many_levels_the_largest_overlap_is_found_much_sooner_than_by_chance() -> None:
    """By 7.9 +- 4.8 before `hamming`; `onehot` is sooner by 4.7 +- 5.5 in the mean, and 8.5 later in the median.

    Where the initial design tries the best of 100 levels beside a poor partner, it comes last of all: 12 of 60 loops.
    With outputs standardised in single precision these were 0.0 +- 5.3, 12.6 +- 5.8, 9 and 16: that much is chance.
    """
    for other in ("hamming", "onehot"):
        gained("overlap", other)
    assert gained("overlap", "random").mean() > 20  # measured: 50.8 +- 6.3
    assert np.median(evaluations("overlap", OURS)) <= 30  # measured: 11.5, 48 of 60 reached


def test_over_all_problems_mixed_single_task_models_of_botorch_need_more_evaluations() -> None:
    shares = {n: evaluations(n, OURS).mean() / evaluations(n, BOTORCH).mean() for n in SINGLE}
    mean = float(np.exp(np.log(list(shares.values())).mean()))
    print(f"of the mean evaluations of {BOTORCH}: {mean:.2f}; " + ", ".join(f"{n} {s:.2f}" for n, s in shares.items()))
    assert mean <= 0.85  # measured: 0.80; 0.50 1.03 0.68 0.59 0.71 1.12 1.21


def test_with_shuffled_values_nothing_beats_chance() -> None:
    table = reference.max_phases().with_columns(pl.col("shear_GPa").shuffle(seed=1))
    wanted = goals.objectives("max:shear_GPa")
    plan = simulation.Plan(variables=M2AX, wanted=wanted, budget=72, strategy=OURS, stop=True)
    trace = simulation.simulate(table, plan, seeds=range(20), workers=2)
    found = simulation.summarise(trace, plan, table)["reached"]
    # 72 of 223 rows: 6.5 of 20 seeds are expected to hit, more than 11 have a probability of 1 %
    assert found <= 11  # measured: 3


def rows(n: int, sizes: tuple[int, ...], chance: np.random.Generator) -> pl.DataFrame:
    return pl.DataFrame(
        {f"v{j}": np.array([f"l{k}" for k in range(s)])[chance.integers(0, s, n)] for j, s in enumerate(sizes)}
    )


@pytest.mark.parametrize(("n", "most"), [(60, 0.5), (500, 15.0)])
def test_an_exact_fit_is_quick(n: int, most: float) -> None:
    chance = np.random.default_rng(0)
    frame, y = rows(n, (8, 6, 5, 4), chance), chance.standard_normal(n)
    encoding = of_frame(frame, inputs=tuple(frame.columns), categorical=tuple(frame.columns))
    torch.set_num_threads(1)
    lvgp.fit(frame[:12], y[:12], encoding=encoding)  # first calls load libraries
    fitted, foreseen = np.inf, np.inf
    for _ in range(3):  # the quickest: what else the machine does only adds
        start = time.process_time()
        model = lvgp.fit(frame, y, encoding=encoding)
        fitted = min(fitted, time.process_time() - start)
        model.predict(rows(270, (8, 6, 5, 4), chance))
        foreseen = min(foreseen, time.process_time() - start)
    print(f"n = {n}: fit {fitted:.2f} s, with 270 predictions {foreseen:.2f} s of one core")
    assert fitted < most  # measured: 0.22 to 0.55, by what else the machine does, and 7.5 to 10


def test_one_proposal_of_a_million_rows() -> None:
    chance = np.random.default_rng(0)
    sizes = (32, 32, 32, 31)
    frame = rows(1_000_000, sizes, chance)
    encoding = Encoding({f"v{j}": tuple(f"l{k}" for k in range(s)) for j, s in enumerate(sizes)}, {})
    tried = np.arange(frame.height) < 60
    values = np.where(tried, chance.standard_normal(frame.height), np.nan)[:, None]
    wanted = goals.objectives("max:y")
    start = time.process_time()
    known = proposal.Known(frame=frame, values=values, tried=tried, encoding=encoding, wanted=wanted)
    found = proposal.propose(known)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"a million rows: {time.process_time() - start:.1f} s of one core, {peak:.1f} GB at most")
    assert found.height == 1
    assert time.process_time() - start < 30
    assert peak < 4
