"""Screening for metals, insulators and metal-insulator transitions: frames in, frames out.

`train`, `evaluate`, `predict`, `explain`, `families` and the transition-temperature model live in the modules of
those names. Features are computed by `etl.features`; labelled compounds are passed in by the caller.
"""

CLASSES = ("metal", "insulator", "mit")
MIT = CLASSES.index("mit")
