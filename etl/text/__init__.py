"""Reading documents: normalisation, selection, discovery, classes, formulas and extraction."""
