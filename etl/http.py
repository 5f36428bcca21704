"""One way to ask a server: timeouts, retries with jitter, Retry-After, a pause per host, a size cap.

Errors never show the query of an address, which may hold a key.
Connectors are in `etl.sources`; what they keep of an answer is theirs.
"""

import random
import time
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import urlsplit

import httpx

from schemas.errors import MatloomError

AGENT = "matloom/0.1 (materials literature harvest)"
# Seconds between two requests to a host, from the services' terms of use.
PAUSES = {"export.arxiv.org": 3.0, "oaipmh.arxiv.org": 3.0}
_AGAIN = {408, 425, 429, 500, 502, 503, 504}


class FetchError(MatloomError):
    """A server could not be reached, refused, or sent half an answer."""

    @classmethod
    def of(cls, what: str, where: str, remedy: str) -> "FetchError":
        """Builds the error from its three parts, on one line."""
        return cls(" ".join(f"{what} in {where}: {remedy}".split()))


class Client:
    """Asks politely, one request at a time.

    Args:
        tries: requests before giving up.
        timeout_s: for connecting and for each read.
        pauses: seconds between requests by host; hosts not named get none.
        most_bytes: larger answers are refused.
        seed: of the jitter.
    """

    def __init__(
        self,
        *,
        tries: int = 5,
        timeout_s: float = 60.0,
        pauses: Mapping[str, float] = PAUSES,
        most_bytes: int = 200_000_000,
        seed: int = 0,
        backoff_s: float = 1.0,
    ) -> None:
        self._client = httpx.Client(timeout=timeout_s, headers={"User-Agent": AGENT}, follow_redirects=True)
        self._tries, self._pauses, self._most, self._backoff = tries, dict(pauses), most_bytes, backoff_s
        self._last: dict[str, float] = {}
        self._random = random.Random(seed)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, url: str, parameters: Mapping[str, str] | None = None) -> bytes:
        """The body of a GET.

        Raises:
            FetchError: refused, not reached, or broken off after all tries; the text never holds the query.
        """
        host = urlsplit(url).hostname or ""
        shown = f"{urlsplit(url).scheme}://{urlsplit(url).netloc.rsplit('@', 1)[-1]}{urlsplit(url).path}"
        why = "no answer"
        for attempt in range(self._tries):
            self._wait(host)
            try:
                return self._once(url, parameters, shown)
            except httpx.HTTPStatusError as error:
                code = error.response.status_code
                why = f"status {code}"
                if code not in _AGAIN:
                    raise FetchError.of(why, shown, "check address and access") from None
                pause = _retry_after(error.response.headers.get("Retry-After"))
            except httpx.TransportError as error:
                why, pause = f"{type(error).__name__}", None
            if attempt + 1 < self._tries:
                wait = self._backoff * 2**attempt * (0.5 + self._random.random())
                time.sleep(max(wait, pause or 0.0))
        raise FetchError.of(f"{why} after {self._tries} tries", shown, "try again later; nothing was stored")

    def _once(self, url: str, parameters: Mapping[str, str] | None, shown: str) -> bytes:
        with self._client.stream("GET", url, params=dict(parameters or {})) as answer:
            answer.raise_for_status()
            body = bytearray()
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > self._most:
                    raise FetchError.of(f"more than {self._most} bytes", shown, "ask for less at once")
        return bytes(body)

    def _wait(self, host: str) -> None:
        pause = self._pauses.get(host, 0.0)
        rest = self._last.get(host, -pause) + pause - time.monotonic()
        if rest > 0:
            time.sleep(rest)
        self._last[host] = time.monotonic()


def _retry_after(value: str | None) -> float | None:
    """Seconds asked for by the server, at most ten minutes; dates are left to the backoff."""
    return min(float(value), 600.0) if value and value.strip().isdigit() else None
