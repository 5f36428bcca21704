"""The one base class of errors a person can mend.

Every package raises subclasses of `MatloomError` whose text is ``<what> in <where>: <remedy>``; the command line
prints that text on one line and exits with 2 (bad input) or 1 (work that failed).
"""


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
