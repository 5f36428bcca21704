"""A real HTTP server that speaks the protocols of literature and structure services, and misbehaves on demand.

    python tests/servers/literature.py --port 8770 --records 100000
    python tests/servers/literature.py --fault 503:2 --fault short:5

Addresses: /oai, /api/query (arXiv Atom), /crossref/works, /openalex/works, /europepmc (search, PMC<n>/fullTextXML),
/optimade/v1/structures, /cod (result, <n>.cif). In tests: ``with serving(records=100) as server: server.url``. Records
are made in `corpus`, answers in `protocols` and `crystals`, faults in `faults`.
"""

import argparse
import re
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

if not __package__:  # started as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.servers import crystals, protocols
from tests.servers.corpus import Corpus
from tests.servers.faults import WIRE, Fault, spoiled
from tests.servers.faults import names as fault_names
from tests.servers.plain import running
from tests.servers.protocols import Answer, Query

Protocol = Callable[..., Answer]
LISTS: dict[str, Protocol] = {
    "/oai": protocols.oai,
    "/api/query": protocols.atom,
    "/crossref/works": protocols.crossref,
    "/openalex/works": protocols.openalex,
    "/europepmc/search": protocols.europepmc,
}
_FULL_TEXT = re.compile(r"/europepmc/PMC(\d+)/fullTextXML")
_CIF = re.compile(r"/cod/(\d+)\.cif")


class Literature(ThreadingHTTPServer):
    """The server and all that it knows.

    Args:
        port: 0 takes a free one.
        records: records of the corpus.
        seed: of their text.
        last: day of the newest; today (UTC) if not given.
        per_day: records a day.
        page: most records a page.
        grow: new records a minute, dated with the last day.
        fault: what goes wrong, as in `faults`.
        elsewhere: the other host that the fault "moved" sends to.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        *,
        port: int = 0,
        records: int = 1000,
        seed: int = 0,
        last: date | None = None,
        per_day: int = 1000,
        page: int = 1000,
        grow: float = 0.0,
        fault: Sequence[str] = (),
        elsewhere: str = "",
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.corpus = Corpus(records, seed=seed, last=last or datetime.now(UTC).date(), per_day=per_day)
        self.page, self.grow, self.elsewhere = page, grow, elsewhere
        self.faults = [Fault.of(text) for text in fault]
        self.asked: list[str] = []
        self.heard: list[dict[str, str]] = []
        self.headers: dict[str, str] = {}
        self.done = threading.Event()
        self._start, self._born = time.monotonic(), records

    @property
    def url(self) -> str:
        """Address without a path."""
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str) -> Answer:
        """What is sent for a request, before any fault."""
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query))
        if self.grow:
            self.corpus.records = self._born + int((time.monotonic() - self._start) * self.grow / 60)
        if parts.path in LISTS:
            return LISTS[parts.path](self.corpus, query, size=self.page)
        return self._other(parts.path, query)

    def _other(self, path: str, query: Query) -> Answer:
        if path == "/optimade/v1/structures":
            return crystals.optimade(query, base=self.url, size=self.page)
        if path == "/cod/result":
            return crystals.cod_search(query)
        if found := _FULL_TEXT.fullmatch(path):
            return protocols.full_text(self.corpus, found[1])
        if found := _CIF.fullmatch(path):
            return crystals.cod_cif(found[1])
        return Answer(b"no such address", "text/plain", 404)

    def fault(self, number: int) -> str | None:
        """Name of the fault of the request of that number."""
        return next((f.name for f in self.faults if f.number in (None, number)), None)


class _Handler(BaseHTTPRequestHandler):
    server: Literature
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.heard.append({name.lower(): value for name, value in self.headers.items()})
        name, answer = self.server.fault(len(self.server.asked)), self.server.answer(self.path)
        if name:
            answer = spoiled(answer, name, path=self.path, elsewhere=self.server.elsewhere)
        tag = f'"{zlib.crc32(answer.body):08x}"'
        if self.headers.get("If-None-Match") == tag and answer.status == 200:
            answer = Answer(b"", answer.kind, 304)
        try:
            self._send(answer, tag, name if name in WIRE else None)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _send(self, answer: Answer, tag: str, wire: str | None) -> None:
        if wire == "hang":
            self.server.done.wait()
        if wire in {"hang", "drop"}:
            self.close_connection = True
            return
        length = {"Content-Length": str(len(answer.body))} if wire != "chunk-cut" else {"Transfer-Encoding": "chunked"}
        fixed = {"Content-Type": answer.kind, "ETag": tag, **length, **self.server.headers, **answer.headers}
        if wire == "drip-head":
            self._drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 5000)
            return
        self.send_response(answer.status)
        for name, value in fixed.items():
            self.send_header(name, value)
        self.end_headers()
        if wire == "drip":
            self._drip(answer.body)
        elif wire == "short":
            self.wfile.write(answer.body[: len(answer.body) // 2])
        elif wire == "chunk-cut":
            self.wfile.write(b"%x\r\n%b" % (len(answer.body), answer.body[: len(answer.body) // 2]))
        else:
            self.wfile.write(answer.body)
        self.close_connection = self.close_connection or wire is not None

    def _drip(self, body: bytes) -> None:
        self.close_connection = True
        for place in range(len(body)):
            self.wfile.write(body[place : place + 1])
            self.wfile.flush()
            if self.server.done.wait(0.05):
                return

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(**settings: object) -> Iterator[Literature]:
    """A server that runs until the block ends; settings as in `Literature`."""
    server = Literature(**settings)  # type: ignore[arg-type]
    with running(server):
        try:
            yield server
        finally:
            server.done.set()


def main() -> None:
    """Serves until it is stopped; prints its address first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--last", type=date.fromisoformat, default=None, help="day of the newest records; today")
    parser.add_argument("--per-day", type=int, default=1000, help="records a day")
    parser.add_argument("--page", type=int, default=1000, help="records a page")
    parser.add_argument("--grow", type=float, default=0.0, help="new records a minute")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME[:N]", help=", ".join(fault_names()))
    parser.add_argument("--elsewhere", default="", help="the other host that the fault moved sends to")
    server = Literature(**vars(parser.parse_args()))
    print(server.url, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


if __name__ == "__main__":
    main()
