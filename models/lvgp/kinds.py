"""The kinds of surrogates there are, each a way to place levels and a way to learn.

A new kind is a line here; a new way to place belongs in `kernel`, a new way to learn in `model.LEARNERS`.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["lvgp", "lvgp-descriptor", "lvgp-bayes", "lvgp-svi", "onehot", "hamming", "gower", "forest"]
Place = Literal["free", "corners", "mismatch", "gower"]
Way = Literal["modes", "draws", "inducing", "trees"]


@dataclass(frozen=True)
class Traits:
    """What a kind is.

    Attributes:
        place: of levels; see `models.lvgp.kernel.Space`.
        way: how it learns: an ensemble of modes, draws of the posterior, inducing points, or trees.
        described: whether descriptors of levels are used where there are some.
        dims: of the points of levels.
    """

    place: Place
    way: Way = "modes"
    described: bool = False
    dims: int = 2

    @property
    def exact(self) -> bool:
        """Whether it is an exact process, of which several outputs can be fitted together."""
        return self.way in ("modes", "draws")


KINDS: dict[Kind, Traits] = {
    "lvgp": Traits("free"),
    "lvgp-descriptor": Traits("free", described=True),
    "lvgp-bayes": Traits("free", "draws", described=True),
    "lvgp-svi": Traits("free", "inducing", described=True, dims=4),
    "onehot": Traits("corners"),
    "hamming": Traits("mismatch"),
    "gower": Traits("gower"),
    "forest": Traits("corners", "trees", described=True),
}
