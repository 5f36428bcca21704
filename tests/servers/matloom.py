"""`matloom serve` in a process of its own, for tests over HTTP and in a browser."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """The address of the service of a home, in a process of its own."""
    command = [Path(sys.executable).with_name("matloom"), "serve", "--port", "0", "--home", str(home)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
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
