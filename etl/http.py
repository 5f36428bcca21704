"""One way to ask a server: timeouts, retries with jitter, a pace per host, bounded answers, and secrets kept.

Secrets come from the environment, go to the host they are meant for and to no other, and are in no error, page name or
log. Bounds are in `etl.limits`, who may see what in `etl.addresses`, connectors in `etl.sources` and `etl.structures`.
"""

import logging
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from etl import limits
from etl.addresses import NO_SECRETS, AddressError, Secrets, checked, loopback, moved, same_host, shown, with_parameters
from schemas.errors import InputError, MatloomError

# Seconds between two requests to a host, from the services' terms of use.
PAUSES = {
    "export.arxiv.org": 3.0,
    "oaipmh.arxiv.org": 3.0,
    "api.crossref.org": 1.0,
    "api.openalex.org": 0.1,
    "www.ebi.ac.uk": 0.2,
    "www.crystallography.net": 1.0,
}
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_MOVED = {301, 302, 303, 307, 308}
_HOPS = 5
for _name in ("httpx", "httpcore"):  # they log whole addresses, keys and all
    logging.getLogger(_name).setLevel(logging.WARNING)
_log = logging.getLogger(__name__)


class FetchError(MatloomError):
    """A server could not be reached, refused, or sent half an answer.

    Attributes:
        status: the HTTP status of a refusal; None where there was no answer fit for use.
    """

    status: int | None = None

    @classmethod
    def of(cls, what: str, where: str, remedy: str, *, status: int | None = None) -> Self:
        """Builds the error from its three parts, on one line."""
        error = cls(" ".join(f"{what} in {where}: {remedy}".split()))
        error.status = status
        return error


class OversizeError(FetchError):
    """An answer larger than allowed, or a bomb; asking again does not mend it."""


@dataclass(frozen=True)
class Validator:
    """What a server said of the state of an answer, to be sent back so that the same is not sent again."""

    etag: str | None
    last_modified: str | None


def secret(variable: str, *, source: str) -> str:
    """A key from the environment.

    Raises:
        InputError: it is not set; the text names the variable, so that a caller can go on without the source.
    """
    found = os.environ.get(variable, "").strip()
    if not found or not found.isprintable():
        raise InputError.of(f"no key for {source}", variable, "set it to use this source; the others need it not")
    return found


def contact() -> str | None:
    """The address under which services may reach who runs this, from MATLOOM_CONTACT."""
    found = os.environ.get("MATLOOM_CONTACT", "").strip()
    return found if found and found.isprintable() and found.isascii() else None


def mailto() -> dict[str, str]:
    """The parameter by which some services are told of `contact`, where there is one."""
    known = contact()
    return {"mailto": known} if known else {}


class Client:
    """Asks politely, one request at a time.

    Args:
        tries: requests before giving up.
        timeout_s: for connecting and for each read.
        deadline_s: for a whole answer, however steadily it drips.
        pauses: seconds between requests by host; a host's own rate headers can lengthen them.
        most_bytes: larger answers are refused, counted after unpacking.
        patience_s: a longer Retry-After ends the tries at once.
        seed: of the jitter.
        backoff_s: first wait after a failure; it doubles.
    """

    def __init__(
        self,
        *,
        tries: int = 5,
        timeout_s: float = 60.0,
        deadline_s: float = 600.0,
        pauses: Mapping[str, float] = PAUSES,
        most_bytes: int = 200_000_000,
        patience_s: float = 600.0,
        seed: int = 0,
        backoff_s: float = 1.0,
    ) -> None:
        known = contact()
        agent = "matloom/0.1 (materials literature harvest" + (f"; mailto:{known})" if known else ")")
        self._client = httpx.Client(timeout=timeout_s, headers={"User-Agent": agent, "Accept-Encoding": "gzip"})
        self._deadline, self._deadline_s = limits.Deadline(), deadline_s
        self._deadline.hold(self._client)
        self._tries, self._most, self._backoff, self._patience = tries, most_bytes, backoff_s, patience_s
        self._pace = limits.Pace(pauses)
        self._random = random.Random(seed)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, url: str, parameters: Mapping[str, str] | None = None, *, secrets: Secrets = NO_SECRETS) -> bytes:
        """The body of a GET.

        Raises:
            FetchError: refused, not reached, or broken off after all tries; the text never holds the query.
        """
        return self._ask(url, parameters, secrets)[0]

    def post(self, url: str, content: bytes, *, secrets: Secrets = NO_SECRETS) -> bytes:
        """The body of the answer to JSON that is posted; a redirect is not followed but refused.

        Raises:
            FetchError: as for `get`.
        """
        return self._ask(url, None, secrets, content=content)[0]

    def get_if_changed(
        self,
        url: str,
        parameters: Mapping[str, str] | None = None,
        *,
        known: Validator | None = None,
        secrets: Secrets = NO_SECRETS,
    ) -> tuple[bytes, Validator] | None:
        """The body and its validator, or None: unchanged since the answer that came with the known validator.

        The caller stores the validator once what it made of the body is stored: kept earlier, a kill between the two
        would lose the body for good.

        Raises:
            FetchError: as for `get`.
        """
        body, status, headers = self._ask(url, parameters, secrets, known=known)
        if status == 304:
            return None
        return body, Validator(headers.get("etag"), headers.get("last-modified"))

    def _ask(
        self,
        url: str,
        parameters: Mapping[str, str] | None,
        secrets: Secrets,
        *,
        known: Validator | None = None,
        content: bytes | None = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        where, why, pause = _where(url), "no answer", None
        for attempt in range(self._tries):
            try:
                asked = with_parameters(checked(url), parameters or {})
                body, status, headers = self._follow(asked, secrets, known, content)
            except (httpx.TransportError, limits.CutShortError) as error:
                why, pause = "no whole answer in time" if self._deadline.over() else _named(error), None
            except AddressError as error:
                raise FetchError.of(str(error), where, "check the address of the service") from None
            except limits.TooMuchError as error:
                raise OversizeError.of(str(error), where, "ask for less at once") from None
            else:
                if status == 200 or (status == 304 and known):
                    return body, status, headers
                why, pause = f"status {status}", limits.retry_after(headers.get("retry-after"))
                if status not in _AGAIN:
                    raise FetchError.of(why, where, "check address and access", status=status)
            if pause is not None and pause > self._patience:
                raise FetchError.of(f"{why}, asked to wait {pause:.0f} s", where, "try again after that time")
            if attempt + 1 < self._tries:
                wait = self._backoff * 2**attempt * (0.5 + self._random.random())
                time.sleep(max(wait, pause or 0.0))
        raise FetchError.of(f"{why} after {self._tries} tries", where, "try again later; nothing was stored")

    def _follow(
        self, url: str, secrets: Secrets, known: Validator | None, content: bytes | None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Asks, and follows redirects; what is secret goes to the first host only."""
        home, asked = url, url
        for _ in range(_HOPS + 1):
            at_home = same_host(home, asked)
            if at_home and secrets and urlsplit(asked).scheme != "https" and not loopback(asked):
                raise AddressError("a key would go over an open line")
            target = with_parameters(asked, secrets.parameters) if at_home else asked
            headers = dict(secrets.headers) if at_home else {}
            headers |= {"If-None-Match": known.etag} if known and known.etag else {}
            headers |= {"If-Modified-Since": known.last_modified} if known and known.last_modified else {}
            body, status, answered = self._once(target, headers, content)
            if status not in _MOVED or "location" not in answered or content is not None:
                return body, status, answered
            asked = moved(asked, answered["location"], secrets)
        raise AddressError(f"more than {_HOPS} redirects")

    def _once(
        self, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        host, start = urlsplit(url).hostname or "", time.monotonic()
        self._pace.wait(host)
        self._deadline.start(self._deadline_s)
        method = "GET" if content is None else "POST"
        kind = {} if content is None else {"Content-Type": "application/json"}
        with self._client.stream(method, url, headers={**headers, **kind}, content=content) as answer:
            self._pace.learn(host, answer.headers)
            body = bytearray()
            if answer.status_code == 200:
                packed = answer.headers.get("content-encoding", "")
                for piece in limits.unpacked(answer.iter_raw(), packed, most=self._most):
                    body += piece
        took = {"bytes": len(body), "seconds": round(time.monotonic() - start, 3)}
        _log.debug("%s %s %s", method, shown(url), answer.status_code, extra=took)
        return bytes(body), answer.status_code, answer.headers


def _where(url: str) -> str:
    try:
        return shown(checked(url))
    except AddressError:
        return "an address"


def _named(error: Exception) -> str:
    return str(error) if isinstance(error, limits.CutShortError) else type(error).__name__
