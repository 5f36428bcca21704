"""Latent-variable Gaussian processes: categorical levels become points of a plane (Zhang et al., Technometrics 2020).

`encoding` turns rows into codes, `descriptors` describes levels, `kernel` turns codes into covariances, `inference`
finds parameters, `surrogate` makes a botorch model of them, `model` is what callers use. Nothing is imported here, for
all but `encoding` is heavy. What to evaluate next is decided in `models.design`.
"""
