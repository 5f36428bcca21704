"""Diversity of values and of feature vectors, finite where differential entropy is not."""

from dataclasses import dataclass

import numpy as np

from schemas.arrays import Floats
from schemas.errors import InputError

_NEIGHBOUR = 3
VENDI_ROWS = 2000


@dataclass(frozen=True)
class MixedEntropy:
    """Entropy of a sample that is part atoms, part density.

    Attributes:
        entropy: nats (of the values' unit); None for fewer than two values.
        atom_share: share of rows that sit on an atom, a value repeated too often to be chance.
        atoms: number of atoms.
    """

    entropy: float | None
    atom_share: float | None
    atoms: int


def mixed_entropy(values: Floats, *, atom_share: float = 0.02, atom_count: int = 4) -> MixedEntropy:
    """Entropy of the atom plus density parts: H = -sum p_a ln p_a - p_c ln p_c + p_c h(f_c).

    Half of measured gaps are exactly 0, where differential entropy alone is minus infinity. The density's h is the
    Kozachenko-Leonenko estimate (Probl. Peredachi Inf. 23, 9 (1987)) with the third neighbour; distances are held
    above the resolution of the data, so rounding cannot send it to minus infinity.

    Args:
        values: shape (n,), finite.
        atom_share: a value is an atom where it makes up at least this share of the rows,
        atom_count: and occurs at least this often.
    """
    n = len(values)
    if n < 2:
        return MixedEntropy(None, None, 0)
    kinds, counts = np.unique(values, return_counts=True)
    is_atom = counts >= max(atom_count, atom_share * n)
    p_atoms = counts[is_atom] / n
    rest = np.repeat(kinds[~is_atom], counts[~is_atom])
    p_rest = len(rest) / n
    h = -float(np.sum(p_atoms * np.log(p_atoms)))
    if len(rest):
        h += -p_rest * float(np.log(p_rest)) + p_rest * _density_entropy(rest)
    return MixedEntropy(h, float(p_atoms.sum()), int(is_atom.sum()))


def _density_entropy(values: Floats) -> float:
    """Kozachenko-Leonenko estimate in one dimension, nats; values sorted, shape (n,)."""
    from scipy.special import digamma

    n = len(values)
    if n < 2:
        return 0.0
    k = min(_NEIGHBOUR, n - 1)
    padded = np.concatenate([np.full(k, -np.inf), values, np.full(k, np.inf)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, k + 1)
    spans = np.stack([np.maximum(values - windows[i : i + n, 0], windows[i : i + n, k] - values) for i in range(k + 1)])
    gaps = np.diff(values)
    positive = gaps[gaps > 0]
    floor = float(positive.min()) / 2 if len(positive) else float(np.finfo(np.float64).tiny) ** 0.1
    return float(digamma(n) - digamma(k) + np.mean(np.log(2 * np.maximum(spans.min(axis=0), floor))))


def vendi_score(features: Floats, *, bandwidth: float | None = None, seed: int = 0) -> float:
    """Effective number of distinct items: exp of the entropy of the eigenvalues of K / n.

    Friedman and Dieng, Trans. Mach. Learn. Res. (2023), arXiv 2210.02410, equation 1, with a Gaussian kernel on
    standardized columns. Between 1 (all alike) and n (all different). Sets above `VENDI_ROWS` rows are sampled.

    Args:
        features: shape (n, d), finite.
        bandwidth: kernel width in standard deviations; the median distance if not given.
        seed: of the sample.

    Raises:
        InputError: no rows, or values that are not finite.
    """
    x = np.asarray(features, dtype=np.float64)
    if x.ndim != 2 or not len(x) or not np.isfinite(x).all():
        raise InputError.of(f"features of shape {x.shape}", "vendi_score", "give finite numbers, one row an item")
    if len(x) > VENDI_ROWS:
        x = x[np.sort(np.random.default_rng(seed).choice(len(x), VENDI_ROWS, replace=False))]
    sd = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(sd > 0, sd, 1.0)
    squares = np.maximum(np.sum(x**2, axis=1)[:, None] + np.sum(x**2, axis=1)[None, :] - 2 * x @ x.T, 0.0)
    positive = squares[squares > 1e-12]
    width2 = bandwidth**2 if bandwidth is not None else float(np.median(positive)) if len(positive) else 1.0
    values = np.linalg.eigvalsh(np.exp(-squares / (2 * width2)) / len(x))
    values = values[values > 1e-12]
    return float(np.exp(-np.sum(values * np.log(values))))
