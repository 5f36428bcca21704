"""What is learned: screening, recipes, latent-variable Gaussian processes, design, evaluators. Frames in and frames out."""
