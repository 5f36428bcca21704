"""The site: opens from the file system, says what is missing, trusts no text, is replaced whole."""

import html
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project.lineage import edges
from schemas.emit.polars import empty
from schemas.errors import InputError, MatloomError
from schemas.tables import REGISTRY
from warehouse.catalog import publish
from warehouse.report import build
from warehouse.report.candidates import file_name
from warehouse.report.design import campaigns, chronological, medians_of
from warehouse.report.lineage import graph
from warehouse.report.source import Source
from warehouse.store import Store

HOSTILE = '<script>alert(1)</script> $\\frac \x07 & "q" \''


class Parser(HTMLParser):
    """Collects what the pages refer to, and checks that elements close."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.images_without_text = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        self.links += [v for k in ("href", "src") if (v := found.get(k))]
        self.images_without_text += tag == "img" and not found.get("alt")


def write(store: Store, name: str, rows: list[dict[str, Any]]) -> None:
    result = store.write(name, pl.DataFrame(rows), mode="replace")
    store.record_verdict(name, result.version, passed=True)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    store = Store(tmp_path / "home")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    model = {"model_id": "m1"}
    write(
        store,
        "meta.quality_results",
        [
            {
                "table_name": "pred.screening",
                "table_version": v,
                "check_name": HOSTILE,
                "severity": "warning",
                "passed": v == 0,
            }
            | {"observed": None, "failing_rows": 3, "remedy": "mend", "owner": "me", "checked_at": at}
            for v in (0, 1)
        ],
    )
    write(
        store,
        "pred.explanations",
        [
            {
                **model,
                "features": "composition",
                "explanation_number": i,
                "kind": k,
                "feature_1": f"x{HOSTILE}",
                "feature_2": b,
                "x_1": x,
                "x_2": y,
                "effect": 0.1 * i,
                "class_name": "mit",
                "low": None if x is None else 0.1 * i - 0.05,
                "high": None if x is None else 0.1 * i + 0.05,
                "n": None if x is None else 7,
            }
            for i, (k, b, x, y) in enumerate(
                [
                    ("mean_abs_shap", None, None, None),
                    ("ale", None, 0.0, None),
                    ("ale", None, 1.0, None),
                    ("ale_pair", "b", 0.0, 1.0),
                ]
            )
        ],
    )
    write(
        store,
        "pred.screening",
        [
            {
                **model,
                "formula": f,
                "features": "composition",
                "structure_id": None,
                "p_mit": p,
                "p_metal": 1 - p,
                "p_insulator": 0.0,
                "label": "mit",
                "conformal_set": ["mit"],
            }
            | {"in_domain": True, "domain_distance": 0.1, "inputs_hash": None}
            for f, p in (("VO2", 0.9), ("NaN", 0.25))
        ],
    )
    publish(store.home)
    return store.home


def test_every_page_opens_and_refers_to_files_only(home: Path, tmp_path: Path) -> None:
    site = build(home, tmp_path / "site")
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) == site.pages == 13
    for page in pages:
        parser = Parser()
        parser.feed(page.read_text())
        assert parser.images_without_text == 0
        assert "script" not in parser.tags or page.name == "candidates.html"
        for link in parser.links:
            assert link.startswith(("#", "data:")) or (page.parent / link).is_file(), (page, link)
    quality = (tmp_path / "site" / "quality.html").read_text()
    assert "&lt;script&gt;" in quality
    assert all(word in quality for word in ("mend", "History", "first failed in version"))
    assert '"VO2"' in (tmp_path / "site" / "candidates-data.js").read_text()
    assert '"NaN"' in (tmp_path / "site" / "candidates-data.js").read_text()
    assert site.publication_id in (tmp_path / "site" / "index.html").read_text()


def test_the_funnel_says_what_each_stage_keeps_and_costs(home: Path, tmp_path: Path) -> None:
    rows = [
        {"model_id": "m1", "part": part, "stage_number": i, "stage": stage, "rule": f"{stage} rule", "entered": a}
        | {"kept": b, "unknown": 0, "known_kept": k}
        for part, size in (("all", 1), ("OQMD", 2))
        for i, (stage, a, b, k) in enumerate(
            [("readable", 900 * size, 800 * size, 20), ("in_domain", 800 * size, 40 * size, 17)], start=1
        )
    ]
    store = Store(home)
    write(store, "pred.funnel", rows)
    publish(home)
    build(home, tmp_path / "site")
    page = table_rows((tmp_path / "site" / "screening.html").read_text())
    assert ["in domain", "in_domain rule", "800", "40", "0", "17", "3"] in page
    assert ["OQMD", "1800", "1600", "80", "17 of 20"] in page


def test_scores_stand_beside_those_of_their_protocol_and_the_model_comes_first(home: Path, tmp_path: Path) -> None:
    store = Store(home)
    write(store, "pred.comparisons", comparisons())
    write(store, "pred.ablations", ablations())
    publish(home)
    build(home, tmp_path / "site")
    text = (tmp_path / "site" / "screening.html").read_text()
    assert text.index("random folds</h2>") < text.index("published folds, which are random too</h2>")
    page = table_rows(text)
    assert ["this model", "both", "0.900 (0.850 to 0.950)", "here"] in page
    assert page.index(["this model", "both", "0.900 (0.850 to 0.950)", "here"]) < page.index(
        ["constant", "none", "0.950", "here"]
    )
    assert ["XGBoost", "106 features", "0.888 (0.877 to 0.903)", "10.1021/x"] in page
    assert '<a href="https://doi.org/10.1021/x">' in text
    assert ["random folds", "ten without gii", "0.700 (0.600 to 0.800)", "-0.050 (-0.100 to +0.010)", ""] in page
    assert ["random folds", "ten", "0.750 (0.600 to 0.800)", "–", ""] in page


def comparisons() -> list[dict[str, Any]]:
    told = [
        ("random", "here", "this model", "both", 0.9, 0.85, 0.95, None),
        ("random", "baseline", "constant", "none", 0.95, None, None, None),
        ("published_cv", "published", "XGBoost", "106 features", 0.888, 0.877, 0.903, "10.1021/x"),
    ]
    names = ("protocol", "kind", "name", "features", "value", "low", "high", "doi")
    same = {"model_id": "m1", "held_out": "folds", "statistic": "f1_weighted", "interval": "95 %", "n": 343}
    return [{**dict(zip(names, row, strict=True)), **same, "licence": None} for row in told]


def ablations() -> list[dict[str, Any]]:
    same = {"model_id": "m1", "grouping": "random", "ensemble": "small", "features": "ten", "statistic": "ap"}
    return [
        {**same, "variant": variant, "dropped": dropped, "value": value, "low": 0.6, "high": 0.8, "n": 343}
        | {"change": change, "change_low": low, "change_high": high}
        for variant, dropped, value, change, low, high in (
            ("ten", None, 0.75, 0.0, 0.0, 0.0),
            ("ten without gii", "gii", 0.7, -0.05, -0.1, 0.01),
        )
    ]


def test_families_that_stand_out_name_their_known_transitions(home: Path, tmp_path: Path) -> None:
    rows = [
        {"grouping": "family_tm_anion", "family": family, "model_id": "m1", "compounds": 9, "predicted_mit": hits}
        | {"in_domain_share": 1.0, "mean_p_mit": 0.6, "max_p_mit": 0.9, "best_formula": "VO2", "enrichment": hits / 3}
        | {"known_mit": known, "known_formulas": ["V2O3", "Ti2O3"][:known], "p_value": 1e-12}
        | {"q_value": 1e-12 if rank == 1 else 0.02}
        | {"rank": rank}
        for family, hits, known, rank in (("V|O", 9, 7, 1), ("Mn|O", 6, 0, 2), ("Ti|O", 3, 0, 3), ("Cr|O", 9, 0, None))
    ]
    write(Store(home), "pred.families", rows)
    publish(home)
    build(home, tmp_path / "site")
    text = (tmp_path / "site" / "families.html").read_text()
    best = [row[1] for row in table_rows(text)[:3]]
    assert best[:2] == ["V|O", "Mn|O"]  # Ti|O is not enriched, Cr|O mostly repeats another
    assert table_rows(text)[0][-1] == "7 known: V2O3, Ti2O3 and 5 more"
    assert table_rows(text)[1][-1] == "none known"
    assert [row[6] for row in table_rows(text)[:2]] == ["≤ 1e-12", "0.02"], "smaller ones are not told apart"
    assert '<a href="candidates.html#family=V%7CO">' in text
    assert f'<a href="candidates/{file_name("VO2")}.html">' in text


def table_rows(page: str) -> list[list[str]]:
    """The texts of the cells of all table rows."""
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", page, flags=re.DOTALL)]
    return [[html.unescape(re.sub(r"<[^>]+>", "", c)) for c in row] for row in cells if row]


def test_the_same_state_gives_the_same_bytes(home: Path, tmp_path: Path) -> None:
    def content(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    build(home, tmp_path / "a")
    build(home, tmp_path / "b")
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert any(name.endswith(".svg") for name in content(tmp_path / "a"))


def test_empty_tables_are_said_to_be_empty(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store, name = Store(home), "core.labels"
    store.record_verdict(name, store.write(name, empty(REGISTRY[name])).version, passed=True)
    publish(home)
    site = build(home, tmp_path / "site")
    assert site.pages == 11
    assert "No rows are published yet." in (tmp_path / "site" / "candidates.html").read_text()


def test_nothing_published_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MatloomError, match="nothing published"):
        build(tmp_path / "home", tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_report_is_replaced_whole_and_nothing_else_is(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    build(home, out)
    (out / "stale.html").write_text("old")
    build(home, out)
    assert not (out / "stale.html").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "index.html").write_text("mine")
    with pytest.raises(InputError, match="not a report"):
        build(home, other)
    assert (other / "index.html").read_text() == "mine"


def test_the_graph_has_every_declared_table_once() -> None:
    drawn = graph(REGISTRY, {}, [])
    assert sorted(n.name for n in drawn.nodes) == sorted(t.name for t in REGISTRY)
    assert len({(n.x, n.y) for n in drawn.nodes}) == len(drawn.nodes)


AT = datetime(2026, 1, 1, tzinfo=UTC)


def design_home(folder: Path) -> Path:
    """Two problems; the order of evaluation is the reverse of the alphabet, and all outcomes came in at once."""
    store = Store(folder)
    outcomes = {"p": [("z", 1.0, 5.0), ("m", 2.0, 4.0), ("a", 3.0, 3.0)], "q": [("k", 7.0, 1.0), ("b", 9.0, 2.0)]}
    names = {"p": ("bulk", "shear"), "q": ("gap", "cost")}
    rows: dict[str, list[dict[str, Any]]] = {f"design.{n}": [] for n in ("problems", "candidates", "proposals")}
    rows |= {f"design.{n}": [] for n in ("observations", "fronts", "traces", "maps", "generations")}
    for problem, told in outcomes.items():
        a, b = names[problem]
        definition = json.dumps({"objectives": [{"name": a, "direction": "max"}, {"name": b, "direction": "min"}]})
        who = {"problem": problem}
        rows["design.problems"].append(
            {**who, "title": problem, "doi": None, "evaluator": "recorded", "definition": definition}
            | {"retired": False}
        )
        for i, (candidate, x, y) in enumerate([*told, ("next", 0.0, 0.0)]):
            one = {**who, "candidate_id": candidate}
            values = json.dumps({b: y, a: x})
            rows["design.candidates"].append({**one, "formula": None, "variables": "{}", "retired": False})
            batch = {"batch_id": f"{problem}/{i // 2}"}
            rows["design.proposals"].append(
                {**one, **batch, "iteration": i // 2, "rank": i % 2 + 1, "strategy": "initial", "acquisition": None}
                | dict.fromkeys(("criterion", "model_id", "remaining_improvement", "p_complete"))
                | {"predicted": json.dumps({f"mean_{a}": x - 1.0, f"sd_{a}": 0.4}) if i else None}
                | {"proposed_at": AT}
            )
            if candidate != "next":
                outcome = {"state": "accepted", "objectives": values, "evaluator": "recorded", "reason": None}
                outcome["surprise"] = json.dumps({a: 2.5}) if i else None
                rows["design.observations"].append({**one, **batch, **outcome, "observed_at": AT})
        rows["design.fronts"].append({**who, "candidate_id": told[-1][0], "formula": None, "objectives": values})
        for number in (1, 0):
            told_of = {
                "batch_id": f"{problem}/{number}",
                **who,
                "iteration": number,
                "strategy": "initial",
                "asked": ["z"],
            }
            told_of |= {"accepted": 1, "failed": 0, "waiting": 0, "attempts": 2, "best": "{}", "newcomers": ["z"]}
            told_of |= {"front_size": 1, "surprises": [f"z was a surprise in {number}"]}
            told_of |= {"error_in_deviations": None, "p_complete": None}
            rows["design.generations"].append({**told_of, "next": "the loop ended", "report": "all of it"})
        for level, used in (("z", 1), ("$y", 0)):
            place = {"outcome": a, "variable": "site", "level": level, "z1": 0.5 * used, "z2": 0.0}
            rows["design.maps"].append({**who, **place, "evaluations": used})
        for strategy, best in (("lvgp", 10.0), ("random", 4.0)):
            for seed in (0, 1, 2):
                trace = {"seed": seed, "evaluation": 1, "iteration": 0, "table_row": 0, "front_fraction": 0.5}
                trace |= {"best": json.dumps({a: best + seed}), "hypervolume_fraction": best / 20 + seed / 10}
                rows["design.traces"].append({**who, "strategy": strategy, **trace})
    for name, made in rows.items():
        write(store, name, made)
    publish(store.home)
    return store.home


def test_evaluations_are_shown_in_the_order_they_were_made(tmp_path: Path) -> None:
    home = design_home(tmp_path / "home")
    first, second = campaigns(Source(home, REGISTRY))
    assert first.observed.select("evaluation", "candidate_id").rows() == [(1, "z"), (2, "m"), (3, "a")]
    assert second.observed["candidate_id"].to_list() == ["k", "b"]
    assert first.waiting["candidate_id"].to_list() == ["next"]
    late = pl.DataFrame(
        {"problem": ["p"] * 2, "candidate_id": ["a", "b"], "iteration": [None, None], "rank": [None] * 2}
    )
    late = late.with_columns(observed_at=pl.Series([AT.replace(day=2), AT]))
    assert chronological(late)["candidate_id"].to_list() == ["b", "a"]


def test_every_problem_has_its_front_its_evaluations_and_its_strategies(tmp_path: Path) -> None:
    home = design_home(tmp_path / "home")
    build(home, tmp_path / "site")
    page = (tmp_path / "site" / "design.html").read_text()
    for said in (
        "p: shear against bulk of 3 evaluated candidates, 1 of them on the front.",
        "q: cost against gap of 2 evaluated candidates, 1 of them on the front.",
        "p: median hypervolume_fraction of 3 seeds: lvgp 0.6 after 1, random 0.3 after 1.",
        "q: median best_gap of 3 seeds: lvgp 11 after 1, random 5 after 1.",
        "p: bulk of 2 candidates, 0 of them within 1.96 expected deviations.",
        "p: of 2 outcomes 0% lie within the interval of 80 %.",
    ):
        assert f"<figcaption>{said}</figcaption>" in page
    assert page.index("p: generations") < page.index("a surprise in 0") < page.index("a surprise in 1")
    assert page.index(">z<") < page.index(">m<") < page.index("p: proposals") < page.index("q: Pareto front")


def test_medians_are_taken_over_the_seeds(tmp_path: Path) -> None:
    traces = campaigns(Source(design_home(tmp_path / "home"), REGISTRY))[0].traces
    found = medians_of(traces).select("strategy", "evaluation", "best_bulk", "hypervolume_fraction")
    assert found.rows() == [("lvgp", 1, 11.0, pytest.approx(0.6)), ("random", 1, 5.0, pytest.approx(0.3))]


def test_the_page_of_lineage_draws_what_is_made_from_what(home: Path, tmp_path: Path) -> None:
    build(home, tmp_path / "a", lineage=edges())
    page = (tmp_path / "a" / "lineage.html").read_text()
    assert "<h1>Lineage</h1>" in page
    # no foreign key joins these two: the screen is made from the labels
    assert "<title>core.labels to pred.screening</title>" in page
    build(home, tmp_path / "b")
    page = (tmp_path / "b" / "lineage.html").read_text()
    assert "<h1>Relations</h1>" in page
    assert "core.labels to pred.screening" not in page
    assert "<title>raw.structures to core.structures</title>" in page
