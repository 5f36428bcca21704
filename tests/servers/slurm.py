"""A real SLURM of one node on this machine: munge, controller and node daemon, with their files in a folder.

It needs root and the packages slurm-wlm and munge, which `make slurm` installs where apt may.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
_CONF = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
MessageTimeout=2
SchedulerParameters=sched_interval=1,bf_interval=1
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=1000
PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
"""


def missing() -> str | None:
    """Why no SLURM can be started here; None where one can."""
    if absent := [tool for tool in NEEDED if shutil.which(tool, path=_PATH) is None]:
        return f"{', '.join(absent)} not installed: make slurm"
    return None if os.geteuid() == 0 else "daemons of SLURM need root"


_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Cluster:
    """The daemons; the controller can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.conf = folder, folder / "slurm.conf"
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Writes the configuration and starts all three daemons."""
        for name in ("state", "spool", "munge"):
            (self.folder / name).mkdir(mode=0o755, parents=True)
        (self.folder / "munge").chmod(0o700)
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        host = socket.gethostname().split(".")[0]
        text = _CONF.format(host=host, port=_port(), node_port=_port(), folder=self.folder, cpus=os.cpu_count())
        self.conf.write_text(text)
        self._run("munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket", f"--key-file={key}",
                  f"--log-file={self.folder}/munged.log", f"--pid-file={self.folder}/munged.pid",
                  f"--seed-file={self.folder}/munge/seed")  # fmt: skip
        self._until(lambda: (self.folder / "munge.socket").exists())
        self.controller()
        self._run("slurmd", "-D")
        self._until(lambda: b"idle" in self._said("sinfo", "--noheader", "--format=%T"))

    def controller(self) -> None:
        """Starts the controller."""
        self._run("slurmctld", "-D")

    def kill(self, name: str) -> None:
        """Kills a daemon as a crash does."""
        self._running[name].kill()
        self._running[name].wait()

    def stop(self) -> None:
        """Ends all jobs and daemons."""
        self._said("scancel", "--state=RUNNING", "--user=root")
        for running in reversed(self._running.values()):
            running.send_signal(signal.SIGTERM)
        for running in self._running.values():
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                running.kill()

    def _run(self, tool: str, *options: str) -> None:
        path = shutil.which(tool, path=_PATH) or tool
        log = (self.folder / f"{tool}.out").open("ab")
        self._running[tool] = subprocess.Popen([path, *options], env=self._environment(), stdout=log, stderr=log)

    def _said(self, tool: str, *options: str) -> bytes:
        done = subprocess.run([tool, *options], env=self._environment(), capture_output=True, check=False, timeout=60)
        return done.stdout

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "SLURM_CONF": str(self.conf)}

    def _until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(
                    "\n".join(p.read_text("utf-8", "replace")[-1500:] for p in self.folder.glob("*.log"))
                )
            time.sleep(0.1)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A running cluster; SLURM's tools find it through SLURM_CONF, which the caller sets to `Cluster.conf`."""
    made = Cluster(folder)
    try:
        made.start()
        yield made
    finally:
        made.stop()
