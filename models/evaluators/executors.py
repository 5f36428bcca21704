"""Who runs an attempt: this machine, or SLURM. Neither blocks, and neither runs one attempt twice.

An attempt is a folder with `run.sh`. The script claims the folder by making a file that may not exist before; a second
script, started after a crash or by a second daemon, finds it and leaves. The exit code is written aside and renamed,
so its file says that the work has ended.
"""

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from pathlib import Path
from typing import Protocol

from schemas.errors import MatloomError

SCRIPT, CLAIM, EXIT, SEEN = "run.sh", "claim", "exit", "ended"
EMPTY_CLAIM_S = 5.0
_STATE, _SESSION, _START = 0, 3, 19  # places in /proc/PID/stat, counted from the state
TIME_IS_UP, KILLED = 124, 137
"""Exit codes of an attempt that was stopped by its time limit, as coreutils' timeout gives them: the second where it
had to be killed, which a command that somebody else kills has too.
"""
GRACE_S = 30.0
"""How long a command may take to end when its time is up."""
STOP_S = 5.0
"""How long processes of a stopped attempt are looked for; one that waits for a device dies when that answers."""
LATE_S = 60.0
"""How long after the end of a job its files may take to appear where file systems are shared."""
OUT_OF_MEMORY = "oom-kill"
"""Last word in the stderr of a command that the kernel killed for want of memory."""
_TEMPLATE = """#!/bin/sh
cd {folder} || exit 71
# the name of whoever runs this attempt: process, its start in ticks since boot, and machine
(set -C; echo "$$ $(cut -d ' ' -f 22 /proc/$$/stat) $(uname -n)" > {claim}) 2> /dev/null || exit 0
# how often the kernel has killed here for want of memory, and seconds since boot, which no clock that is set changes
events="/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/memory.events"
starved() {{ sed -n 's/^oom_kill //p' "$events" 2> /dev/null; }}
now() {{ cut -d . -f 1 /proc/uptime; }}
before=$(starved) begun=$(now)
timeout -k {grace} {seconds} {command} > stdout 2> stderr
code=$?
[ $code -eq {killed} ] && [ $(($(now) - begun)) -ge {seconds} ] && code={time_is_up}
[ $code -eq {killed} ] && [ "$(starved)" != "$before" ] && echo {out_of_memory} >> stderr
echo $code > {exit}.part && mv {exit}.part {exit}
"""


class Status(StrEnum):
    """What an executor knows of an attempt."""

    ABSENT = "absent"  # it never started
    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"  # the file with its exit code is there
    LOST = "lost"  # it started and is gone without an exit code
    STARVED = "starved"  # it is gone because it asked for more memory than it was given


class RefusedError(MatloomError):
    """The executor did not take an attempt."""


class ElsewhereError(RefusedError):
    """The attempt runs on another machine, which must be asked."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What an attempt asks of whoever runs it.

    Attributes:
        seconds: wall time.
        ranks: MPI processes; None where the command or the person who runs it knows.
    """

    seconds: int
    ranks: int | None = None


class Executor(Protocol):
    """Starts attempts, tells how they are, stops them.

    Attributes:
        name: its name.
        late_s: how long files of an attempt that has ended may take to appear.
    """

    name: str
    late_s: float

    def start(self, folder: Path, name: str, needs: Needs) -> str:
        """Starts the script of a folder; returns what the executor calls it.

        Raises:
            RefusedError: it did not take it.
        """
        ...

    def status(self, folder: Path, name: str, reference: str | None) -> Status:
        """How the attempt is."""
        ...

    def stop(self, folder: Path, name: str, reference: str | None) -> None:
        """Ends the attempt and every process that it started; nothing where it has ended."""
        ...


def write_script(folder: Path, command: Sequence[str], *, seconds: int) -> None:
    """Writes the script that claims the folder, runs the command under a time limit and leaves its exit code."""
    text = _TEMPLATE.format(
        folder=shlex.quote(str(folder.resolve())),
        claim=CLAIM,
        exit=EXIT,
        seconds=seconds,
        grace=GRACE_S,
        killed=KILLED,
        time_is_up=TIME_IS_UP,
        out_of_memory=OUT_OF_MEMORY,
        command=shlex.join(command),
    )
    (folder / SCRIPT).write_text(text, "utf-8")


def exit_code(folder: Path) -> int | None:
    """The exit code of an attempt; None while it has none."""
    try:
        return int((folder / EXIT).read_text("ascii"))
    except FileNotFoundError:
        return None


def host(folder: Path) -> str | None:
    """The machine that runs or ran an attempt; None before it has begun."""
    try:
        words = (folder / CLAIM).read_text("utf-8").split()
    except FileNotFoundError:
        return None
    return words[2] if len(words) > 2 else None


def settled(folder: Path, late_s: float) -> bool:
    """Whether an attempt that has ended was seen to have ended so long ago that no more files of it will appear."""
    path, now = folder / SEEN, time.time()
    list(folder.iterdir())  # a file system that is shared looks anew
    try:
        since = float(path.read_text("ascii") or now)
    except FileNotFoundError:
        since = now
        path.write_text(str(now), "ascii")
    if since > now:  # the clock was set back
        path.write_text(str(now), "ascii")
        since = now
    return now - since >= late_s


class Local:
    """This machine, each attempt in a session of its own that outlives whoever started it."""

    name = "local"
    late_s = 0.0

    def start(self, folder: Path, name: str, needs: Needs) -> str:
        """The process id of the script; see `Executor.start`."""
        try:
            made = subprocess.Popen(  # the script redirects its own output
                ["/bin/sh", str(folder / SCRIPT)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise RefusedError(f"no process ({error.strerror}) for {name}: wait until the machine has room") from error
        _CHILDREN.append(made)
        return str(made.pid)

    def status(self, folder: Path, name: str, reference: str | None) -> Status:
        """See `Executor.status`."""
        _reap()
        if exit_code(folder) is not None:
            return Status.ENDED
        claimed = _claimed(folder)
        if claimed is None:
            return Status.QUEUED if _runs(folder, reference) else Status.ABSENT
        if (where := host(folder)) not in (None, os.uname().nodename):
            raise ElsewhereError(f"attempt {name} runs on {where}: poll from there")
        if _alive(*claimed):
            return Status.RUNNING
        # it may have ended between the two looks
        return Status.ENDED if exit_code(folder) is not None else Status.LOST

    def stop(self, folder: Path, name: str, reference: str | None) -> None:
        """Kills every process of the session that claimed the folder, or that was started and has not claimed it."""
        leader, start = _claimed(folder) or _NOBODY
        if leader:
            held = _stat(leader)
            if held is not None and int(held[_START]) != start:
                return  # its number belongs to somebody else by now
        elif reference and _runs(folder, reference):
            leader = int(reference)
        else:
            return
        deadline, empty = time.monotonic() + STOP_S, 0
        while empty < 2 and time.monotonic() < deadline:  # a process just started may escape one look
            left = [found for found in _processes() if _session_of(found) == leader]
            for found in left:
                _kill(found)
            empty = 0 if left else empty + 1
            time.sleep(0.01)


class Slurm:
    """A SLURM cluster that shares the folder with this machine.

    Args:
        options: further options of sbatch, such as partition and account; they come after those of the project.
        late_s: see `Executor`.
    """

    name = "slurm"

    def __init__(self, options: Sequence[str] = (), *, late_s: float = LATE_S) -> None:
        self._options, self.late_s = tuple(options), late_s

    def start(self, folder: Path, name: str, needs: Needs) -> str:
        """The job id; an attempt of that name that is in the queue already is not sent again."""
        if known := self._queued(name):
            return known
        asked = [
            "sbatch",
            "--parsable",
            "--no-requeue",
            f"--job-name={name}",
            "--output=/dev/null",
            # beyond the attempt's own limit, which tells why it ended
            f"--time={ceil((needs.seconds + 2 * GRACE_S) / 60)}",
            *([f"--ntasks={needs.ranks}"] if needs.ranks else []),
            *self._options,
            str(folder / SCRIPT),
        ]
        return self._run(asked).split(";")[0].strip()

    def status(self, folder: Path, name: str, reference: str | None) -> Status:
        """See `Executor.status`; a job that the controller no longer knows is told by its files."""
        if exit_code(folder) is not None:
            return Status.ENDED
        state = self._state(reference or self._queued(name))
        if state in ("PENDING", "CONFIGURING", "SUSPENDED", "REQUEUED", "RESIZING"):
            return Status.QUEUED
        if state in ("RUNNING", "COMPLETING", "STAGE_OUT"):
            return Status.RUNNING
        if exit_code(folder) is not None:
            return Status.ENDED
        if state == "OUT_OF_MEMORY":
            return Status.STARVED
        if _claimed(folder) is None and state is None:
            return Status.ABSENT
        if state in ("COMPLETED", None) and not settled(folder, self.late_s):
            return Status.RUNNING  # its exit code may be on its way
        return Status.LOST

    def stop(self, folder: Path, name: str, reference: str | None) -> None:
        """Cancels the job."""
        if job := reference or self._queued(name):
            self._run(["scancel", job])

    def _queued(self, name: str) -> str | None:
        found = self._run(["squeue", "--noheader", f"--name={name}", "--format=%i"]).split()
        return found[0] if found else None

    def _state(self, job: str | None) -> str | None:
        """State of a job as the controller tells it; None where it does not know the job."""
        if job is None:
            return None
        try:
            told = self._run(["scontrol", "show", "job", "--oneliner", job])
        except RefusedError as error:
            if "Invalid job id" in str(error):
                return None
            raise
        words = dict(part.split("=", 1) for part in told.split() if "=" in part)
        return words.get("JobState")

    def _run(self, asked: Sequence[str]) -> str:
        """Output of a SLURM command.

        Raises:
            RefusedError: it is not installed, did not answer, or said no.
        """
        tool = shutil.which(asked[0])
        if tool is None:
            raise RefusedError(f"no {asked[0]} in PATH: install SLURM's tools or use the executor local")
        try:
            done = subprocess.run([tool, *asked[1:]], capture_output=True, text=True, timeout=60, check=False)
        except subprocess.TimeoutExpired as error:
            raise RefusedError(f"no answer within 60 s from {asked[0]}: see whether the controller runs") from error
        if done.returncode:
            said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
            raise RefusedError(f"{said} from {asked[0]}: see whether the controller runs and takes such jobs")
        return done.stdout


_NOBODY = (0, 0)
_CHILDREN: list["subprocess.Popen[bytes]"] = []


def _reap() -> None:
    """Takes leave of scripts that have ended: a child nobody waited for looks alive."""
    _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]


def _claimed(folder: Path) -> tuple[int, int] | None:
    """Process and start of whoever claimed a folder; None where nobody has.

    A claim that stays empty is that of a script killed while it made it, which is nobody's.
    """
    path = folder / CLAIM
    try:
        words = path.read_text("utf-8").split()
        if len(words) >= 2:
            return int(words[0]), int(words[1])
        waited = time.time() - path.stat().st_mtime
        return None if 0 <= waited <= EMPTY_CLAIM_S else _NOBODY  # below zero the clock was set back
    except FileNotFoundError:
        return None


def _runs(folder: Path, reference: str | None) -> bool:
    """Whether the process of that number runs the script of a folder: numbers are given anew."""
    if reference is None:
        return False
    try:
        words = Path(f"/proc/{reference}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return str(folder / SCRIPT).encode() in words


def _alive(process: int, start: int) -> bool:
    fields = _stat(process)
    return fields is not None and int(fields[_START]) == start and fields[_STATE] != "Z"


def _session_of(process: int) -> int | None:
    fields = _stat(process)
    return None if fields is None or fields[_STATE] == "Z" else int(fields[_SESSION])


def _stat(process: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on; None where there is no such process."""
    try:
        return Path(f"/proc/{process}/stat").read_text("utf-8", "replace").rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _processes() -> list[int]:
    return [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return
