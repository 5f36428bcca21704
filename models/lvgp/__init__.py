"""Latent-variable Gaussian processes: categorical levels become points of a plane (Zhang et al., Technometrics 2020).

`model` is what callers use, `interface` what they get, `kinds` what there is to choose from. `encoding` turns rows
into codes, `descriptors` describes levels, `kernel` turns codes into covariances, `inference` finds modes and `bayes`
draws by `sampling`, `exact` predicts from them, `wrapper` is the botorch model; `sparse` and `forest` learn in other
ways. `noise` and `sources` prepare what is told. Nothing is imported here, for all but `encoding` and `kinds` is heavy.
What to evaluate next is decided in `models.design`.
"""
