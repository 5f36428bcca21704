"""The map of etl.text: a reader finds every module in the docstring of the package."""

import pkgutil
import re

import etl.text
from etl.text import evaluation
from etl.text.evaluation.tasks import TASKS


def test_the_package_says_where_each_of_its_modules_belongs() -> None:
    named = set(re.findall(r"`(\w+)`", etl.text.__doc__ or ""))
    assert named == {module.name for module in pkgutil.iter_modules(etl.text.__path__)}


def test_every_task_of_evaluation_is_of_a_module_there() -> None:
    held = {f"{evaluation.__name__}.{module.name}" for module in pkgutil.iter_modules(evaluation.__path__)}
    assert {where.split(":")[0] for where in TASKS.values()} <= held
