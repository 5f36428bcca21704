"""The code of the documentation runs as it stands, and does what it says."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from etl import reference
from models.design import campaigns, candidates, pareto
from schemas import problem as problems

PAGE = (Path(__file__).parents[2] / "docs" / "design.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_page_on_design_goes_from_a_table_to_a_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    (problem,), (code,) = blocks("yaml"), blocks("python")
    assert sum(not line.startswith(("import", "from")) for line in code.split("\n") if line) <= 15
    Path("problem.yaml").write_text(problem)
    levels = [re.search(rf"name: {v}, levels: \[(.*?)\]", problem) for v in "AB"]
    table = reference.perovskites_270().select("A", "B", "gap_eV", "stability_eV_atom")
    for column, found in zip("AB", levels, strict=True):
        assert found
        table = table.filter(pl.col(column).is_in(found.group(1).split(", ")))
    table.write_csv("table.csv")
    first = campaigns.first(asked := problems.parse(problem, where="page"), candidates(asked), n=12, kind="space")
    table.join(first, on=["A", "B"], how="semi").write_csv("measured.csv")
    made: dict[str, Any] = {}
    exec(code, made)
    assert made["measured"].height == 28
    assert made["measured"].select("A", "B").is_duplicated().sum() == 0
    front, known = made["front"], table.drop_nulls()
    best = known.filter(pareto.nondominated(known.select("gap_eV", -pl.col("stability_eV_atom")).to_numpy()))
    assert front.join(best, on=["A", "B"], how="semi").height >= 2, "most of the true front is found"
    assert best.height <= 6
