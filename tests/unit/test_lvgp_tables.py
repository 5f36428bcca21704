"""What surrogates are told: descriptors, noise, sources, several outputs, tables of the command line."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from dagster_project.cli import app
from models.lvgp import descriptors, exact, noise, sources
from models.lvgp import model as lvgp
from models.lvgp.encoding import Encoding, of_frame
from models.lvgp.exact import LVGP
from models.lvgp.interface import Surrogate
from models.lvgp.kinds import Kind
from schemas.arrays import Floats
from schemas.errors import InputError
from tests.mixed import additive, fitted


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_descriptors_tell_of_levels_never_seen() -> None:
    places = np.linspace(0, 2, 12)
    names = [f"l{k}" for k in range(12)]
    frame = pl.DataFrame({"i": names}).join(pl.DataFrame({"j": ["p", "q"]}), how="cross")
    y = np.sin(2 * places)[np.repeat(np.arange(12), 2)] + 0.5 * (frame["j"] == "q").to_numpy()
    table = pl.DataFrame({"parameter": "i", "option": names, "descriptor": "size", "value": places})
    encoding = descriptors.described(of_frame(frame, inputs=("i", "j"), categorical=("i", "j")), table)
    seen = ~frame["i"].is_in(["l3", "l8"]).to_numpy()
    errors = {}
    kinds: tuple[Kind, ...] = ("lvgp", "lvgp-descriptor")
    for kind in kinds:
        model = lvgp.fit(frame.filter(seen), y[seen], encoding=encoding, kind=kind)
        errors[kind] = np.sqrt(np.mean((model.predict(frame.filter(~seen))[0] - y[~seen]) ** 2))
    assert errors["lvgp-descriptor"] < 0.5 * errors["lvgp"]
    with pytest.raises(InputError, match="give a table of descriptors"):
        descriptors.described(encoding, None)
    with pytest.raises(InputError, match="no descriptor of any level"):
        descriptors.described(encoding, table.with_columns(parameter=pl.lit("k")))


def test_descriptors_are_scaled_and_bare_levels_stay_free() -> None:
    raw = np.array([[1.0, 5.0, 7.0], [2.0, np.nan, 7.0], [4.0, 6.0, 7.0], [np.nan, np.nan, np.nan]])
    found = descriptors.scaled(raw)
    assert found.shape == (4, 3)  # two components, for the third never varies, and a column for the bare level
    assert np.square(found[:3, :2]).sum(axis=1).mean() == pytest.approx(1.0)
    assert found[3].tolist() == [0.0, 0.0, 1.0]


def test_elements_describe_themselves() -> None:
    found = descriptors.of_elements({"A": ("Ca", "Sr", "Ba", "La"), "B": ("x", "Ti")})
    assert list(found) == ["A"]
    gaps = np.linalg.norm(found["A"][:, None] - found["A"][None], axis=-1)
    assert gaps[0, 1] < gaps[0, 3]  # calcium is more like strontium than like lanthanum


def test_a_table_that_leaves_levels_alike_is_named_and_elements_describe_themselves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = Encoding({"A": ("Ca", "Sr"), "B": ("x", "y", "z"), "C": ("p", "q"), "D": ("Ti", "Zr")}, {})
    rows = [("A", "Ca", 2.0), ("A", "Sr", 2.0), ("B", "x", 1.0), ("B", "y", 1.0), ("B", "z", 1.0), ("C", "p", 1.0)]
    table = pl.DataFrame(rows, schema=["parameter", "option", "value"], orient="row").with_columns(
        descriptor=pl.lit("d")
    )
    found = descriptors.described(made, table)
    assert sorted(found.descriptors) == ["A", "C", "D"]  # of D the table says nothing
    assert found.descriptors["A"].tolist() == descriptors.of_elements(made.levels)["A"].tolist()
    alike = "the descriptors of all levels of"
    told = [
        f"{alike} A are the same: they are described as elements",
        f"{alike} B are the same: nothing describes them",
    ]
    assert [record.getMessage() for record in caplog.records] == told
    assert descriptors.described(Encoding({"B": made.levels["B"]}, {}), table).descriptors == {}
    for odd in ({"value": pl.lit("big")}, {"descriptor": pl.lit(None, pl.String)}):
        with pytest.raises(InputError, match="name each, and give numbers"):
            descriptors.described(made, table.with_columns(**odd))
    with pytest.raises(InputError, match="name each, and give numbers"):
        descriptors.described(made, table.with_columns(value=pl.lit(np.inf)))
    with pytest.raises(InputError, match="two values of A, Ca, d"):
        descriptors.described(made, pl.concat([table, table.with_columns(value=pl.col("value") + 1.0)]))


def test_a_strategy_takes_the_descriptors_it_can_use() -> None:
    made = Encoding({"A": ("Ca", "Sr")}, {})
    table = pl.DataFrame({"parameter": "A", "option": ["Ca", "Sr"], "descriptor": "d", "value": [1.0, 2.0]})
    for strategy, told, alone in (("lvgp-descriptor", 1, 1), ("forest", 1, 0), ("lvgp-svi", 1, 0), ("lvgp", 0, 0)):
        assert len(descriptors.looked_up(made, table, strategy).descriptors) == told
        assert len(descriptors.looked_up(made, None, strategy).descriptors) == alone


def test_the_id_of_a_saved_model_knows_what_described_its_levels(tmp_path: Path) -> None:
    frame, y = pl.DataFrame({"a": list("uvwuvw")}), np.arange(6.0)
    ids = []
    for column in (np.arange(3.0), np.arange(3.0)[::-1] ** 2):
        encoding = Encoding({"a": ("u", "v", "w")}, {}, {"a": column[:, None]})
        model = lvgp.fit(frame, y, encoding=encoding, kind="lvgp-descriptor", members=1, steps=1)
        ids.append(lvgp.save(model, tmp_path / "model", target="y").model_id)
    assert ids[0] != ids[1]


def test_sources_help_each_other_and_their_order_is_checked() -> None:
    chance = np.random.default_rng(0)
    a, x = chance.integers(0, 5, 60), chance.random(60)
    low = np.sin(np.array([0.0, 0.5, 1.0, 2.0, 3.0])[a] + 2 * x)
    high = 1.3 * low + 0.5 + 0.1 * x
    rows = pl.DataFrame({"a": [f"l{k}" for k in a], "x": x})
    few = rows[:8].with_columns(source=pl.lit("fine"))
    both = pl.concat([rows[8:40].with_columns(source=pl.lit("coarse")), few])
    told = np.concatenate([low[8:40], high[:8]])
    test = rows[40:].with_columns(source=pl.lit("fine"))
    order = ("coarse", "fine")
    model = sources.fit_sources(both, told, order=order, inputs=("a", "x"))
    alone = lvgp.fit(few, high[:8], encoding=of_frame(rows, inputs=("a", "x"), categorical=("a",)))
    error = [np.sqrt(np.mean((m.predict(test)[0] - high[40:]) ** 2)) for m in (model, alone)]
    assert error[0] < 0.5 * error[1]
    assert model.predict(test.with_columns(source=pl.lit("coarse")))[1].mean() < model.predict(test)[1].mean()
    with pytest.raises(InputError, match="source 'fine' without a place"):
        sources.fit_sources(both, told, order=("coarse",), inputs=("a", "x"))
    with pytest.raises(InputError, match="missing column origin"):
        sources.fit_sources(both, told, order=order, inputs=("a", "x"), source="origin")


def test_repeated_rows_tell_their_noise_and_known_noise_is_believed() -> None:
    chance = np.random.default_rng(0)
    frame = pl.DataFrame({"i": [f"l{k}" for k in range(40)] * 3})
    spread = np.tile(np.exp(0.4 * chance.standard_normal(40)), 3)
    y = spread * chance.standard_normal(120)
    rows, means, variances = noise.replicated(frame, y, ("i",))
    assert rows.height == 40
    assert means[3] == pytest.approx(y[[3, 43, 83]].mean())
    raw = np.array([y[[k, k + 40, k + 80]].var(ddof=1) / 3 for k in range(40)])
    truth = spread[:40] ** 2 / 3
    assert np.square(np.log(variances / truth)).mean() < 0.6 * np.square(np.log(raw / truth)).mean()
    assert not noise.replicated(frame[:40], y[:40], ("i",))[2].any()
    additive_frame, values = additive()
    encoding = of_frame(additive_frame, inputs=("i", "j", "x"), categorical=("i", "j"))
    wrong = values + np.where(np.arange(60) % 6 == 0, 5.0, 0.0)
    doubt = np.where(np.arange(60) % 6 == 0, 25.0, 0.0)
    told = [fitted(additive_frame, wrong, encoding, known=k, members=4) for k in (None, doubt)]
    errors = [np.sqrt(np.mean((m.predict(additive_frame)[0] - values) ** 2)) for m in told]
    assert errors[1] < 0.3 * errors[0]
    exact_ = told[1].posterior(additive_frame)
    assert np.allclose(exact_.mixture_mean[:, 0].detach(), told[1].predict(additive_frame)[0], atol=1e-6)
    with pytest.raises(InputError, match="noise variance"):
        lvgp.fit(additive_frame, values, encoding=encoding, known=-doubt)


def test_outputs_that_depend_on_the_same_hidden_properties_are_better_fitted_together() -> None:
    chance = np.random.default_rng(0)
    hidden = chance.random((12, 2))
    a, b = np.repeat(np.arange(12), 3), np.tile(np.arange(3), 12)
    outputs = np.stack([np.sin(3 * hidden[a, 0] + k) + hidden[a, 1] * (b - k) for k in range(3)], axis=1)
    frame = pl.DataFrame({"a": [f"a{k}" for k in a], "b": [f"b{k}" for k in b]})
    encoding = of_frame(frame, inputs=("a", "b"), categorical=("a", "b"))
    order = chance.permutation(36)
    train, test = order[:20], order[20:]
    together = exact.fit_together(frame[train.tolist()], outputs[train], encoding=encoding)
    alone = [lvgp.fit(frame[train.tolist()], y, encoding=encoding) for y in outputs[train].T]
    errors = [
        np.mean([np.square(m.predict(frame[test.tolist()])[0] - y) for m, y in zip(ms, outputs[test].T, strict=True)])
        for ms in (together, alone)
    ]
    assert errors[0] < errors[1]
    with pytest.raises(InputError, match="no number"):
        exact.fit_together(frame, np.full((36, 2), np.nan), encoding=encoding)
    with pytest.raises(InputError, match="fewer than two rows"):
        exact.fit_together(frame[:1], outputs[:1], encoding=encoding)


@pytest.mark.parametrize("first", [True, False])
def test_a_constant_output_has_no_say_until_it_varies(first: bool) -> None:
    frame, y = additive()
    encoding = of_frame(frame, inputs=("i", "j", "x"), categorical=("i", "j"))

    def fitted_beside(beside: Floats, warm: Sequence[Surrogate] = ()) -> list[LVGP]:
        outputs = np.stack([beside, y] if first else [y, beside], axis=1)
        found = exact.fit_together(frame, outputs, encoding=encoding, members=4, steps=20, warm=warm)
        return found[::-1] if first else found

    varied, same = fitted_beside(np.full(60, 0.1))
    again = fitted_beside(np.full(60, 7.0))[0]
    assert torch.equal(varied.ensemble.sets, again.ensemble.sets)
    assert torch.equal(same.ensemble.sets[:, ~same.space.placing], same.ensemble.anchors[:, ~same.space.placing])
    mean, deviation = same.predict(frame)
    assert np.allclose(mean, 0.1)
    assert 0.001 < deviation.min() < deviation.max() < 0.1
    pair = [same, varied] if first else [varied, same]
    later = fitted_beside(0.1 + y**2, pair)[1]
    assert torch.equal(later.ensemble.anchors, same.ensemble.anchors)
    assert not torch.equal(later.ensemble.sets, same.ensemble.sets)


def test_a_card_tells_what_a_model_was_fitted_together_with(tmp_path: Path) -> None:
    frame, y = additive()
    encoding = of_frame(frame, inputs=("i", "j", "x"), categorical=("i", "j"))
    model = fitted(frame, y, encoding, members=4, steps=5)
    alone = lvgp.save(model, tmp_path / "alone", target="y")
    together = lvgp.save(model, tmp_path / "together", target="y", beside=("y", "z"))
    assert together.settings["fitted_together"] == ["y", "z"]
    assert together.model_id != alone.model_id


def test_the_command_takes_every_kind_and_noise_as_told_or_repeated(tmp_path: Path) -> None:
    frame, y = (part[::3] for part in additive())
    chance = np.random.default_rng(0)
    rows = pl.concat([frame.drop("x").with_columns(y=y + 0.1 * chance.standard_normal(20), sd=0.1)] * 2)
    rows.with_columns(y=pl.col("y") + pl.Series(0.1 * chance.standard_normal(40))).write_csv(tmp_path / "in.csv")

    def run(*words: str) -> tuple[int, str]:
        start = ["model", "fit", str(tmp_path / "in.csv"), "--categorical", "i,j", "--target", "y", "--json"]
        done = CliRunner().invoke(app, [*start, "--out", str(tmp_path / "m"), *words])
        return done.exit_code, done.stdout if done.exit_code == 0 else done.stderr

    for words in (("--noise", "sd"), ("--repeated",), ("--kind", "forest"), ("--kind", "gower", "--repeated")):
        code, said = run("--kind", "onehot", *words)
        assert code == 0, said
        assert json.loads(said)["rows"] == (20 if "--repeated" in words else 40)
    code, said = run("--noise", "sd", "--repeated")
    assert code == 2
    assert "give one of them" in said
    code, said = run("--kind", "oracle")
    assert code == 2
    assert "lvgp-bayes" in said
    code, said = run("--noise", "width")
    assert code == 2
    assert "width" in said


def test_the_command_fits_several_targets_alone_or_together_and_several_sources(tmp_path: Path) -> None:
    frame, y = (part[::3] for part in additive())
    rows = frame.drop("x").with_columns(y=y, z=2 * y + 1)
    rows = pl.concat([rows.with_columns(source=pl.lit("fine")), rows.with_columns(y=y - 1, source=pl.lit("coarse"))])
    rows.with_columns(z=pl.when(pl.int_range(pl.len()) > 4).then("z")).write_csv(tmp_path / "in.csv")
    out, asked = tmp_path / "m", tmp_path / "asked.csv"

    def run(*words: str) -> tuple[int, str]:
        start = ["model", "fit", str(tmp_path / "in.csv"), "--categorical", "i,j", "--json", "--out", str(out)]
        done = CliRunner().invoke(app, [*start, *words])
        return done.exit_code, done.stdout if done.exit_code == 0 else done.stderr

    code, said = run("--target", "y,z", "--kind", "onehot")
    assert code == 0, said
    assert [found["left_out"] for found in json.loads(said)["models"].values()] == [0, 5]
    code, said = run("--target", "y,z", "--kind", "lvgp", "--together")
    assert code == 0, said
    assert [found["left_out"] for found in json.loads(said)["models"].values()] == [5, 5]
    assert lvgp.load(tmp_path / "m-z").predict(frame)[0] == pytest.approx(2 * y + 1, abs=1.0)
    code, said = run("--target", "y", "--kind", "lvgp-descriptor", "--source", "source", "--order", "coarse,fine")
    assert code == 0, said
    frame.drop("x").with_columns(source=pl.lit("fine")).write_csv(asked)
    words = ["model", "predict", str(out), str(asked), "--out", str(tmp_path / "told.csv")]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert pl.read_csv(tmp_path / "told.csv")["mean"].to_numpy() == pytest.approx(y, abs=0.8)
    for told, why in (
        (("--source", "source"), "without an order"),
        (("--source", "source", "--order", "fine"), "sources with kind lvgp"),
        (("--source", "source", "--order", "fine", "--kind", "lvgp-descriptor"), "source 'coarse' without a place"),
        (("--together", "--kind", "forest"), "share the places"),
        (("--together", "--kind", "onehot"), "share the places"),
        (("--source", "origin", "--order", "fine", "--kind", "lvgp-descriptor"), "origin"),
    ):
        code, said = run("--target", "y", *told)
        assert (code, why in said) == (2, True), said
