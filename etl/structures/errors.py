"""Why a structure is refused."""

from schemas.errors import InputError


class StructureError(InputError):
    """A text that holds no structure fit for use; the message is the reason, in a few words."""
