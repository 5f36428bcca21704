"""Web addresses: what of them may be shown, where a redirect may lead, and which host may see a key.

Asking is in `etl.http`.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit, urlunsplit

import httpx


class AddressError(Exception):
    """An address that is not gone to; the text says why and shows none of it."""


@dataclass(frozen=True)
class Secrets:
    """Keys for one service: query parameters and headers that only its own host may see."""

    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        return bool(self.parameters or self.headers)


NO_SECRETS = Secrets()


def checked(url: str) -> str:
    """The address itself, if it is one of the web.

    Raises:
        AddressError: it is not.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and bool(httpx.URL(url))
    except (ValueError, httpx.InvalidURL):
        good = False
    if not good:
        raise AddressError("no web address")
    return url


def shown(url: str) -> str:
    """An address fit for errors, page names and logs: without query, user and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rsplit('@', 1)[-1]}{parts.path}"


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """An address with parameters set in its query."""
    if not parameters:
        return url
    parts = urlsplit(url)
    kept = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k not in parameters]
    return urlunsplit(parts._replace(query=urlencode([*kept, *parameters.items()]), fragment=""))


def moved(asked: str, location: str, secrets: Secrets) -> str:
    """Where a redirect leads, cleared of secrets that it may echo.

    Raises:
        AddressError: off HTTP, or from https to http.
    """
    try:
        target = urlsplit(checked(urljoin(asked, location)))
    except (ValueError, AddressError):
        raise AddressError("a redirect to no web address") from None
    if urlsplit(asked).scheme == "https" and target.scheme == "http" and not loopback(target.geturl()):
        raise AddressError("a redirect from https to http")
    told = {*secrets.parameters.values(), *secrets.headers.values()}
    query = parse_qsl(target.query, keep_blank_values=True)
    kept = [(k, v) for k, v in query if k not in secrets.parameters and v not in told]
    cleared = target if len(kept) == len(query) else target._replace(query=urlencode(kept))
    if any(value in unquote(cleared.geturl()) for value in told):
        raise AddressError("a redirect that gives a key away")
    return cleared.geturl()


def same_host(one: str, other: str) -> bool:
    """Whether two addresses are one service: same name and port, or the same name moved from http to https."""
    a, b = urlsplit(one), urlsplit(other)
    ports = {"http": 80, "https": 443}
    here, there = ((p.scheme, p.port or ports.get(p.scheme)) for p in (a, b))
    upgraded = (here, there) == (("http", 80), ("https", 443))
    return a.hostname == b.hostname and (here == there or upgraded)


def loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
