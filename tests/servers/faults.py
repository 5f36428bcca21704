"""How an answer goes wrong: each fault by name. `literature` asks `spoiled` for the bytes and does what is of the wire.

`NAME:N` spoils the N-th request, `NAME` every one.
"""

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from tests.servers.protocols import JSON, Answer

Change = Callable[[Answer], Answer]
WIRE = {
    "hang": "says nothing",
    "drip": "sends a byte now and then",
    "drip-head": "sends its headers so",
    "short": "sends half of what Content-Length says",
    "chunk-cut": "breaks off a chunked answer",
    "drop": "hangs up",
}
"""Faults of the connection, done by the handler."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and at which request (from 1); at every one if none is named."""

    name: str
    number: int | None = None

    @classmethod
    def of(cls, text: str) -> "Fault":
        """Reads ``NAME`` or ``NAME:N``."""
        name, _, number = text.partition(":")
        if name not in names():
            raise ValueError(f"no fault {name!r}; there are {', '.join(names())}")
        return cls(name, int(number) if number else None)


def names() -> list[str]:
    """All that can go wrong."""
    return sorted({*WIRE, *CHANGES, *REDIRECTS})


def spoiled(answer: Answer, name: str, *, path: str, elsewhere: str) -> Answer:
    """The answer with that fault; the good one where the fault is one of the wire."""
    if name in REDIRECTS:
        return Answer(b"", status=302, headers={"Location": REDIRECTS[name](path, elsewhere)})
    return CHANGES[name](answer) if name in CHANGES else answer


def _status(code: int, headers: dict[str, str] | None = None) -> Change:
    return lambda _: Answer(b"<html>no</html>", "text/html", code, headers or {})


def _body(change: Callable[[bytes], bytes]) -> Change:
    return lambda answer: replace(answer, body=change(answer.body))


def _sub(pattern: bytes, new: bytes, count: int = 0) -> Change:
    return _body(lambda body: re.sub(pattern, new, body, count=count, flags=re.DOTALL))


def _later(_: Answer) -> Answer:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)  # dates have whole seconds
    return Answer(b"", status=429, headers={"Retry-After": when})


def _half(body: bytes) -> bytes:
    return body[: len(body) // 2]


def _bomb(answer: Answer) -> Answer:
    packed = gzip.compress(b"<a>" + b" " * 6_000_000, 1)
    return replace(answer, body=packed, headers={"Content-Encoding": "gzip"})


def _gzip(answer: Answer, cut: int = 0) -> Answer:
    packed = gzip.compress(answer.body, 1)
    return replace(answer, body=packed[: len(packed) - cut], headers={"Content-Encoding": "gzip"})


_ENTITIES = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
_DOCTYPE = rb"\A(?:<\?xml[^>]*\?>)?"
CHANGES: dict[str, Change] = {
    "429": _status(429, {"Retry-After": "1"}),
    "429-date": _later,
    "429-long": _status(429, {"Retry-After": "86400"}),
    "401": _status(401),
    "403": _status(403),
    "404": _status(404),
    "500": _status(500),
    "503": _status(503, {"Retry-After": "0"}),
    "html": lambda _: Answer(b"<html><body>back soon</body></html>", "text/html"),
    "cut": _body(_half),
    "nothing": _body(lambda _: b""),
    "garbage": lambda answer: replace(answer, body=b'{"message": ' if answer.kind == JSON else b"<OAI-PMH><record>"),
    "list": lambda answer: replace(answer, body=b"[]"),
    "deep": lambda answer: replace(answer, body=b'{"message": ' + b"[" * 200_000),
    "entity": _sub(_DOCTYPE, b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>', 1),
    "bomb": _sub(_DOCTYPE, f'<!DOCTYPE a [<!ENTITY l0 "ha">{_ENTITIES}]>'.encode(), 1),
    "gzip": _gzip,
    "gzip-bomb": _bomb,
    "gzip-cut": lambda answer: _gzip(answer, 20),
    "gzip-lie": lambda answer: replace(answer, headers={"Content-Encoding": "gzip"}),
    "encoding": lambda answer: replace(answer, headers={"Content-Encoding": "br"}),
    "charset": _sub(rb"On sample", "Über Probe".encode("latin-1"), 1),
    "latin": _body(lambda body: body.replace(b"UTF-8", b"ISO-8859-1").replace(b"On sample", "Über Probe".encode(), 1)),
    "api-error": _sub(
        rb"<entry>.*</entry>",
        b"<entry><id>http://arxiv.org/api/errors#x</id><title>Error</title><summary>bad query</summary></entry>",
    ),
    "named-entity": _sub(rb"On sample", b"On &alpha; sample", 1),
    "unknown-entity": _sub(rb"On sample", b"On &nosuchthing; sample", 1),
    "nul": _sub(rb"On sample", b"On \0 sample", 1),
    "nul-json": _sub(rb"On sample", rb"On \\u0000 \\ud800 sample", 1),
    "expired": _sub(rb"<ListRecords>.*</ListRecords>", b'<error code="badResumptionToken">expired</error>'),
    "last": _sub(rb"(<resumptionToken[^>]*>)[^<]*", rb"\1"),
    "half-list": _sub(rb"(<record>.*?</record>)(?:<record>.*</record>)?", rb"\1"),
    "empty": _sub(rb"<record>.*</record>", b""),
    "no-id": _sub(rb"<id>[^<]*</id>", b"<id/>", 1),
    "no-doi": _sub(rb'"DOI": "[^"]*"', b'"DOI": null', 1),
    "skew": _sub(rb"<responseDate>\d{4}", b"<responseDate>1999"),
    "loop": _sub(rb'((?:<resumptionToken[^>]*>|"next_?-?[cC]ursor(?:Mark)?": ")\d+\|\d+\|)\d+', rb"\g<1>2"),
    "huge": _body(lambda body: body + b" " * 3_000_000),
}
"""Faults of the answer."""
REDIRECTS: dict[str, Callable[[str, str], str]] = {
    "moved": lambda path, elsewhere: elsewhere + path,
    "around": lambda path, _: path,
    "file": lambda *_: "file:///etc/passwd",
}
"""Faults that send to another address: from the path asked for and the address of another host."""
