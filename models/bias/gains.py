"""What one more value does to the entropy of a set of values: measures, and expected improvement under a prediction.

Zhang, Chen, Rondinelli and Chen, Appl. Phys. Rev. 10, 021403 (2023), doi 10.1063/5.0138913, equations 3 to 5.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.bias.diversity import mixed_entropy
from models.normal import excess
from schemas.arrays import Floats

Measure = Callable[[Floats], Floats]
"""Entropies of k sets of n values, k x n, in nats."""
_GRID, _NODES = 128, 16  # values at which an entropy is computed; Gauss-Hermite nodes of a prediction
_FIRST = 50.0  # nats, more than any gain
_REACH = 0.5  # how far beyond the values the grid goes, in their range


def differential(values: Floats) -> Floats:
    """Differential entropies as published (`scipy.stats.differential_entropy`); minus infinity with many ties."""
    from scipy.stats import differential_entropy

    if values.shape[1] < 2:
        return np.full(len(values), -np.inf)
    with np.errstate(divide="ignore"):
        return np.asarray(differential_entropy(values, axis=1), dtype=np.float64)


def mixed(values: Floats) -> Floats:
    """Entropies of atoms and density, finite for the gaps of metals; minus infinity for fewer than two values."""
    found = (mixed_entropy(v).entropy for v in values)
    return np.array([-np.inf if h is None else h for h in found])


@dataclass(frozen=True)
class Curve:
    """Entropy of a set of values with one more, as a function of that value.

    Attributes:
        now: entropy without it.
        grid: values, rising.
        entropies: with each of them.
        floor: a lowest value on which many lie, such as 0 of a gap: what is predicted below counts as it.
    """

    now: float
    grid: Floats
    entropies: Floats
    floor: float

    @classmethod
    def of(cls, values: Floats, measure: Measure, span: tuple[float, float]) -> "Curve":
        """The curve of n values.

        Args:
            values: n.
            measure: of entropy.
            span: lowest and highest value that is to be expected.
        """
        lowest = float(values.min()) if len(values) else -np.inf
        tied = len(values) > 0 and int((values == lowest).sum()) >= max(4, 0.02 * len(values))
        reach = _REACH * (span[1] - span[0])
        grid = np.linspace(lowest if tied else span[0] - reach, span[1] + reach, _GRID)
        entropies = measure(np.column_stack([np.tile(values, (_GRID, 1)), grid]))
        finite = entropies[np.isfinite(entropies)]  # of the differential measure, not where ties abound
        entropies = np.where(np.isfinite(entropies), entropies, finite.min() if len(finite) else 0.0)
        return cls(float(measure(values[None, :])[0]), grid, entropies, lowest if tied else -np.inf)

    def improvement(self, means: Floats, deviations: Floats) -> Floats:
        """Expected improvement of the entropy at m candidates, predicted as normal with means and deviations.

        Mean and deviation of the entropy by quadrature over the curve, instead of 1000 samples a candidate, and then
        as published: normal, the incumbent being the entropy now.
        """
        found, share = self._expected(means, deviations)
        mean = found @ share
        sd = np.sqrt(np.maximum(np.square(found - mean[:, None]) @ share, 0.0)) + 1e-9
        if not np.isfinite(self.now):
            return np.asarray(mean + sd - self.entropies.min())
        return excess(mean, sd, self.now)

    def gain(self, means: Floats, deviations: Floats) -> Floats:
        """Expected rise of the entropy at m candidates, no fall counting; the entropy is not taken to be normal.

        A set without an entropy yet comes before all others.
        """
        found, share = self._expected(means, deviations)
        if not np.isfinite(self.now):
            return np.asarray(_FIRST + (found - self.entropies.min()) @ share)
        return np.asarray(np.maximum(found - self.now, 0.0) @ share)

    def _expected(self, means: Floats, deviations: Floats) -> tuple[Floats, Floats]:
        """Entropies at the nodes of each prediction, m x k, and the weights of the nodes, k."""
        from scipy.special import roots_hermitenorm

        nodes, weights = roots_hermitenorm(_NODES)
        asked = np.maximum(means[:, None] + deviations[:, None] * nodes[None, :], self.floor)
        return np.interp(asked, self.grid, self.entropies), weights / weights.sum()
