"""`matloom serve` for tests over HTTP and in a browser: in a process of its own, as people start it, or in a thread."""

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from dagster_project import insight
from warehouse.optimade.app import application

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """The address of the service of a home that holds its report, in a thread."""
    app = application(home, site=home / "report", insight=insight.of(home))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=20)


@contextmanager
def command(home: Path, *, temporary: Path | None = None) -> Iterator[str]:
    """The address that the command says, which runs until the block ends, and makes what it makes in `temporary`."""
    environment = os.environ | ({"TMPDIR": str(temporary)} if temporary else {})
    words = [Path(sys.executable).with_name("matloom"), "serve", "--port", "0", "--home", str(home)]
    with subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = [process.stderr.readline()]
            while said[-1] and not said[-1].startswith("site"):
                said.append(process.stderr.readline())
            found = re.search(r"http://127\.0\.0\.1:\d+", "".join(said))
            assert found, "".join(said)
            yield found.group()
        finally:
            process.terminate()
            process.wait(timeout=20)
