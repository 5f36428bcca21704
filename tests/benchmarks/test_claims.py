"""Measured claims as ratios on this machine; `make bench` prints them. Not part of `make test`."""

import time
from collections.abc import Callable

import polars as pl
import pytest

from etl import reference
from etl.features.composition import composition
from etl.sources import folder
from etl.structures.candidates import candidates
from etl.text.extract import extract
from etl.text.select import select
from models.design import goals, simulation


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_magpie_is_many_times_quicker_than_matminer() -> None:
    from matminer.featurizers.composition import ElementProperty
    from pymatgen.core import Composition

    formulas = candidates()["formula"].gather_every(4).to_list()
    featurizer = ElementProperty.from_preset("magpie", impute_nan=False)
    few = [Composition(f) for f in formulas[:200]]
    composition(pl.DataFrame({"formula": formulas[:10]}))  # tables are read once
    featurizer.featurize(few[0])
    ours = seconds(lambda: composition(pl.DataFrame({"formula": formulas}))) / len(formulas)
    theirs = seconds(lambda: [featurizer.featurize(c) for c in few]) / len(few)
    print(f"magpie: {theirs / ours:.0f} times the speed of matminer, {1 / ours:,.0f} formulas a CPU second")
    assert theirs / ours > 20


def test_extraction_keeps_up_with_a_harvest() -> None:
    docs = pl.concat([folder.parse(d, where=n).documents for n, d in reference.demo_corpus().items()])
    extract(docs.head(2))
    select(docs.head(2))
    read, chosen = (docs.height / seconds(lambda work=work: work(docs)) for work in (extract, select))
    print(f"extraction: {read:,.0f} documents a CPU second; selection: {chosen:,.0f}")
    assert read > 50  # the demonstration's documents are richer than usual abstracts


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize(
    ("name", "objectives"),
    [
        ("perovskites_270", "max:gap_eV,min:stability_eV_atom"),
        ("max_phases", "max:bulk_GPa,min:shear_GPa"),
    ],
)
def test_the_surrogate_finds_more_of_the_front_than_chance(name: str, objectives: str, batch: int) -> None:
    table = reference.recorded()[name]
    variables = tuple(c for c in ("M", "A", "B", "X") if c in table.columns)
    found = {}
    for strategy in ("lvgp", "hamming", "random"):
        plan = simulation.Plan(variables=variables, wanted=goals.objectives(objectives), batch=batch, strategy=strategy)
        trace = simulation.simulate(table, plan, seeds=range(5), workers=2)
        found[strategy] = simulation.summarise(trace, plan, table)
        shown = {k: found[strategy][k] for k in ("reached", "median_front_fraction", "median_hypervolume_fraction")}
        print(f"{name}, batches of {batch}, {strategy}: {shown}, {found[strategy]['total_s'] / 5:.1f} s a seed")
    assert found["lvgp"]["median_front_fraction"] > found["random"]["median_front_fraction"]
