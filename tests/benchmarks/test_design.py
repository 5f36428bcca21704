"""How soon closed loops reach what is best: 20 seeds, 12 initial evaluations, one proposal at a time.

Same initial designs and seeds for every strategy, all seeds counted. "Evaluations" are those after the initial design,
60 at most. Priors and acquisition were chosen on sub-tables of other ABO3 compounds and on seeds from 100 on; the seeds
here were looked at twice, before and after the prior of the noise was narrowed; eight of
them, on the stability of ABO3, once more with two widths of that prior.
"""

import time

import numpy as np
import polars as pl
import pytest
import torch

from etl import reference
from models.design import proposal, simulation
from models.lvgp import model as lvgp
from models.lvgp.encoding import Encoding, of_frame
from tests.benchmarks.datasets import data_set

SEEDS = range(20)
MOST = 60
M2AX, ABO3 = ("M", "A", "X"), ("A", "B")


def evaluations(
    table: pl.DataFrame,
    variables: tuple[str, ...],
    objectives: str,
    strategy: str,
    descriptors: pl.DataFrame | None = None,
) -> np.ndarray:
    """Evaluations after the initial design until the goal, one a seed; infinite where 60 were not enough."""
    wanted = proposal.objectives(objectives)
    plan = simulation.Plan(variables=variables, wanted=wanted, budget=12 + MOST, strategy=strategy, stop=True)
    trace = simulation.simulate(table, plan, seeds=SEEDS, workers=2, descriptors=descriptors)
    numbered = trace.with_columns(number=pl.int_range(1, pl.len() + 1).over("seed") - 12)
    reached = dict(
        numbered.filter(pl.col("front_fraction") >= 1 - 1e-12).group_by("seed").agg(pl.min("number")).iter_rows()
    )
    found = np.sort([max(reached.get(seed, np.inf), 0) for seed in SEEDS])
    print(
        f"{objectives}, {strategy}: median {np.median(found)}, 90th percentile {found[int(0.9 * len(found)) - 1]},"
        f" reached {np.isfinite(found).sum()} of {len(found)}, {trace['fit_s'].sum() / max(1, len(trace)):.2f} s each"
    )
    return found


SINGLE = [
    # table, objective, floors of the median and of how many of 20 seeds reach the optimum;
    # measured: 13.5 and 20, 13 and 20, 9 and 20, 18 and 19, 30.5 and 18
    ("max_phases", "max:shear_GPa", 15, 19),
    ("max_phases", "max:young_GPa", 15, 19),
    ("max_phases", "max:bulk_GPa", 15, 19),
    ("perovskites_270", "max:gap_eV", 25, 16),
    ("perovskites_270", "min:stability_eV_atom", 40, 15),
]


@pytest.mark.parametrize(("name", "objective", "median", "reached"), SINGLE)
def test_the_optimum_is_found_soon(name: str, objective: str, median: float, reached: int) -> None:
    table = reference.recorded()[name]
    variables = M2AX if name == "max_phases" else ABO3
    found = evaluations(table, variables, objective, "lvgp-descriptor")
    evaluations(table, variables, objective, "hamming")
    chance = (table.height - 12) / 2  # the median of drawing rows at random, without replacement
    assert np.median(found) <= median < chance
    assert np.isfinite(found).sum() >= reached


def test_descriptors_find_the_smallest_gap_of_hybrid_perovskites_first() -> None:
    table = pl.read_csv(data_set("bo/hoip_gap_192.csv"))
    described = pl.read_csv(data_set("bo/hoip_gap_192_descriptors.csv"))
    variables = ("organic", "cation", "anion")
    ours = evaluations(table, variables, "min:hse_gap", "lvgp-descriptor", described)
    theirs = evaluations(table, variables, "min:hse_gap", "hamming")
    assert np.median(ours) < np.median(theirs)  # measured: 5 and 8.5; the means, 8.1 and 8.2, do not differ


def test_with_shuffled_values_nothing_beats_chance() -> None:
    table = reference.max_phases().with_columns(pl.col("shear_GPa").shuffle(seed=1))
    found = evaluations(table, M2AX, "max:shear_GPa", "lvgp-descriptor")
    # 60 of 211 rows: 5.7 of 20 seeds are expected to hit, more than 10 have a probability below 2 %
    assert np.isfinite(found).sum() <= 10  # measured: 3


def rows(n: int, sizes: tuple[int, ...], chance: np.random.Generator) -> pl.DataFrame:
    return pl.DataFrame(
        {f"v{j}": np.array([f"l{k}" for k in range(s)])[chance.integers(0, s, n)] for j, s in enumerate(sizes)}
    )


@pytest.mark.parametrize(("n", "most"), [(60, 0.8), (500, 15.0)])
def test_an_exact_fit_is_quick(n: int, most: float) -> None:
    chance = np.random.default_rng(0)
    frame, y = rows(n, (8, 6, 5, 4), chance), chance.standard_normal(n)
    encoding = of_frame(frame, inputs=tuple(frame.columns), categorical=tuple(frame.columns))
    torch.set_num_threads(1)
    lvgp.fit(frame[:12], y[:12], encoding=encoding)  # first calls load libraries
    start = time.process_time()
    model = lvgp.fit(frame, y, encoding=encoding)
    fitted = time.process_time() - start
    model.predict(rows(270, (8, 6, 5, 4), chance))
    print(f"n = {n}: fit {fitted:.2f} s, with 270 predictions {time.process_time() - start:.2f} s of one core")
    assert fitted < most


def test_one_proposal_of_a_million_rows() -> None:
    chance = np.random.default_rng(0)
    sizes = (32, 32, 32, 31)
    frame = rows(1_000_000, sizes, chance)
    encoding = Encoding({f"v{j}": tuple(f"l{k}" for k in range(s)) for j, s in enumerate(sizes)}, {})
    tried = np.arange(frame.height) < 60
    values = np.where(tried, chance.standard_normal(frame.height), np.nan)[:, None]
    wanted = proposal.objectives("max:y")
    start = time.process_time()
    found = proposal.propose(frame, values=values, tried=tried, encoding=encoding, wanted=wanted)
    print(f"a million rows: {time.process_time() - start:.1f} s of one core")
    assert found.height == 1
    assert time.process_time() - start < 30
