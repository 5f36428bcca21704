"""Latent-variable Gaussian processes and the baselines behind the same interface."""
