"""What an OPTIMADE service refuses, with the HTTP status that the specification wants."""

from schemas.errors import InputError


class ServiceError(InputError):
    """A request that is not answered."""

    status = 500
    title = "Error"


class BadRequestError(ServiceError):
    """The client asked something that means nothing."""

    status, title = 400, "Bad Request"


class ForbiddenError(ServiceError):
    """The client asked for too much at once."""

    status, title = 403, "ForbiddenError"


class NotFoundError(ServiceError):
    """No such address."""

    status, title = 404, "Not Found"


class UnsupportedError(ServiceError):
    """An optional part of the specification that is not there."""

    status, title = 501, "Not Implemented"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not supported here")


class VersionError(ServiceError):
    """A version of the specification that is not served."""

    status, title = 553, "Version Not Supported"
