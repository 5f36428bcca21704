"""The one base class of errors a person can mend.

Every package raises subclasses of `MatloomError` whose text is ``<what> in <where>: <remedy>``; the command line
prints that text on one line and exits with 2 (bad input) or 1 (work that failed).
"""

from collections.abc import Mapping, Sequence
from typing import Any


class MatloomError(Exception):
    """Base of all errors of the project; the message says what, where and how to mend it."""

    exit_code = 1


class InputError(MatloomError):
    """Input that cannot be used: a missing file, a missing column, an unknown key, unreadable bytes."""

    exit_code = 2

    @classmethod
    def of(cls, what: str, where: object, remedy: str) -> "InputError":
        """Builds the error from its three parts, on one line."""
        return cls(" ".join(f"{what} in {where}: {remedy}".split()))

    @classmethod
    def invalid(cls, problems: Sequence[Mapping[str, Any]], where: object, remedy: str) -> "InputError":
        """Builds the error from what pydantic found (`ValidationError.errors()`).

        An unknown key comes first: a misspelt key also makes the right one missing, which says less.
        """
        first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        said = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        return cls.of(f"{place} ({said})", where, remedy)
