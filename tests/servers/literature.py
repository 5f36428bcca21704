"""A real HTTP server that speaks the protocols of literature and structure services, and misbehaves on demand.

    python tests/servers/literature.py --port 8770 --records 100000
    python tests/servers/literature.py --fault 503:2 --fault short:5

Addresses: /oai. In tests: ``with serving(records=100) as server: server.url``. Records are made in `corpus`, answers in
`protocols`, faults in `faults`.
"""

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

if not __package__:  # started as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.servers import protocols
from tests.servers.corpus import Corpus
from tests.servers.protocols import Answer


class Literature(ThreadingHTTPServer):
    """The server and all that it knows.

    Args:
        port: 0 takes a free one.
        records: records of the corpus.
        seed: of their text.
        last: day of the newest; today (UTC) if not given.
        per_day: records a day.
        page: records a page.
        grow: new records a minute, dated with the last day.
    """

    daemon_threads = True

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
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.corpus = Corpus(records, seed=seed, last=last or datetime.now(UTC).date(), per_day=per_day)
        self.page, self.grow = page, grow
        self.asked: list[str] = []
        self._start, self._born = time.monotonic(), records

    @property
    def url(self) -> str:
        """Address without a path."""
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str) -> Answer:
        """What is sent for a request, before any fault."""
        parts = urlsplit(path)
        made = protocols.ROUTES.get(parts.path)
        if made is None:
            return Answer(b"no such address", "text/plain", 404)
        if self.grow:
            self.corpus.records = self._born + int((time.monotonic() - self._start) * self.grow / 60)
        return made(self.corpus, dict(parse_qsl(parts.query)), size=self.page)


class _Handler(BaseHTTPRequestHandler):
    server: Literature
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        answer = self.server.answer(self.path)
        self.send_response(answer.status)
        for name, value in {
            "Content-Type": answer.kind, "Content-Length": str(len(answer.body)), **answer.headers
        }.items():  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(**settings: object) -> Iterator[Literature]:
    """A server that runs until the block ends; settings as in `Literature`."""
    server = Literature(**settings)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
