"""Bounds on what a server may do to a run: how often it is asked, how long it may take, how much it may send.

Asking itself, and what may travel to whom, is in `etl.http`.
"""

import re
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore
import httpx

RATIO = 200
"""Decoded bytes for one sent, above which (and above `SMALL`) an answer is taken for a bomb."""
SMALL = 10_000_000
_BLOCK = 1 << 20
_INTERVAL = re.compile(r"(\d+(?:\.\d+)?)\s*s?")


class TooMuchError(Exception):
    """More bytes than allowed; the text says how."""


class CutShortError(Exception):
    """An answer that ends before its end, or cannot be unpacked; worth another try."""


class Pace:
    """The pause between two requests to a host: as set, and longer where the host's own headers ask for it.

    Args:
        pauses: seconds by host name.
    """

    def __init__(self, pauses: Mapping[str, float]) -> None:
        self._set, self._told = dict(pauses), dict[str, float]()
        self._last: dict[str, float] = {}

    def pause(self, host: str) -> float:
        """Seconds between two requests to a host."""
        return max(self._set.get(host, 0.0), self._told.get(host, 0.0))

    def wait(self, host: str) -> None:
        """Sleeps until the host may be asked again."""
        pause = self.pause(host)
        rest = self._last.get(host, -pause) + pause - time.monotonic()
        if rest > 0:
            time.sleep(rest)
        self._last[host] = time.monotonic()

    def learn(self, host: str, headers: Mapping[str, str]) -> None:
        """Takes over what X-Rate-Limit-Limit and X-Rate-Limit-Interval say (requests, and ``1s``)."""
        limit = headers.get("x-rate-limit-limit", "").strip()
        interval = _INTERVAL.fullmatch(headers.get("x-rate-limit-interval", "").strip())
        if limit.isdecimal() and int(limit) > 0 and interval:
            self._told[host] = min(float(interval[1]) / int(limit), 60.0)


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, given as a number or as a date; None where it says neither."""
    text = (value or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        asked = parsedate_to_datetime(text)
    except ValueError:
        return None
    asked = asked if asked.tzinfo else asked.replace(tzinfo=UTC)
    return max(0.0, (asked - datetime.now(UTC)).total_seconds())


def unpacked(chunks: Iterable[bytes], encoding: str, *, most: int) -> Iterator[bytes]:
    """Decoded pieces of at most one megabyte each of a body sent plain or gzipped.

    Args:
        chunks: bytes as sent.
        encoding: the Content-Encoding.
        most: decoded bytes allowed.

    Raises:
        TooMuchError: more bytes than allowed, or a ratio that only a bomb has.
        CutShortError: no gzip, or its end is missing; an encoding that was not asked for.
    """
    name = encoding.strip().lower()
    if name not in {"", "identity", "gzip", "x-gzip"}:
        raise CutShortError(f"encoding {name[:40]!r}")
    sent = decoded = 0
    unzip = zlib.decompressobj(31) if name.endswith("gzip") else None
    for chunk in chunks:
        sent += len(chunk)
        pieces = _pieces(unzip, chunk) if unzip else iter((chunk,))
        for piece in pieces:
            decoded += len(piece)
            if decoded > most:
                raise TooMuchError(f"more than {most} bytes")
            if decoded > SMALL and decoded > RATIO * sent:
                raise TooMuchError(f"{decoded} bytes out of {sent}, a packing that only bombs have")
            yield piece
    if unzip and sent and not unzip.eof:
        raise CutShortError("half a gzip")


def _pieces(unzip: Any, chunk: bytes) -> Iterator[bytes]:
    try:
        while chunk and not unzip.eof:
            yield unzip.decompress(chunk, _BLOCK)
            chunk = unzip.unconsumed_tail
    except zlib.error:
        raise CutShortError("no gzip") from None
    if unzip.eof and (chunk or unzip.unused_data).strip(b"\0"):
        raise CutShortError("bytes after the end of the gzip")


class Deadline:
    """The moment by which the current answer must be whole; every read and write of a socket is cut to it.

    A read timeout alone does not do: a server that sends a byte now and then never trips it.
    """

    def __init__(self) -> None:
        self._end = float("inf")

    def start(self, seconds: float) -> None:
        """Sets the deadline so many seconds from now."""
        self._end = time.monotonic() + seconds

    def left(self, timeout: float | None) -> float:
        """The timeout, shortened to what is left.

        Raises:
            httpcore.ReadTimeout: nothing is left.
        """
        rest = self._end - time.monotonic()
        if rest <= 0:
            raise httpcore.ReadTimeout("deadline")
        return rest if timeout is None else min(timeout, rest)

    def over(self) -> bool:
        """Whether it has passed."""
        return time.monotonic() >= self._end

    def hold(self, client: httpx.Client) -> None:
        """Makes the connections of a client keep this deadline, through a proxy or not."""
        for transport in (client._transport, *client._mounts.values()):
            if isinstance(transport, httpx.HTTPTransport):  # the only place where httpx keeps its sockets
                pool = transport._pool
                pool._network_backend = _Backend(pool._network_backend, self)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend, deadline: Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout)
        return _Stream(self._inner.connect_tcp(host, port, left, local_address, socket_options), self._deadline)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
