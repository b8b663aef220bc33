"""``python benchmarks/recovery.py``: seconds until a cluster of real Debian nodes has recovered from what was killed.

A master and two workers; each round is a cluster of its own, and kills in turn a worker, the head, YARN's
ResourceManager (runtime ``yarn``), and a machine. Recovered is: as many workers as before, none of them the killed
ones; after a machine: the work that was lost with it is done again by those that are left. Needs Linux, root, and
``bash tests/nodes/setup.sh``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from nodes import BUCKET, HADOOP, IMAGE, emulator, python
from summary import spread, table

LIMIT = 180.0
"""Seconds that a recovery may take."""
WHAT = {
    "worker": "a worker's process is killed",
    "head": "the head's process is killed",
    "manager": "the ResourceManager's process is killed",
    "machine": "a machine has no power, its network tells nobody",
}
ROUND = f"""
import json, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import recovery
print(json.dumps(recovery.measured(*sys.argv[1:])))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runtime", choices=["standalone", "yarn"], default="standalone")
    given = parser.parse_args()
    with emulator([HADOOP] if given.runtime == "yarn" else []) as environment:
        staging = f"gs://{BUCKET}/dask"
        rounds = [json.loads(python(environment, ROUND, staging, given.runtime)) for _ in range(given.rounds + 1)]
    rounds = rounds[1:]  # the first one's machines had their environment to build
    rows = {title: [spread(one[what] for one in rounds)] for what, title in WHAT.items() if what in rounds[0]}
    print(f"Seconds until it has recovered, median [least–greatest] of {given.rounds}:\n")
    print(table([given.runtime], rows))


def measured(staging: str, runtime: str) -> dict[str, float]:
    """Kill one thing after the other of a new cluster; return the seconds that it took to recover from each."""
    from dask_dataproc import DataprocCluster

    found: dict[str, float] = {}
    with DataprocCluster(n_workers=2, staging=staging, runtime=runtime, local=True) as cluster:
        nodes = Nodes(cluster)

        def killed(node: str, program: str, new: int) -> float:
            before = set(cluster.scheduler_info["workers"])
            return seconds(lambda: nodes.kill(node, program), lambda: renewed(cluster, before, new))

        found["worker"] = killed("w-0", "worker", 1)
        found["head"] = killed("m", "dask_dataproc_node.head", 2)
        if runtime == "yarn":
            found["manager"] = killed("m", "resourcemanager.ResourceManager", 2)
        with cluster.get_client() as client:
            squares = client.map(lambda x: x * x, range(50), pure=False)
            expected = client.gather(squares)
            found["machine"] = seconds(lambda: nodes.cut_power("w-0"), lambda: client.gather(squares) == expected)
    print(f"{runtime}: {found}", file=sys.stderr)
    return found


def seconds(act: Callable[[], None], recovered: Callable[[], bool]) -> float:
    """Return the seconds from ``act()`` until ``recovered()``."""
    began = time.perf_counter()
    act()
    while not recovered():
        if time.perf_counter() - began > LIMIT:
            raise TimeoutError(f"not recovered after {LIMIT:.0f} s")
        time.sleep(0.02)
    return time.perf_counter() - began


def renewed(cluster: Any, before: set[str], new: int) -> bool:
    """Return whether there are as many workers as ``before``, ``new`` of them new."""
    now = set(cluster.scheduler_info["workers"])
    return len(now) == len(before) and len(now - before) >= new


class Nodes:
    """The machines of a cluster, seen from the host that they run on."""

    def __init__(self, cluster: Any) -> None:
        from dask_dataproc.emulator.debian import DebianMachines
        from dask_dataproc.emulator.vms import Vm

        runtime, state = (Path(os.environ[f"XDG_{what}"], "dask-dataproc") for what in ("RUNTIME_DIR", "STATE_HOME"))
        self.cluster = cluster
        self.machines = DebianMachines(runtime, state / "emulator" / "machines", IMAGE)
        records = [json.loads(file.read_text()) for file in (state / "emulator" / "clusters").glob("*.json")]
        self.vms = {vm["name"]: Vm.from_dict(vm) for record in records for vm in record["vms"]}

    def vm(self, node: str) -> Any:
        return self.vms[f"{self.cluster.name}-{node}"]

    def kill(self, node: str, program: str) -> None:
        """Kill the processes of a node that run ``program``."""
        everything = psutil.Process(self.machines.leader(self.vm(node))).children(recursive=True)
        found = [process for process in everything if any(program in word for word in process.cmdline())]
        assert found, f"{node} runs no {program}"
        for process in found:
            process.kill()

    def cut_power(self, node: str) -> None:
        """Take a node away, its cable first."""
        vm = self.vm(node)
        port = f"port{self.machines.address(vm).split('.')[-1]}"
        inside = ["nsenter", "--target", str(self.machines.lab.pid), "--net"]
        subprocess.run([*inside, "ip", "link", "set", port, "down"], check=True)
        os.kill(vm.pid, signal.SIGKILL)


if __name__ == "__main__":
    if os.geteuid():
        sys.exit("benchmarks/recovery.py: Debian nodes need root")
    main()
