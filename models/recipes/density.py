"""Joint distribution of temperature and time of a heating step: what forest and network believe, pooled.

The parts are mixed with shares that make held-out papers most likely (expectation maximisation), so none of them can
do harm. Density lives on the bins of `grid`; samples are values that papers report.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from models.recipes.beliefs import Reading
from models.recipes.grid import BIN_K, STEPS, TEMPERATURES, TIME_EDGES, TIMES, Atoms, place, popular, spread
from schemas.arrays import Floats, Ints
from schemas.errors import InputError
from schemas.tables.recipes import HEATING_K

PAIR = STEPS[0]
REACH = {"forest, near": (2.0, 1.0), "forest, far": (4.0, 2.0)}
LEAST = {"all papers": 0.01, "uniform": 0.01}


@dataclass(frozen=True)
class Joint:
    """One heating step.

    Attributes:
        heat: column of its temperature, K.
        time: column of its time, h.
        shares: of the parts, by name.
        common: share of the papers in each bin, TEMPERATURES x TIMES.
        atoms: reported temperatures and times.
    """

    heat: str
    time: str
    shares: dict[str, float]
    common: Floats
    atoms: tuple[Atoms, Atoms]

    def parts(self, reading: Reading, n: int) -> dict[str, Floats]:
        """Whoever believes something, the forest also spread to popular neighbours; all papers; uniform.

        Each n x TEMPERATURES x TIMES.
        """
        shape = (n, TEMPERATURES, TIMES)
        found = dict(reading.joint.get(self.heat, {}))
        if "forest" in found:
            heat, time = self.common.sum(axis=1), self.common.sum(axis=0)
            for name, (a, b) in REACH.items():
                moved = (spread(heat, a), spread(time, b))
                found[name] = np.einsum("nij,ik,jl->nkl", found["forest"], *moved, optimize=True)
        found["all papers"] = np.broadcast_to(self.common, shape)
        found["uniform"] = np.broadcast_to(np.float64(1 / (TEMPERATURES * TIMES)), shape)
        return found

    def probabilities(self, reading: Reading, n: int) -> Floats:
        """The pooled distribution, n x TEMPERATURES x TIMES."""
        p = np.zeros((n, TEMPERATURES, TIMES))
        for name, part in self.parts(reading, n).items():
            p += self.shares.get(name, 0.0) * part
        return np.asarray(p / p.sum(axis=(1, 2), keepdims=True))

    def negative_log_likelihood(self, p: Floats, heat: Floats, time: Floats) -> Floats:
        """Of the bins that known pairs (K, h) fall in, n."""
        i, j = place(heat, hours=False), place(time, hours=True)
        return np.asarray(-np.log(np.maximum(p[np.arange(len(p)), i, j], 1e-12)))

    def sample(
        self, p: Floats, count: int, rng: np.random.Generator, *, hottest: float | None, hours: float | None
    ) -> Floats:
        """Pairs (K, h) drawn from pooled distributions, n x count x 2.

        Args:
            p: n x TEMPERATURES x TIMES.
            count: samples a row.
            rng: where chance comes from.
            hottest: what the furnace reaches, K.
            hours: a time that is fixed.

        Raises:
            InputError: no temperature that is ever used lies below the limit.
        """
        p, heats = self._below(p, hottest)
        if hours is not None:
            only = np.zeros(TIMES)
            only[place(np.array([hours]), hours=True)[0]] = 1
            p = p * only[None, None, :]
            p = p / p.sum(axis=(1, 2), keepdims=True)
        out = np.empty((len(p), count, 2))
        for row, each in enumerate(p.reshape(len(p), -1)):
            bins = rng.choice(len(each), count, p=each / each.sum())
            out[row, :, 0] = _values(heats, bins // TIMES, rng, hours=False)
            out[row, :, 1] = _values(self.atoms[1], bins % TIMES, rng, hours=True)
        if hours is not None:
            out[..., 1] = hours
        return out

    def _below(self, p: Floats, hottest: float | None) -> tuple[Floats, Atoms]:
        heats = self.atoms[0]
        if hottest is None:
            return p, heats
        keep = heats.values <= hottest
        if not keep.any():
            raise InputError.of(
                f"a furnace limit of {hottest:g} K",
                "the heating conditions",
                f"no recipe was heated below {heats.values[0]:g} K",
            )
        # the share of each bin that lies below the limit
        left = np.bincount(heats.bins[keep], heats.share[keep], minlength=TEMPERATURES)
        cut = p * left[None, :, None]
        share = heats.share[keep] / left[heats.bins[keep]]
        return cut / cut.sum(axis=(1, 2), keepdims=True), Atoms(heats.values[keep], heats.bins[keep], share)


def _values(atoms: Atoms, bins: Ints, rng: np.random.Generator, *, hours: bool) -> Floats:
    """A reported value of each bin; the middle of a bin in which nothing was ever reported."""
    out = np.sqrt(TIME_EDGES[bins] * TIME_EDGES[bins + 1]) if hours else HEATING_K[0] + BIN_K * (bins + 0.5)
    for b in np.unique(bins):
        here = atoms.bins == b
        if here.any():
            rows = bins == b
            out[rows] = rng.choice(atoms.values[here], int(rows.sum()), p=atoms.share[here] / atoms.share[here].sum())
    return out


def start(step: int, atoms: dict[str, Atoms], heat: Floats, time: Floats, weight: Floats) -> Joint | None:
    """A joint that knows all papers and trusts nobody else yet; None where too few state the step."""
    names = STEPS[step]
    if any(n not in atoms for n in names):
        return None
    i, j = place(heat, hours=False), place(time, hours=True)
    both = (i >= 0) & (j >= 0)
    code = np.where(both, i * TIMES + j, -1)
    common = popular(code, weight, TEMPERATURES * TIMES).reshape(TEMPERATURES, TIMES)
    return Joint(*names, LEAST, common, (atoms[names[0]], atoms[names[1]]))


def weigh(joint: Joint, likelihoods: Mapping[str, Floats], weight: Floats) -> Joint:
    """Shares of the parts that make held-out pairs most likely.

    Args:
        joint: of the step.
        likelihoods: by part, the probability of each held-out pair's bin.
        weight: of the pairs, one vote a paper.
    """
    each = np.column_stack(list(likelihoods.values()))
    found = np.full(each.shape[1], 1 / each.shape[1])
    for _ in range(200):
        belongs = each * found
        belongs /= np.maximum(belongs.sum(axis=1, keepdims=True), 1e-300)
        found = np.average(belongs, axis=0, weights=weight)
    raised = {k: max(float(s), LEAST.get(k, 0.0)) for k, s in zip(likelihoods, found, strict=True)}
    return replace(joint, shares={k: s / sum(raised.values()) for k, s in raised.items()})
