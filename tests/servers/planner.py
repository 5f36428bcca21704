"""The recipe models of the syntheses that ship, trained once for all tests of a process."""

import functools

from etl import reference
from models.recipes import training


@functools.cache
def planner() -> training.RecipeModel:
    """The models; nothing may change them."""
    return training.train(reference.recipe_facts())
