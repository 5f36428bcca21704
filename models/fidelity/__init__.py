"""Several fidelities of one quantity: a model of the one that counts, and campaigns that choose which to pay for.

Ways to join fidelities, and when each is used; `fit` chooses among the first five by cross-validation over chemical
systems, and may blend them (`top`, `choice`):

- `alone`: the composition only. The floor that the others must beat; best where no lower fidelity tells anything.
- `delta`: the difference to the best known lower fidelity, by trees. Best with some thousand pairs.
- `stack`, `boost`: the value itself, all lower fidelities among the inputs. Best where sources differ in more than an
  offset, or are many, such as half-filled columns of PBE, SCAN and HSE.
- `latent`: one Gaussian process with the source as a latent variable, for up to `latent.MOST` rows of the costly
  source (`models.lvgp.sources` is the process by itself, for other inputs).
- `campaign`: the values are not there yet, and each costs: two processes ask for the cheap or the costly one.
- `schemas.merging`: nothing is learned; of several tellings of one thing the most trusted counts.
"""

from models.fidelity.fused import Fused, fit, load, save

__all__ = ["Fused", "fit", "load", "save"]
