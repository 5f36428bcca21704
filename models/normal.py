"""What is known in closed form of normal distributions, as several packages use it."""

import numpy as np
from scipy.special import ndtr

from schemas.arrays import Floats


def excess(mean: Floats, deviation: Floats, bound: Floats | float) -> Floats:
    """E[(Y - bound)+] of normal Y, the expected improvement on a bound; arguments are broadcast."""
    z = (mean - bound) / deviation
    return np.asarray(deviation * (np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) + z * ndtr(z)))
