"""A Debian machine by itself: booted over a layer of its own, on a network with a metadata server and an NFS server."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
BASE, IMAGE, NFS = ROOT / "build" / "nodes" / "base", ROOT / "emulator" / "image", Path(__file__).parent / "nfs"
NETWORK, SERVER = "10.97.64", "10.97.64.1"
NEEDED = {
    "systemd-nspawn": "apt-get install systemd-container",
    "dnsmasq": "apt-get install dnsmasq-base",
    "ganesha.nfsd": "bash tests/nodes/nfs/setup.sh",
    "linux.uml": "bash tests/nodes/nfs/setup.sh",
}
AUTOFS = Path("/dev/autofs")
"""What systemd's automounts need of the kernel."""
SETTINGS = "/etc/dask-dataproc/node.env"
NUMBERS = count(1)


class Lab:
    """The network of the nodes with its metadata server, and a folder for their files; all of it goes at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.nodes, self.export = folder, folder / "metadata", folder / "export"
        for each in (self.nodes, self.export, folder / "hosts"):
            each.mkdir()
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(folder / "notify"))
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> Lab:
        server = [sys.executable, "-m", "dask_dataproc.emulator.metadata_server", *[str(self.nodes)]]
        server += [str(self.folder / "notify")] * 2
        network = ["bash", str(IMAGE / "lab.sh"), NETWORK, str(self.folder / "hosts"), "", *server]
        self.pid = self.start(["unshare", "--net", *network], "lab").pid
        self.ready("lab")
        return self

    def __exit__(self, *_: object) -> None:
        inside = [p for p in psutil.process_iter() if _network(p.pid) == _network(self.pid)]
        self._ends.close()
        for process in inside:  # servers that have changed their user outlive whoever started them
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(inside, timeout=30)
        self._notify.close()

    def start(self, command: list[str], name: str, **how: object) -> subprocess.Popen[bytes]:
        """Start a process that is killed at the end; what it says goes to ``name``.log."""
        log = (self.folder / f"{name}.log").open("wb")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **how)  # pyright: ignore

        def end() -> None:
            process.kill()
            process.wait(30)
            log.close()

        self._ends.callback(end)
        return process

    def ready(self, name: str, timeout: float = 120) -> None:
        """Wait until ``name`` says that it is."""
        self._notify.settimeout(timeout)
        while f"X_VM={name}\n" not in (said := self._notify.recv(4096).decode()) or "READY=1" not in said:
            pass

    def serve_nfs(self) -> None:
        """Export the lab's folder as /vol1."""
        inside = ["nsenter", "--target", str(self.pid), "--net", "unshare", "--mount"]
        self.start([*inside, str(NFS / "serve.sh"), SERVER, str(self.export)], "nfs")
        probe = ["nsenter", "--target", str(self.pid), "--net", "bash", "-c", f": <>/dev/tcp/{SERVER}/2049"]
        until(lambda: subprocess.run(probe, stderr=subprocess.DEVNULL).returncode == 0)
        until(lambda: "NFS SERVER INITIALIZED" in (self.folder / "nfs.log").read_text())

    def tell(self, address: str, name: str, attributes: dict[str, str], **misbehaviour: float) -> None:
        """Set a node's metadata."""
        metadata = {"instance": {"name": name, "attributes": attributes, "network-interfaces": {"0": {"ip": address}}}}
        new = self.nodes / "new"
        new.write_text(json.dumps({"vm": name, "metadata": metadata} | misbehaviour))
        new.rename(self.nodes / f"{address}.json")


def _leads(process: psutil.Process) -> bool:
    """Whether it is a node's first process; others come and go."""
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = process.parent()
        return process.name() == "systemd" and parent is not None and parent.name() == "systemd-nspawn"
    return False


@dataclass
class Node:
    """A Debian node that runs."""

    lab: Lab
    name: str
    address: str
    process: psutil.Process
    script: str = "/usr/local/lib/configure-storage.sh"
    seconds: float = field(default=0.0)

    @property
    def leader(self) -> psutil.Process:
        """The first process of the machine itself."""
        return next(filter(_leads, self.process.children(recursive=True)))

    def tell(self, attributes: dict[str, str], **misbehaviour: float) -> None:
        self.lab.tell(self.address, self.name, attributes, **misbehaviour)

    def sh(self, command: str, *, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run ``command`` as root on the node."""
        spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--wdns=/"]
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "bash", "-c", command]
        return subprocess.run(
            ["nsenter", "--target", str(self.leader.pid), *spaces, *clean],
            check=check,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def configure(self) -> subprocess.CompletedProcess[str]:
        """Run the init action."""
        began = time.monotonic()
        ran = self.sh(f"bash {self.script}", check=False)
        self.seconds = time.monotonic() - began
        return ran

    def refused(self) -> str:
        """Run the init action, which fails, and return its last line."""
        ran = self.configure()
        assert ran.returncode != 0, ran.stdout
        return ran.stderr.splitlines()[-1]

    def settings(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.sh(f"cat {SETTINGS}").stdout.splitlines())

    def mounts(self) -> dict[str, str]:
        """What is mounted where."""
        said = self.sh("findmnt --json --list --output TARGET,SOURCE").stdout
        return {entry["target"]: entry["source"] for entry in json.loads(said)["filesystems"]}


def _network(pid: int) -> str:
    """The network that a process is in."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return f"none of {pid}"


def until(holds, timeout: float = 60.0) -> None:
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end, f"not so after {timeout} s"
        time.sleep(0.05)


@contextlib.contextmanager
def network() -> Iterator[Lab]:
    """Give the network of the machines, with its servers; everything that they need has to be installed."""
    missing = {name: how for name, how in NEEDED.items() if not shutil.which(name, path="/usr/sbin:/usr/bin")}
    if missing:
        pytest.fail(f"{', '.join(missing)} missing: {'; '.join(sorted(set(missing.values())))}", pytrace=False)
    if not (BASE / "etc" / "lab-base").exists():
        pytest.fail(f"{BASE} is missing: bash tests/nodes/setup.sh", pytrace=False)
    with tempfile.TemporaryDirectory(prefix="dd-machine-", dir="/var/tmp") as folder, Lab(Path(folder)) as lab:
        lab.serve_nfs()
        yield lab


@contextlib.contextmanager
def booted(
    lab: Lab, layer: Path, attributes: dict[str, str], disks: Sequence[str] = (), disk: str = "3g"
) -> Iterator[Node]:
    """Give a machine that has booted, and power it off: ``layer`` lies over the base of its root file system."""
    name, address = f"node-{next(NUMBERS)}", f"{NETWORK}.{next(NUMBERS) + 20}"
    lab.tell(address, name, attributes)
    (layer / "usr" / "sbin").mkdir(parents=True, exist_ok=True)
    shutil.copy(NFS / "mount.nfs", layer / "usr" / "sbin")
    binds = [f"--bind={disk}:/dev/nvme0n{at}" for at, disk in enumerate(disks, 1)]
    binds += [f"--bind={lab.export}:/run/exports/vol1", *(["--bind=/dev/autofs"] if AUTOFS.exists() else [])]
    environment = {
        "NAME": name,
        "ADDRESS": address,
        "DOMAIN": "c.p.internal",
        "NETWORK": NETWORK,
        "LAB": str(lab.pid),
        "LOWER": f"{layer}:{BASE}",
        "GROUP": f"dd-{name}-{os.getpid()}",
        "DISK": disk,
        "ARGUMENTS": " ".join(binds),
    }
    (lab.folder / name).mkdir()
    command = ["unshare", "--mount", "--net", "bash", str(IMAGE / "node.sh")]
    how = {"cwd": lab.folder / name, "env": os.environ | environment, "start_new_session": True}
    process = lab.start(command, f"{name}/console", **how)
    try:
        lab.ready(name)
        yield Node(lab, name, address, psutil.Process(process.pid))
    finally:
        _power_off(process, environment["GROUP"])


def _power_off(process: subprocess.Popen[bytes], group: str) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    until(lambda: not _groups(group))


def _groups(group: str) -> list[Path]:
    """Remove a node's control groups, and return those that are busy still."""
    tops = [top for at in ("", "systemd", "unified") if (top := Path("/sys/fs/cgroup", at, group)).exists()]
    for top in tops:
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
    return [top for top in tops if top.exists()]
