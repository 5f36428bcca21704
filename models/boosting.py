"""Boosted trees of numbers as several packages use them.

What is the same everywhere stands here: seven tenths of the rows a tree, one thread, the same trees at every run.
Callers choose sizes; the classifier of the screen has its own parameters in `models.screening.members`.
"""

from typing import Any


def regressor(*, seed: int, **sizes: Any) -> Any:
    """A LightGBM regressor, not yet fitted.

    Args:
        seed: of the rows and columns that trees see.
        sizes: further parameters of `lightgbm.LGBMRegressor`.
    """
    from lightgbm import LGBMRegressor

    return LGBMRegressor(
        subsample=0.7,
        subsample_freq=1,
        n_jobs=1,
        random_state=seed,
        verbose=-1,
        deterministic=True,
        force_row_wise=True,
        **sizes,
    )
