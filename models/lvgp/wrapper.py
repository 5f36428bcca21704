"""The Gaussian process as a botorch model: an even mixture over parameter sets, usable by every botorch acquisition."""

from typing import Any

from botorch import settings
from botorch.models import SingleTaskGP
from botorch.models.transforms import Standardize
from botorch.posteriors.fully_bayesian import MCMC_DIM, GaussianMixturePosterior
from gpytorch.constraints import GreaterThan
from gpytorch.likelihoods import FixedNoiseGaussianLikelihood, GaussianLikelihood
from gpytorch.means import ZeroMean
from torch import Size, Tensor

from models.lvgp.kernel import FLOOR, MixedKernel


class MixedGP(SingleTaskGP):  # type: ignore[misc]
    """An exact Gaussian process of one output over rows of codes and numbers.

    Args:
        inputs: n x (m + d), codes first; see `models.lvgp.encoding`.
        outputs: n values, in their own units.
        kernel: carries the s parameter sets.
        noise: variances of standardised outputs, s x n, or s x 1 where all rows have the same.
    """

    _is_ensemble = True

    def __init__(self, inputs: Tensor, outputs: Tensor, kernel: MixedKernel, noise: Tensor) -> None:
        batch = kernel.batch_shape
        with settings.validate_input_scaling(False):  # codes are no numbers
            super().__init__(
                inputs.expand(*batch, *inputs.shape),
                outputs[:, None].expand(*batch, len(outputs), 1),
                likelihood=_likelihood(noise, batch),
                covar_module=kernel,
                mean_module=ZeroMean(batch_shape=batch),
                outcome_transform=Standardize(m=1, batch_shape=batch),
            )

    def posterior(self, X: Tensor, *args: Any, **kwargs: Any) -> GaussianMixturePosterior:
        """Joint posterior of q rows, ... x q x (m + d): one normal a parameter set, evenly weighted."""
        single = super().posterior(X.unsqueeze(MCMC_DIM), *args, **kwargs)
        return GaussianMixturePosterior(distribution=single.distribution)

    def condition_on_observations(self, X: Tensor, Y: Tensor, **kwargs: Any) -> "MixedGP":
        """The model that also knows q rows, q x (m + d), and their values, q x 1: the same in every parameter set."""
        if X.ndim == Y.ndim == 2:
            X, Y = (part.repeat(*self.batch_shape, 1, 1) for part in (X, Y))
        found: MixedGP = super().condition_on_observations(X, Y, **kwargs)
        return found


def _likelihood(noise: Tensor, batch: Size) -> Any:
    if noise.shape[1] > 1:
        return FixedNoiseGaussianLikelihood(noise=noise, batch_shape=batch)
    made = GaussianLikelihood(batch_shape=batch, noise_constraint=GreaterThan(FLOOR / 2)).double()
    made.noise = noise
    return made
