"""``python benchmarks/nodes.py``: from CreateCluster to all workers registered, on real Debian nodes, step by step.

A master and two workers, three times each: the environment built from the lock, unpacked from the archive that the
first cluster left in staging, and already on the nodes' image. It is that of a kernel with this package and what it
requires. Needs Linux, root, and ``bash tests/nodes/setup.sh``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from summary import ratio, spread, table
from surroundings import MADE, ROOT, own_folders
from uv import find_uv_bin

BUCKET = "nodes"
SERVER = ROOT / "build" / "bin" / "fake-gcs-server"
IMAGE = ROOT / "build" / "nodes" / "base"
HADOOP = ROOT / "build" / "nodes" / "hadoop"
BAKED = MADE / "baked"
KERNEL = MADE / "kernel"
STEP = re.compile(r"^(install-dask|configure-storage): (?P<step>.+): (?P<seconds>[\d.]+) s$", re.MULTILINE)
STATUS = """
import json
from dask_dataproc.clusters.local import emulator_status
print(json.dumps(emulator_status()))
"""
ONE = """
import json, sys, time
import fsspec
from dask_dataproc import DataprocCluster
staging, runtime, wait = sys.argv[1], sys.argv[2], sys.argv[3:]
began = time.perf_counter()
with DataprocCluster(n_workers=2, staging=staging, runtime=runtime, local=True) as cluster:
    took = time.perf_counter() - began
    phases = {phase.name: phase.seconds for phase in cluster.phases}
    with cluster.get_client() as client:
        assert client.submit(sum, [1, 2]).result() == 3
    environment = cluster.record.metadata["dask-environment"]
    bucket, published = fsspec.url_to_fs(f"{environment}/environment.json")
    deadline = time.monotonic() + 300
    while wait and not bucket.exists(published, refresh=True):  # beside the cluster's work
        assert time.monotonic() < deadline, "no archive was published"
        time.sleep(0.5)
    print(json.dumps({"up": took, "phases": phases, "uuid": cluster.record.uuid}))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runtime", choices=["standalone", "yarn"], default="standalone")
    given = parser.parse_args()
    make_kernel()
    layers = [HADOOP] if given.runtime == "yarn" else []
    rows: dict[str, list[dict[str, Any]]] = {"built from the lock": [], "from the archive": [], "on the image": []}
    with emulator(layers) as environment:
        for number in range(given.rounds):
            staging = f"gs://{BUCKET}/{number}"
            rows["built from the lock"].append(measured(environment, staging, given.runtime, "wait"))
            rows["from the archive"].append(measured(environment, staging, given.runtime))
        bake(environment, f"gs://{BUCKET}/0", given.runtime)
    with emulator([BAKED, *layers]) as environment:
        measured(environment, f"gs://{BUCKET}/0", given.runtime)  # it stages, and finds no archive to unpack
        for _ in range(given.rounds):
            rows["on the image"].append(measured(environment, f"gs://{BUCKET}/0", given.runtime))
    show(rows)


def make_kernel() -> None:
    """Make the environment of a user: what ``pip install`` of this package brings, in the versions of the lock."""
    shutil.rmtree(KERNEL, ignore_errors=True)
    subprocess.run([find_uv_bin(), "venv", "--quiet", "--python", sys.executable, KERNEL], check=True)
    install = [find_uv_bin(), "pip", "install", "--quiet", "--compile-bytecode", "--python", KERNEL]
    subprocess.run([*install, "--constraint", ROOT / "requirements.lock", ROOT], check=True)


@contextmanager
def emulator(layers: list[Path]) -> Iterator[dict[str, str]]:
    """Give the environment of processes that use an emulator with Debian nodes, and a bucket they reach."""
    own: dict[str, str] = {
        "DASK_DATAPROC__PROJECT": "local",
        "DASK_DATAPROC__EMULATOR__NODES": "debian",
        "DASK_DATAPROC__EMULATOR__IMAGE": str(IMAGE),
        "DASK_DATAPROC__EMULATOR__LAYERS": ":".join(map(str, layers)),
        "DASK_DATAPROC__EMULATOR__INTERNET": "true",
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
    }
    with own_folders() as folders:
        environment = folders | own
        python(environment, "from dask_dataproc.clusters.local import emulator_start; emulator_start()")
        said = python(environment, STATUS)
        host = json.loads(said)["nodes"]["host"]
        try:
            with bucket(host) as url:
                yield environment | {"STORAGE_EMULATOR_HOST": url}
        finally:
            python(environment, "from dask_dataproc.clusters.local import emulator_stop; emulator_stop()")


@contextmanager
def bucket(host: str) -> Iterator[str]:
    """Give the URL of a Cloud Storage server on the nodes' network."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port = probe.getsockname()[1]
    url = f"http://{host}:{port}"
    place = ["-scheme", "http", "-host", host, "-port", str(port), "-public-host", f"{host}:{port}"]
    command = [SERVER, "-backend", "memory", *place, "-external-url", url]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection((host, port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.02)
        body = json.dumps({"name": BUCKET}).encode()
        made = urllib.request.Request(f"{url}/storage/v1/b?project=local", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(made, timeout=10).close()
        yield url
    finally:
        server.terminate()
        server.wait(10)


def python(environment: dict[str, str], text: str, *arguments: str) -> str:
    """Run a script in a process of its own and return what it printed."""
    ran = subprocess.run(
        [KERNEL / "bin" / "python", "-c", text, *arguments],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        timeout=900,
    )
    if ran.returncode:
        raise SystemExit(f"the measured process ended with status {ran.returncode}")
    return ran.stdout


def measured(environment: dict[str, str], staging: str, runtime: str, *wait: str) -> dict[str, Any]:
    """Bring a cluster up and down; return what it took, with the slowest node's seconds for each step."""
    found = json.loads(python(environment, ONE, staging, runtime, *wait))
    steps: dict[str, float] = {}
    for text in outputs(environment["STORAGE_EMULATOR_HOST"], found["uuid"]):
        for match in STEP.finditer(text):
            steps[match["step"]] = max(steps.get(match["step"], 0), float(match["seconds"]))
    print(f"{staging}: {found['up']:.2f} s", file=sys.stderr)
    return found | {"steps": steps}


def outputs(server: str, uuid: str) -> Iterator[str]:
    """Yield what the initialization actions of a cluster printed, node by node."""
    listing = f"{server}/storage/v1/b/{BUCKET}/o?prefix=google-cloud-dataproc-metainfo/{uuid}/"
    with urllib.request.urlopen(listing, timeout=10) as answer:
        items = json.load(answer).get("items", [])
    for item in items:
        with urllib.request.urlopen(f"{server}/{BUCKET}/{item['name']}", timeout=10) as answer:
            yield answer.read().decode(errors="replace")


def bake(environment: dict[str, str], staging: str, runtime: str) -> None:
    """Make the layer of an image that has the environment, from a node."""
    shutil.rmtree(BAKED, ignore_errors=True)
    BAKED.mkdir(parents=True)
    python(environment, BAKE, staging, runtime, str(BAKED))


BAKE = """
import os, subprocess, sys
from pathlib import Path
from dask_dataproc import DataprocCluster
staging, runtime, target = sys.argv[1:]
with DataprocCluster(n_workers=2, staging=staging, runtime=runtime, local=True) as cluster:
    name = f"{cluster.name}-m"
    roots = [p for p in Path("/proc").glob("[0-9]*/root") if os.path.exists(p / "etc/hostname")
             and (p / "etc/hostname").read_text().strip() == name and (p / "opt/dask-dataproc/env").exists()]
    subprocess.run(f"tar -C {roots[0]} -c opt/dask-dataproc | tar -C {target} -x", shell=True, check=True)
"""


def show(rows: dict[str, list[dict[str, Any]]]) -> None:
    """Print what was measured."""
    phases = list(dict.fromkeys(name for found in rows.values() for one in found for name in one["phases"]))
    steps = list(dict.fromkeys(name for found in rows.values() for one in found for name in one["steps"]))
    ups = {name: [one["up"] for one in found] for name, found in rows.items()}
    print("Seconds, median [least–greatest]:\n")
    print(table(["up"], {name: [spread(values)] for name, values in ups.items()}))
    print("\nAs a multiple of the image's, round by round:\n")
    print(table(["up"], {name: [ratio(values, ups["on the image"])] for name, values in ups.items()}))
    for title, kind, names in (("Phases", "phases", phases), ("Steps, of the slowest node", "steps", steps)):
        print(f"\n{title}:\n")
        cells = {name: [spread(one[kind].get(name, 0.0) for one in found) for found in rows.values()] for name in names}
        print(table(list(rows), cells))


if __name__ == "__main__":
    if os.geteuid():
        sys.exit("benchmarks/nodes.py: Debian nodes need root")
    main()
