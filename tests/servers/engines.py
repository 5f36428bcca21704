"""Which engines can be run on this machine."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest


def has(variable: str, module: str) -> Callable[..., Any]:
    """Skips a test where the Python of an engine has it not."""
    python = os.environ.get(variable, sys.executable)
    done = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
    return pytest.mark.skipif(done.returncode != 0, reason=f"no {module} in {variable}")
