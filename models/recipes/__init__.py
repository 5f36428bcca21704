"""Synthesis planning from mined recipes: route, conditions, precursors, and a readable recommendation.

`training` fits and predicts, `balance` closes reactions exactly, `precursors` proposes them, `recommend` writes the
page, `scoring` measures. Training tables are passed in; mining them is the work of `etl.text`.
"""

ROUTES = ("solid-state", "sol-gel", "hydrothermal", "precipitation")
CONDITIONS = (
    "sinter_temperature_K",
    "calcine_temperature_K",
    "max_temperature_K",
    "sinter_time_h",
    "calcine_time_h",
)
HEATS = CONDITIONS[:3]
"""Those that are temperatures."""
