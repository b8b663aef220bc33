"""The network of the Debian nodes: namespaces, addresses and names; it outlives the server, and the next adopts it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from .state import write
from .vms import MachinesError, VmSpec, last_lines, process_runs

IMAGE = Path(__file__).with_name("image")
"""Programs of the lab and of its nodes."""
NUMBERS = range(77, 97)
"""What the second byte of a lab's addresses may be: 10.77.0.0/24 to 10.96.0.0/24."""
HOSTS = range(10, 251)
"""What the last byte of a node's address may be."""
MTU = 1400


@dataclass(frozen=True, slots=True)
class Record:
    """A lab on disk: its number, the process that holds it (0: not yet), and the host's ip_forward before it."""

    number: int
    pid: int = 0
    created: float = 0.0
    forwarding: str = ""


class Lab:
    """The network, and what the metadata server answers each node.

    Parameters
    ----------
    folder : Path
        Of its files; what an earlier server left there is adopted if its process lives.
    runtime : Path
        Folder of the emulator's sockets.
    internet : bool
        Whether nodes reach what the host reaches.
    """

    def __init__(self, folder: Path, runtime: Path, internet: bool) -> None:
        self.folder, self._runtime, self._internet = folder, runtime, internet
        self.nodes, self.hosts, self.shared = folder / "nodes", folder / "hosts", folder / "hadoop-fs"
        self.log = folder / "log.txt"
        self._file = folder / "lab.json"
        self._process: subprocess.Popen[bytes] | None = None
        self.record = Record(**json.loads(self._file.read_text())) if self._file.exists() else None

    @property
    def network(self) -> str:
        """The first three bytes of the nodes' addresses."""
        return f"10.{self.record.number}.0" if self.record else ""

    @property
    def host(self) -> str:
        """The host's own address, for what nodes and host both talk to."""
        return f"10.{self.record.number}.255.1" if self.record else ""

    @property
    def link(self) -> str:
        """The name of the host's end, that tells this lab from others."""
        return _link(self.record.number) if self.record else ""

    @property
    def pid(self) -> int:
        """The process that holds the network."""
        return self.record.pid if self.record else 0

    def lives(self) -> bool:
        """Return whether its process runs; of an earlier server too."""
        return self.record is not None and process_runs(self.record.pid, self.record.created)

    async def up(self, ready: asyncio.Future[None], timeout: float = 20.0) -> None:
        """Make the network; ``ready`` is done when its metadata server answers.

        Raises
        ------
        MachinesError
        """
        for folder in (self.nodes, self.hosts, self.shared):
            folder.mkdir(parents=True, exist_ok=True)
        record = self._reserve()
        self._keep(record)
        resolver = "/etc/resolv.conf" if self._internet else ""
        server = [sys.executable, "-m", "dask_dataproc.emulator.metadata_server", self.nodes]
        server += [self._runtime / "notify.sock", self._runtime / "dataproc.sock"]
        command = ["unshare", "--net", "bash", IMAGE / "lab.sh", self.network, self.hosts, resolver, *server]
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220  # the loop has nothing else to do yet
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        import psutil

        pid = self._process.pid
        self._keep(Record(record.number, pid, psutil.Process(pid).create_time()))
        await asyncio.wait([ready], timeout=timeout)
        if not ready.done():
            await self.down()
            raise MachinesError(f"the nodes' network was not there after {timeout:.0f} s: {last_lines(self.log)}")
        self._connect()

    async def down(self) -> None:
        """Take the network down, wherever its making had come to; what was changed on the host is put back."""
        record = self.record
        if record is None:
            return
        if self.lives():
            os.kill(record.pid, signal.SIGKILL)
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)
        _ip(f"link delete {_link(record.number)}", check=False)
        if record.forwarding:
            _run("nft", "delete", "table", "ip", _table(record.number), check=False)
            Path("/proc/sys/net/ipv4/ip_forward").write_text(record.forwarding)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.record = None

    def join(self, vm: VmSpec, metadata: dict[str, Any]) -> str:
        """Give a node an address and a name; return the address.

        The attributes ``lab-metadata-slow`` and ``lab-metadata-refuse`` are how the metadata server treats it.
        """
        manners = {key: float(vm.metadata.get(f"lab-metadata-{key}", 0)) for key in ("slow", "refuse")}
        address = self._free_address()
        metadata["instance"] |= {"network-interfaces": {"0": {"ip": address}}}
        write(self.nodes / f"{address}.json", {"vm": vm.key, "metadata": metadata, **manners})
        (self.hosts / address).write_text(f"{address} {vm.name}.{domain(vm.project)}\n")
        return address

    def change(self, address: str, change: dict[str, Any]) -> None:
        """Merge ``change`` into what the metadata server knows of the node at ``address``."""
        path = self.nodes / f"{address}.json"
        write(path, _merged(json.loads(path.read_text()), change))

    def leave(self, address: str) -> None:
        """Forget the node at ``address``; its name is not resolved any more."""
        if (self.hosts / address).exists():
            (self.hosts / address).write_text("")  # dnsmasq sees changes, not removals
            (self.hosts / address).unlink()
        (self.nodes / f"{address}.json").unlink(missing_ok=True)

    def members(self) -> dict[str, str]:
        """Return the addresses in use and whose they are."""
        return {path.stem: json.loads(path.read_text())["vm"] for path in self.nodes.glob("*.json")}

    def _free_address(self) -> str:
        taken = {IPv4Address(path.stem) for path in self.nodes.glob("*.json")}
        base = IPv4Address(f"{self.network}.0")
        for number in HOSTS:
            if base + number not in taken:
                return str(base + number)
        raise MachinesError(f"no address is free in {self.network}.0/24: {len(taken)} nodes run")

    def _reserve(self) -> Record:
        """Return a number that nobody on this host uses; the link of its name is what reserves it."""
        for number in NUMBERS:
            routes = _run("ip", "route", "show", "root", f"10.{number}.0.0/16").strip()
            if not routes and _ip(
                f"link add {_link(number)} mtu {MTU} type veth peer name {_link(number)}n", check=False
            ):
                return Record(number)
        raise MachinesError(f"10.{NUMBERS[0]}.0.0/16 to 10.{NUMBERS[-1]}.0.0/16 are all in use on this host")

    def _connect(self) -> None:
        """Join the host and the network, and let it out if it may."""
        assert self.record is not None
        number, pid = self.record.number, self.record.pid
        link, host, up = _link(number), self.host, f"10.{number}.255.2"
        _ip(f"link set {link}n netns {pid} name up0")
        _ip(f"address add {host}/30 dev {link}", f"link set {link} up")
        _ip(f"address add {up}/30 dev up0", "link set up0 up", f"route add default via {host}", inside=pid)
        _ip(f"route add {self.network}.0/24 via {up}")
        if self._internet:
            forward = Path("/proc/sys/net/ipv4/ip_forward")
            self._keep(Record(number, pid, self.record.created, forward.read_text().strip()))
            forward.write_text("1")
            rule = f'ip saddr 10.{number}.0.0/16 oifname != "{link}" masquerade'
            chain = f"chain out {{ type nat hook postrouting priority 100; {rule}; }};"
            _run("nft", f"table ip {_table(number)} {{ {chain} }}")

    def _keep(self, record: Record) -> None:
        self.record = record
        write(self._file, asdict(record))


def domain(project: str) -> str:
    """Return the domain of a project's instances, as Compute Engine names it."""
    return f"c.{project}.internal"


def _link(number: int) -> str:
    return f"dask-lab{number}"


def _table(number: int) -> str:
    return f"dask_lab{number}"


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return old | {k: _merged(old[k], v) if isinstance(v, dict) and k in old else v for k, v in new.items()}


def _ip(*lines: str, inside: int = 0, check: bool = True) -> bool:
    """Run lines of ip(8), in the network namespace of a process if one is given; return whether all went well."""
    enter = ["nsenter", "--target", str(inside), "--net"] if inside else []
    try:
        _run(*enter, "ip", "-batch", "-", given="\n".join(lines))
    except MachinesError:
        if check:
            raise
        return False
    return True


def _run(*command: str, given: str = "", check: bool = True) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True)
    if check and done.returncode:
        raise MachinesError(f"{' '.join(command)} {given}: {done.stderr.strip()}")
    return done.stdout
