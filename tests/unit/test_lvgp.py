"""Surrogates over mixed variables: kinds, slopes, draws, descriptors, the disk, botorch."""

from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pytest
import torch

from models.lvgp import bayes, inference, sampling, sparse
from models.lvgp import model as lvgp
from models.lvgp.encoding import of_frame
from models.lvgp.exact import LVGP
from models.lvgp.kernel import FLOOR, Rows, Space
from models.lvgp.kinds import KINDS, Kind, Place
from schemas.errors import InputError
from tests.mixed import additive, fitted
from warehouse.report.design import latent_map


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_predictions_follow_from_the_parameters_by_the_textbook() -> None:
    frame, y = additive()
    encoding = of_frame(frame, inputs=("i", "j", "x"), categorical=("i", "j"))
    model = fitted(frame[::2], y[::2], encoding, members=1, steps=20)
    space, sets = model.space, model.ensemble.sets
    places = [p.points[0].numpy() for p in space.state(sets).places if p.points is not None]
    told = {name: space.natural(sets, name)[0].numpy() for name in ("spread", "rate", "weight", "scale", "noise")}

    def covariance(left: pl.DataFrame, right: pl.DataFrame) -> np.ndarray:
        (c, n), (d, k) = encoding.encode(left), encoding.encode(right)
        points = [(s * z[c[:, j]], s * z[d[:, j]]) for j, (s, z) in enumerate(zip(told["spread"], places, strict=True))]
        points.append((told["rate"] * n, told["rate"] * k))
        whole = told["scale"] * np.ones((left.height, right.height))
        for w, (a, b) in zip(told["weight"], points, strict=True):
            squared = np.square(a[:, None] - b[None]).sum(-1)
            whole *= (1 + w * np.exp(-squared / 2)) / (1 + w)
        return whole

    train, center, scale = frame[::2], y[::2].mean(), y[::2].std(ddof=1)
    noise = (told["noise"] + FLOOR) * np.eye(train.height)
    gain = np.linalg.solve(covariance(train, train) + noise, covariance(train, frame)).T  # equations 2.25 and 2.26
    left = np.diag(covariance(frame, frame) - gain @ covariance(train, frame))
    mean, deviation = model.predict(frame)
    assert np.allclose(mean, center + gain @ (y[::2] - center), atol=1e-8)
    assert np.allclose(deviation, scale * np.sqrt(np.maximum(left, 0.0)), atol=1e-6)
    measured = model.members(frame, noisy=True)[1][0]
    assert np.allclose(measured, scale * np.sqrt(left + noise[0, 0]), atol=1e-6)


@pytest.mark.parametrize("described", [False, True])
@pytest.mark.parametrize("place", get_args(Place))
def test_slopes_of_the_density_are_its_differences(place: Place, described: bool) -> None:
    chance = torch.Generator().manual_seed(0)
    columns = (torch.randn(5, 3, generator=chance, dtype=torch.float64), torch.zeros(4, 0, dtype=torch.float64))
    space = Space(place, (5, 4), 2, columns if described else ())
    codes = torch.stack([torch.randint(0, size, (20,), generator=chance) for size in (5, 4)], dim=1)
    rows = Rows(codes, torch.rand(20, 2, generator=chance, dtype=torch.float64), (5, 4))
    outputs = torch.randn(20, 2, generator=chance, dtype=torch.float64)
    known = torch.rand(20, generator=chance, dtype=torch.float64)
    data = inference.Data(space, rows, outputs, known)
    sets, step = (f * torch.randn(3, data.size, generator=chance, dtype=torch.float64) for f in (0.5, 1e-5))
    value, slope = data.likelihood(sets)
    ahead, behind = (data.likelihood(sets + s)[0] for s in (step, -step))
    assert torch.allclose((slope * step).sum(1), (ahead - behind) / 2, rtol=1e-5)
    each = torch.zeros(3, dtype=torch.float64)
    for at, output in zip(data.index, outputs.T, strict=True):
        covariance = space.covariance(state := space.state(sets[:, at]), rows, rows)
        covariance = covariance + torch.diag_embed(state.noise[:, None] + known)
        normal = torch.distributions.MultivariateNormal(torch.zeros(20, dtype=torch.float64), covariance)
        each += normal.log_prob(output)
    assert torch.allclose(value, each)
    first, second = data.index
    assert torch.equal(first == second, space.placing)


@pytest.fixture(scope="module")
def mixed_model() -> LVGP:
    """Four members over two categorical inputs and a number."""
    frame, y = additive()
    encoding = of_frame(frame, inputs=("i", "j", "x"), categorical=("i", "j"))
    return fitted(frame[::2], y[::2], encoding, members=4, steps=60)


def test_botorch_acquisitions_take_the_model(mixed_model: LVGP) -> None:
    from botorch.acquisition import LogExpectedImprovement, qLogExpectedImprovement, qLogNoisyExpectedImprovement

    model, (frame, y) = mixed_model, additive()
    rows, best = lvgp.inputs(model.encoding, frame), float(y[::2].max())
    with torch.no_grad():
        posterior = model.gp.posterior(rows[:, None, :])
        analytic = LogExpectedImprovement(model.gp, best_f=best)(rows[:, None, :])
        sampled = qLogExpectedImprovement(model.gp, best_f=best)(rows[:, None, :])
        pairs = qLogExpectedImprovement(model.gp, best_f=best)(rows[1:17:2].reshape(4, 2, -1))
        noisy = qLogNoisyExpectedImprovement(model.gp, X_baseline=rows[::2], prune_baseline=False)(
            rows[1:12:2, None, :]
        )
    mean, deviation = model.predict(frame)
    assert np.allclose(posterior.mixture_mean[:, 0, 0], mean, atol=1e-8)
    assert np.allclose(posterior.mixture_variance.sqrt()[:, 0, 0], deviation, atol=1e-6)
    assert analytic.isfinite().all()
    likely = analytic > analytic.max() - 3  # where draws hit
    assert torch.allclose(analytic[likely], sampled[likely], atol=0.3)
    assert pairs.shape == (4,)
    assert noisy.isfinite().all()


def test_the_posterior_has_gradients_in_the_numbers_and_takes_new_rows(mixed_model: LVGP) -> None:
    from botorch.acquisition import LogExpectedImprovement

    model, (frame, y) = mixed_model, additive()
    gain = LogExpectedImprovement(model.gp, best_f=float(y[::2].max()) - 0.5)
    rows = lvgp.inputs(model.encoding, frame.with_columns(x=pl.lit(0.4)))[[7, 22]]
    at = rows.clone()[:, None, :].requires_grad_()
    (slope,) = torch.autograd.grad(gain(at).sum(), at)
    step = torch.tensor([0.0, 0.0, 1e-5], dtype=torch.float64)
    with torch.no_grad():
        change = (gain(rows[:, None, :] + step) - gain(rows[:, None, :] - step)) / 2e-5
    assert torch.allclose(slope[:, 0, 2], change, rtol=1e-3)
    assert (slope[:, 0, :2] == 0).all(), "codes are no numbers"
    joint = model.posterior(frame[:5])
    assert joint.rsample(torch.Size([3])).shape[-2:] == (5, 1)
    before = model.gp.posterior(rows)
    told = model.gp.condition_on_observations(rows, before.mixture_mean.detach() + 1.0).posterior(rows)
    assert (told.mixture_mean > before.mixture_mean + 0.2).all()
    assert (told.variance.mean(0) < before.variance.mean(0)).all()


def test_a_map_names_every_level_and_is_the_same_each_time(mixed_model: LVGP) -> None:
    positions = mixed_model.latent_positions()
    drawn = latent_map(positions)
    assert drawn == latent_map(positions)
    assert drawn.startswith("<?xml")
    assert positions["level"].to_list() == list("abcde") + list("pqrs")
    assert all(f">{level}</text>" in drawn for level in positions["level"])


def test_lvgp_learns_hidden_positions_better_than_the_mean() -> None:
    frame, y = additive()
    encoding = of_frame(frame, inputs=("i", "j", "x"), categorical=("i", "j"))
    chance = np.random.default_rng(0).permutation(len(y))
    train, test = chance[:40], chance[40:]
    model = lvgp.fit(frame[train.tolist()], y[train], encoding=encoding)
    error = np.sqrt(np.mean((model.predict(frame[test.tolist()])[0] - y[test]) ** 2))
    assert error < 0.2 * np.std(y)
    latent = model.latent_positions()
    first = latent.filter((pl.col("variable") == "i") & (pl.col("level") == "a"))
    assert first.select("z1", "z2").row(0) == (0.0, 0.0)
    at = {level: np.array([u, v]) for name, level, u, v in latent.iter_rows() if name == "j"}
    assert np.linalg.norm(at["q"] - at["r"]) < np.linalg.norm(at["p"] - at["s"])  # q acts like r, p not like s


@pytest.mark.parametrize("kind", ["onehot", "hamming", "gower"])
def test_baselines_fit_too_and_have_no_positions(kind: Kind) -> None:
    frame, y = additive()
    encoding = of_frame(frame, inputs=("i", "j", "x"), categorical=("i", "j"))
    model = lvgp.fit(frame, y, encoding=encoding, kind=kind, members=4)
    assert np.corrcoef(model.predict(frame)[0], y)[0, 1] > 0.95
    with pytest.raises(InputError, match="no positions"):
        model.latent_positions()


def test_a_gp_survives_the_disk_and_refuses_unknown_levels(tmp_path: Path) -> None:
    frame, y = additive()
    encoding = of_frame(frame, inputs=("i", "j", "x"), categorical=("i", "j"))
    model = lvgp.fit(frame, y, encoding=encoding, members=2, steps=10)
    lvgp.save(model, tmp_path / "m", target="y")
    again = lvgp.load(tmp_path / "m")
    assert np.array_equal(again.predict(frame)[0], model.predict(frame)[0])
    with pytest.raises(InputError, match="unknown level 'zz'"):
        model.predict(frame.with_columns(i=pl.lit("zz")))
    with pytest.raises(InputError, match="missing column x"):
        model.predict(frame.drop("x"))
    with pytest.raises(InputError, match="unreadable number"):
        model.predict(frame.with_columns(x=pl.lit(None, pl.Float64)))
    with pytest.raises(InputError, match="never varies"):
        of_frame(frame.with_columns(x=1.0), inputs=("x",), categorical=())
    with pytest.raises(InputError, match="fewer than two"):
        lvgp.fit(frame[:1], y[:1], encoding=encoding)
    with pytest.raises(InputError, match="beyond 1e\\+40"):
        lvgp.fit(frame, 1e300 * y, encoding=encoding)


def test_a_level_never_seen_stays_uncertain() -> None:
    frame, y = additive()
    encoding = of_frame(frame, inputs=("i", "j", "x"), categorical=("i", "j"))
    seen = (frame["i"] != "e").to_numpy()
    model = lvgp.fit(frame.filter(pl.col("i") != "e"), y[seen], encoding=encoding)
    deviation = model.predict(frame)[1]
    assert deviation[~seen].min() > 3 * deviation[seen].max()


def test_chains_recover_a_density_and_their_diagnosis_is_that_of_known_series() -> None:
    covariance = torch.tensor([[1.0, 0.6], [0.6, 0.5]], dtype=torch.float64)
    inverse = torch.linalg.inv(covariance)

    def density(at: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return -0.5 * ((at @ inverse) * at).sum(1), -at @ inverse

    start = 3 * torch.randn(6, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    chains = sampling.sample(density, start, warmup=150, draws=300, seed=0)
    assert torch.allclose(torch.cov(chains.sets.flatten(0, 1).T), covariance, atol=0.1)
    assert chains.sets.mean((0, 1)).abs().max() < 0.1
    assert sampling.r_hat(chains.sets[..., 0].numpy()) < 1.02
    assert chains.longer(density, draws=50, seed=1).sets.shape == (350, 6, 2)
    series = np.random.default_rng(0).standard_normal((4000, 4))
    for t in range(1, len(series)):  # of an autoregression of order one, (1 - 0.6) / (1 + 0.6) of the draws count
        series[t] = 0.6 * series[t - 1] + 0.8 * series[t]
    assert sampling.effective(series) == pytest.approx(16_000 * 0.4 / 1.6, rel=0.1)
    assert sampling.r_hat(series) < 1.01 < 1.2 < sampling.r_hat(series + np.array([0.0, 0.0, 0.0, 2.0]))


def test_draws_of_the_posterior_predict_levels_never_declared(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bayes, "WARMUP", 20)
    monkeypatch.setattr(bayes, "DRAWS", 16)
    monkeypatch.setattr(bayes, "LONGEST", 16)
    monkeypatch.setattr(bayes, "WARM", (4, 8))
    frame, y = (part[::3] for part in additive())  # without the number
    encoding = of_frame(frame, inputs=("i", "j"), categorical=("i", "j"))
    model = fitted(frame[:16], y[:16], encoding, kind="lvgp-bayes")
    assert model.diagnosis is not None
    assert not model.diagnosis.enough
    assert "chains disagree" in caplog.text
    assert "The chains disagree" in model.caveats()[0]
    assert len(model.ensemble.sets) == 64
    mean, deviation = model.predict(frame)
    assert np.corrcoef(mean, y)[0, 1] > 0.8
    strange = frame[:3].with_columns(i=pl.lit("zz"))
    wider = model.extended(strange)
    assert np.allclose(wider.predict(frame)[0], mean)
    assert wider.predict(strange)[1].min() > 1.5 * np.median(deviation)
    assert model.extended(frame) is model
    again = fitted(frame, y, encoding, kind="lvgp-bayes", warm=model)
    assert np.corrcoef(again.predict(frame)[0], y)[0, 1] > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_the_interface(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WARMUP", "DRAWS", "LONGEST"):
        monkeypatch.setattr(bayes, name, 8)
    monkeypatch.setattr(bayes, "WARM", (4, 8))
    frame, y = (part[::3] for part in additive())  # without the number
    encoding = of_frame(frame, inputs=("i", "j"), categorical=("i", "j"))
    effort = {"steps": 40, "members": 4} if KINDS[kind].way == "modes" else {}
    effort |= {"points": 15, "steps": 60} if KINDS[kind].way == "inducing" else {}
    model = lvgp.fit(frame, y, encoding=encoding, kind=kind, **effort)
    mean, deviation = model.predict(frame)
    assert np.corrcoef(mean, y)[0, 1] > 0.8
    means, deviations = model.members(frame, noisy=True)
    assert means.shape == deviations.shape == (len(means), len(y))
    assert (lvgp.mixed(means, deviations)[1] >= deviation).all()
    draws = model.draw(frame, count=400, chance=np.random.default_rng(0))
    assert draws.shape == (400, len(y))
    assert np.abs(draws.mean(axis=0) - mean).max() < 0.5 * max(deviation.max(), 0.1)
    assert np.median(draws.std(axis=0) / deviation) == pytest.approx(1.0, abs=0.25)
    card = lvgp.save(model, tmp_path / "m", target="y")
    assert card.data == {"rows": 20}
    assert np.array_equal(lvgp.load(tmp_path / "m").predict(frame)[0], mean)
    again = lvgp.fit(frame, y, encoding=encoding, kind=kind, warm=model, **effort)
    assert np.isfinite(again.some(1).predict(frame)[1]).all()
    assert lvgp.fit(frame, y, encoding=encoding, kind=kind, known=np.full(len(y), 0.1), **effort).kind == kind
    if KINDS[kind].place == "free":
        assert model.latent_positions().height == 9
        assert model.latent_positions().columns == ["variable", "level", "z1", "z2"]


def test_inducing_points_at_all_rows_are_the_exact_process() -> None:
    """With one inducing point a row and all rows in a batch the bound is the likelihood (Titsias 2009)."""
    frame, y = additive()
    encoding = of_frame(frame, inputs=("i", "j", "x"), categorical=("i", "j"))
    made = lvgp.fit(frame[::2], y[::2], encoding=encoding, kind="lvgp-svi", points=30, steps=1, rate=1e-9)
    assert isinstance(made, sparse.Sparse)
    state = made.space.state(made.sets)
    at = [z[:, None] for z in made.induced.places]
    rows = lvgp.inputs(encoding, frame)
    told = Rows(rows[::2, :2].long(), rows[::2, 2:], encoding.sizes)
    asked = Rows(rows[1::2, :2].long(), rows[1::2, 2:], encoding.sizes)
    assert len(at) == 2
    covariance = made.space.covariance(state, told, told)[0] + state.noise * torch.eye(30)
    cross = made.space.covariance(state, told, asked)[0]
    center, scale = made.units
    units = (torch.tensor(y[::2]) - center) / scale
    mean = center + scale * (cross.mT @ torch.linalg.solve(covariance, units)).numpy()
    left = state.scale - (cross * torch.linalg.solve(covariance, cross)).sum(0)
    found = made.predict(frame[1::2])
    assert np.abs(found[0] - mean).max() < 0.05 * scale
    assert np.abs(found[1] - scale * left.sqrt().numpy()).max() < 0.1 * scale
    normal = torch.distributions.MultivariateNormal(torch.zeros(30, dtype=torch.float64), covariance)
    assert made.seen["bound"] + 0.5 * float(made.sets.square().sum()) <= float(normal.log_prob(units)) + 1e-6


def test_minibatches_reach_what_all_rows_reach() -> None:
    chance = np.random.default_rng(0)
    a, b = chance.integers(0, 12, 600), chance.integers(0, 12, 600)
    hidden = chance.random((2, 12))
    y = np.sin(4 * hidden[0][a]) * hidden[1][b] + 0.05 * chance.standard_normal(600)
    frame = pl.DataFrame({"a": [f"a{k}" for k in a], "b": [f"b{k}" for k in b]})
    encoding = of_frame(frame, inputs=("a", "b"), categorical=("a", "b"))
    error = {}
    for batch in (100, 500):
        model = lvgp.fit(frame[:500], y[:500], encoding=encoding, kind="lvgp-svi", batch=batch, points=40, steps=120)
        error[batch] = np.sqrt(np.mean((model.predict(frame[500:])[0] - y[500:]) ** 2))
    assert max(error.values()) < 0.4 * y.std()


def test_profiles_place_levels_that_act_alike_together_and_a_map_does_not_depend_on_chance() -> None:
    frame, y = additive()
    encoding = of_frame(frame, inputs=("i", "j", "x"), categorical=("i", "j"))
    maps = [fitted(frame, y, encoding, members=2, steps=5, seed=seed).latent_positions() for seed in (0, 1)]
    assert maps[0].equals(maps[1])
    at = {level: np.array([u, v]) for name, level, u, v in maps[0].iter_rows() if name == "i"}
    near, far = np.linalg.norm(at["a"] - at["b"]), np.linalg.norm(at["a"] - at["e"])
    assert near < 0.3 * far  # hidden places 0, 0.1 and 2


@pytest.mark.parametrize("numbers", [(), ("x",)])
def test_a_map_of_one_variable_alone_keeps_unlike_levels_apart(numbers: tuple[str, ...]) -> None:
    """Two groups of levels: those of one act alike, in their mean and, with a number, in how they follow it."""
    chance = np.random.default_rng(0)
    frame = pl.DataFrame({"a": [f"l{k}" for k in range(6)] * 6, "x": chance.random(36)})
    group = frame["a"].is_in(["l0", "l1", "l2"]).to_numpy()
    y = np.where(group, 2.0 + frame["x"].to_numpy(), -frame["x"].to_numpy()) + 0.05 * chance.standard_normal(36)
    encoding = of_frame(frame, inputs=("a", *numbers), categorical=("a",))
    found = lvgp.fit(frame, y, encoding=encoding).latent_positions()
    points = found.select("z1", "z2").to_numpy()
    apart = np.linalg.norm(points[:, None] - points[None], axis=-1)
    inside, across = np.maximum(apart[:3, :3].max(), apart[3:, 3:].max()), apart[:3, 3:].min()
    assert across > 2 * inside
    assert across > 0.5


def test_levels_may_be_truths() -> None:
    frame = pl.DataFrame({"wet": [True, False] * 4, "x": np.arange(8.0)})
    encoding = of_frame(frame, inputs=("wet", "x"), categorical=())
    assert encoding.levels == {"wet": ("false", "true")}
    assert encoding.encode(frame)[0][:, 0].tolist() == [1, 0] * 4
    assert [encoding.refusal(row) for row in frame.iter_rows(named=True)] == [None] * 8


def test_the_map_of_one_level_is_a_point() -> None:
    frame = pl.DataFrame({"a": ["u"] * 6, "x": np.linspace(0, 1, 6)})
    found = lvgp.fit(frame, np.arange(6.0), encoding=of_frame(frame, inputs=("a", "x"), categorical=("a",)))
    assert found.latent_positions().select("z1", "z2").row(0) == (0.0, 0.0)
