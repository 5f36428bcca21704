"""What is learned: screening, recipes, Gaussian processes, design, evaluators. Frames in and frames out."""
