"""A language model that is none: a server with the address of an OpenAI-compatible endpoint and answers made to order.

In tests: ``with answering(reply, ...) as server: server.url``. A reply is a function from the request to what the
model writes; `WRONG` are ways to answer badly, which take the place of a reply. Literature is served in `literature`.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.servers.plain import running

Reply = Callable[[list[dict[str, Any]]], Any]
"""From the documents of a request to the records of the answer (or any text)."""
WRONG = ("429", "500", "401", "hang", "refusal", "filtered", "cut", "prose", "no-choices", "html", "extra", "deep")


def documents(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The documents of a request, as they stand between its marks."""
    user: str = request["messages"][-1]["content"]
    first, _, rest = user.partition("\n")
    body, _, last = rest.rpartition("\n")
    assert first == last, "text that is not between two equal marks"
    found: list[dict[str, Any]] = json.loads(body)
    return found


class Endpoint(ThreadingHTTPServer):
    """The server.

    Args:
        reply: what is answered.
        wrong: of the first requests how each goes wrong; "" for a good one.
    """

    daemon_threads = True

    def __init__(self, reply: Reply, wrong: tuple[str, ...] = ()) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply, self.wrong = reply, list(wrong)
        self.requests: list[dict[str, Any]] = []
        self.heard: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.done = threading.Event()

    @property
    def url(self) -> str:
        """Base address of the endpoint."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def answer(self, request: dict[str, Any], wrong: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer."""
        if wrong.isdigit():
            return int(wrong), {"Retry-After": "0"}, b'{"error": {"message": "no"}}'
        if wrong == "html":
            return 200, {}, b"<html>back soon</html>"
        told = "" if wrong else self.reply(documents(request))
        content = told if isinstance(told, str) else json.dumps({"records": told})
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
        if wrong == "refusal":
            message |= {"content": None, "refusal": "I cannot help with that."}
        if wrong == "filtered":
            message |= {"content": None}
        if wrong in ("cut", "prose", "extra", "deep"):
            badly = {"cut": '{"records": [{"docu', "prose": "Sure! VO2 switches.", "deep": "[" * 100_000}
            message["content"] = badly.get(wrong, '{"records": [], "comment": "done"}')
        choices = [] if wrong == "no-choices" else [{"index": 0, "message": message, "finish_reason": "stop"}]
        usage = {"prompt_tokens": 1000, "completion_tokens": 100}
        return 200, {}, json.dumps({"choices": choices, "usage": usage}).encode()


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.append(self.path)
        self.server.heard.append({name.lower(): value for name, value in self.headers.items()})
        request = json.loads(body)
        self.server.requests.append(request)
        wrong = self.server.wrong.pop(0) if self.server.wrong else ""
        if wrong == "hang":
            self.server.done.wait()
            self.close_connection = True
            return
        status, headers, content = self.server.answer(request, wrong)
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(reply: Reply, wrong: tuple[str, ...] = ()) -> Iterator[Endpoint]:
    """An endpoint that runs until the block ends."""
    server = Endpoint(reply, wrong)
    with running(server):
        try:
            yield server
        finally:
            server.done.set()
