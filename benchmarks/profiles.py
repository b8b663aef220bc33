"""What the workloads' profiles do: the same shuffle, merge and spilling by workload, and what compression costs.

``python benchmarks/profiles.py [--rounds 3] [--only workload] [--json FILE]``. *etl, shuffle by tasks* is what ADR-002
asks of that workload. *Between workers* is a cluster of Dask's own with TLS as ours has, whose two workers have
addresses of their own (Linux), for Dask compresses nothing within one; its network is the loopback: what compression
costs there, a slower network has to win back, and *pays below* says how slow. *The head's count* is 10,000 tiny tasks
with init_actions/usage.py and as many without, in turns. Each measurement is a process of its own; rounds go through
all of them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from processes import load
from summary import ratio, spread, table
from surroundings import own_folders

BY_TASKS = "etl, shuffle by tasks"
WORKLOADS = ("interactive", "etl", BY_TASKS, "analytics")
WIRES = {"as it is": "", "lz4": "lz4", "zstd": "zstd"}
MEASURES = {
    "tasks": "tasks of the shuffle",
    "shuffle": "shuffle",
    "merge": "merge",
    "spill": "all to disk",
    "disk": "disk / memory",
    "unspill": "and back",
    "others": "others' cores",
}
PARTITIONS, ROWS = 16, 200_000
"""Of a frame; a row has 44 bytes: two integers, two floats of which one is a price, and a word."""
KEYS = 1_000_000
TINY, TURNS = 1000, 10
"""Tasks in a turn with the count or without, and turns of each."""
LIMIT = 300.0
"""Seconds that one measurement may take."""
LOOK = 0.3


def main() -> None:
    """Measure, and print the tables."""
    given = arguments()
    if given.once:
        kind, _, name = given.once.partition(":")
        print(json.dumps(KINDS[kind](name)), flush=True)
        return
    what = [*(f"workload:{w}" for w in WORKLOADS), *(f"wire:{name}" for name in WIRES), "count:"]
    runs: dict[str, list[dict[str, Any]]] = {each: [] for each in what}
    what = [each for each in what if given.only in ("", each.partition(":")[0])]
    with own_folders() as environment:
        environment |= {"GOOGLE_CLOUD_PROJECT": ""}
        try:
            for number in range(given.rounds):
                for each in what:
                    print(f"round {number + 1}: {each}", file=sys.stderr)
                    runs[each].append(child(each, environment))
        finally:
            child("stop:", environment)
    print(report(runs, given.only))
    if given.json:
        given.json.write_text(json.dumps(runs, indent=1))


def child(once: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what a fresh process measured, with the cores that others kept busy just before."""
    others = load(LOOK)
    command = [sys.executable, __file__, "--once", once]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)
    if ran.returncode:
        raise RuntimeError(f"{once}: status {ran.returncode}\n{ran.stderr}")
    return json.loads(ran.stdout.splitlines()[-1]) | {"others": others}


def workload(name: str) -> dict[str, float]:
    """Shuffle, merge and spill on a cluster of the workload ``name``; return seconds, a number and a share."""
    import dask.config

    from dask_dataproc import DataprocCluster

    profile = name.partition(",")[0]
    asked = {"dataframe.shuffle.method": "tasks"} if name == BY_TASKS else {}
    with (
        dask.config.set(asked),
        DataprocCluster(n_workers=2, workload=profile, local=True) as cluster,
        cluster.get_client() as client,
    ):
        frame, other = kept(PARTITIONS), kept(2, seed=100)
        shuffled = frame.shuffle("key").map_partitions(len)
        found = {"tasks": len(shuffled.optimize().__dask_graph__()), "shuffle": seconds(shuffled.compute)}
        found["merge"] = seconds(frame.merge(other, on="key").map_partitions(len).compute)
        found["spill"] = seconds(lambda: client.run(spill))
        memory, disk = (sum(each) for each in zip(*client.run(spilled).values(), strict=True))
        found["disk"] = disk / memory
        found["unspill"] = seconds(frame["price"].sum().compute)
    return found


def kept(partitions: int, seed: int = 0) -> Any:
    """Return a frame in the workers' memory."""
    import dask.dataframe
    from distributed import wait

    frame = dask.dataframe.from_map(rows, range(seed, seed + partitions), meta=rows(0, 1)).persist()
    wait(frame)
    return frame


def rows(seed: int, n: int = ROWS) -> Any:
    """Return ``n`` rows as a table of orders might have them."""
    import numpy
    import pandas

    draw = numpy.random.default_rng(seed)
    words = draw.choice(["AIR", "MAIL", "SHIP", "TRUCK", "RAIL"], n)
    return pandas.DataFrame(
        {
            "key": draw.integers(0, KEYS, n),
            "quantity": draw.integers(1, 50, n),
            "price": numpy.round(draw.random(n) * 1000, 2),
            "discount": draw.random(n),
            "mode": pandas.array(words, dtype="string[pyarrow]"),
        }
    )


def seconds(act: Any) -> float:
    """Return how long ``act`` takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def spill(dask_worker: Any) -> None:
    """Write all that a worker holds to its disk."""
    while dask_worker.data.fast:
        dask_worker.data.evict()


def spilled(dask_worker: Any) -> tuple[int, int]:
    """Return the bytes in memory and on disk of what is on a worker's disk."""
    return tuple(dask_worker.data.spilled_total)


def wire(name: str) -> dict[str, float]:
    """Shuffle between two workers that compress for each other by ``name``; return seconds and the bytes that went."""
    import dask.config
    from distributed import Client, Nanny, Scheduler, SpecCluster
    from distributed.security import Security

    config = {"distributed.comm.compression": WIRES[name] or False, "dataframe.shuffle.method": "p2p"}
    options = {"security": Security.temporary(), "dashboard": False}
    workers = {
        n: {"cls": Nanny, "options": options | {"nthreads": 1, "host": f"127.0.0.{n + 2}", "config": config}}
        for n in range(2)
    }
    scheduler = {"cls": Scheduler, "options": options | {"host": "127.0.0.1", "protocol": "tls://"}}
    with (
        dask.config.set(config),
        SpecCluster(workers=workers, scheduler=scheduler, security=options["security"]) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(2)
        frame = kept(PARTITIONS)
        frame.shuffle("quantity").map_partitions(len).compute()
        return {"shuffle": seconds(frame.shuffle("key").map_partitions(len).compute), "share": compressed(name)}


def compressed(name: str) -> float:
    """Return what compression makes of a partition as it travels, as a part of it."""
    import pyarrow
    from distributed.protocol.compression import compressions

    batch = pyarrow.RecordBatch.from_pandas(rows(0), preserve_index=False).serialize()
    return len(compressions[WIRES[name] or None].compress(memoryview(batch))) / len(batch)


def count(_: str) -> dict[str, float]:
    """Return the head's CPU seconds for tiny tasks with its count and without, and what a task adds by itself."""
    from dask_dataproc import DataprocCluster

    with DataprocCluster(n_workers=2, local=True) as cluster, cluster.get_client() as client:
        client.gather(client.map(abs, range(TINY), pure=False))
        turns = [(tiny(client, True), tiny(client, False)) for _ in range(TURNS)]
        took = client.run_on_scheduler(called)
    counted, plain = (sum(each) for each in zip(*turns, strict=True))
    return {"plain": plain, "counted": counted, "microseconds": took}


def tiny(client: Any, counting: bool) -> float:
    """Return the head's CPU seconds for tiny tasks."""

    def begin(dask_scheduler: Any) -> float:
        dask_scheduler.plugins.pop("usage", None)
        if counting:
            dask_scheduler.plugins["usage"] = dask_scheduler.used
        return time.process_time()

    before = client.run_on_scheduler(begin)
    client.gather(client.map(abs, range(TINY), pure=False))
    return client.run_on_scheduler(time.process_time) - before


def called(dask_scheduler: Any) -> float:
    """Return the microseconds that the count takes for one task, all its transitions together."""
    used, said = dask_scheduler.used, [{"action": "compute", "start": 0.0, "stop": 0.0}]
    began = time.perf_counter()
    for _ in range(TINY):
        used.transition("key", "released", "waiting", stimulus_id="")
        used.transition("key", "waiting", "processing", stimulus_id="")
        used.transition("key", "processing", "memory", stimulus_id="", startstops=said)
        used.transition("key", "memory", "released", stimulus_id="")
        used.transition("key", "released", "forgotten", stimulus_id="")
    return (time.perf_counter() - began) / TINY * 1e6


def stop(_: str) -> dict[str, float]:
    """End the emulator."""
    from dask_dataproc.clusters.local import emulator_stop

    return {"stopped": emulator_stop()}


KINDS = {"workload": workload, "wire": wire, "count": count, "stop": stop}


def report(runs: Mapping[str, list[dict[str, Any]]], only: str) -> str:
    """Return what was measured by workload, between workers, and of the head's count."""
    by_workload: dict[str, list[object]] = {
        title: [spread(run[measure] for run in runs[f"workload:{name}"]) for name in WORKLOADS]
        for measure, title in MEASURES.items()
    }
    plain = runs["wire:as it is"]
    between: dict[str, list[object]] = {
        name: [
            spread(run["shuffle"] for run in runs[f"wire:{name}"]),
            ratio([run["shuffle"] for run in runs[f"wire:{name}"]], [run["shuffle"] for run in plain]),
            spread(run["share"] for run in runs[f"wire:{name}"]),
            below(runs[f"wire:{name}"], plain),
        ]
        for name in WIRES
    }
    counted = runs["count:"]
    head: dict[str, list[object]] = {
        "the head's CPU seconds without": [spread(run["plain"] for run in counted)],
        "with, as a multiple": [ratio(*([run[which] for run in counted] for which in ("counted", "plain")))],
        "microseconds a task": [spread(run["microseconds"] for run in counted)],
        "of the head's time, %": [spread(run["microseconds"] * TURNS * TINY / 1e4 / run["plain"] for run in counted)],
    }
    columns = ["shuffle", "as a multiple", "travels / is", "pays below, Gbit/s"]
    tables = {
        "workload": table(WORKLOADS, by_workload),
        "wire": table(columns, between),
        "count": table(["the head's count"], head),
    }
    return "\n\n".join(tables[kind] for kind in tables if only in ("", kind))


def below(runs: list[dict[str, Any]], plain: list[dict[str, Any]]) -> object:
    """Return the network under which the bytes that are saved take longer than compressing them did here."""
    half = PARTITIONS * ROWS * 44 / 2  # of the rows change to the other worker
    pairs = zip(runs, plain, strict=True)
    lost = [(run["shuffle"] - other["shuffle"], half * (1 - run["share"])) for run, other in pairs]
    return spread(saved * 8 / 1e9 / slower if slower > 0 else None for slower, saved in lost)


def arguments() -> argparse.Namespace:
    """Return what was given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    parser.add_argument("--only", default="", choices=("workload", "wire", "count"))
    parser.add_argument("--once", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
