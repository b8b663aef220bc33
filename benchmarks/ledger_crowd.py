"""Many processes that reserve from one ledger at once, and whether it was right after every single write.

``python benchmarks/ledger_crowd.py URL --processes 8 --reservations 15`` prints one JSON line. ``URL`` is a folder of
this machine, or a bucket on a server that ``STORAGE_EMULATOR_HOST`` names.

Each process reserves, begins and releases clusters, one after the other; who is refused asks again. Every state that
each object of the ledger ever had is then looked at, as the process noted it that wrote it: one that nobody noted would
show as a change that no operation makes. The ledger's clock stands still, and each cluster has cost just 1 USD.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from dask_dataproc.clusters import store, store_bucket, store_folder
from dask_dataproc.clusters.account import Account, Reservation
from dask_dataproc.clusters.clock import Clock
from dask_dataproc.clusters.ledger import Ledger
from dask_dataproc.clusters.pauses import growing

NOON = 1_790_078_400.0 - 1_790_078_400.0 % 86400 + 43200
CLOCK = Clock(NOON, scale=0)
JOBS, CLUSTERS, PER_USER = 2, 10, 3
"""Clusters of one person, of all, and processes of each person at one time."""
PAUSES = (0.05, 1.0)
"""Most seconds before who was refused asks again: after the first time, and at last."""
LIMIT = 120.0
"""Seconds after which one who is never admitted gives up."""
HISTORY = ".history"
State = dict[str, Any]


class Full(Exception):
    """Refused: as many as allowed are in use."""


class Part(NamedTuple):
    """What one process did: seconds of each reservation, of each refusal, and swaps that others were quicker in."""

    reserved: list[float]
    refused: list[float]
    beaten: int


def main() -> None:
    """Let the crowd work, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--processes", type=int, default=30)
    parser.add_argument("--reservations", type=int, default=100)
    given = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        notes = (Path(given.url) if "://" not in given.url else Path(folder)) / HISTORY
        parts = crowd(given.url, given.processes, given.reservations, notes)
        seconds = time.perf_counter() - began
        states = list(history(notes))
    expected = Counter(user_of(number, given.processes) for number in range(given.processes))
    told = {
        "seconds": seconds,
        "reserved": [value for part in parts for value in part.reserved],
        "refused": [value for part in parts for value in part.refused],
        "beaten": sum(part.beaten for part in parts),
        "writes": len(states),
        "most": max(len(state["reservations"]) for name, state in states if name == "pool.json"),
        "wrong": wrong(states, {user: count * given.reservations for user, count in expected.items()}),
    }
    print(json.dumps(told))


def user_of(number: int, processes: int) -> str:
    """Return whose process ``number`` is."""
    return f"user{number % -(-processes // PER_USER)}"


def crowd(url: str, processes: int, reservations: int, notes: Path) -> list[Part]:
    """Let ``processes`` make ``reservations`` each, at once."""
    if "://" in url:
        import gcsfs  # noqa: F401  # before the fork, so that it is imported once
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, context, initializer=noting, initargs=(url, notes)) as pool:
        parts = [pool.submit(one, url, user_of(n, processes), f"{n}", reservations) for n in range(processes)]
        return [part.result() for part in parts]


def one(url: str, user: str, name: str, reservations: int) -> Part:
    """Make ``reservations`` for ``user``, one after the other."""
    return asyncio.run(_one(Ledger(url, CLOCK), user, name, reservations))


async def _one(ledger: Ledger, user: str, name: str, reservations: int) -> Part:
    part = Part([], [], 0)
    for number in range(reservations):
        key = f"{name}-{number}"
        wanted = Reservation(key, f"dask-{key}", "p/r", 1, 1, "etl", NOON + 1800)
        await until_admitted(ledger, user, wanted, part)
        await ledger.begin(user, key, f"uuid-{key}", NOON - 3600, 1.0, NOON + 1800)
        await ledger.release(user, key)
    return part._replace(beaten=Beaten.times)


async def until_admitted(ledger: Ledger, user: str, wanted: Reservation, part: Part) -> None:
    """Ask until ``wanted`` is reserved."""
    async with asyncio.timeout(LIMIT):
        for pause in growing(*PAUSES, 2.0):
            if await admitted(ledger, user, wanted, part):
                return
            await asyncio.sleep(random.uniform(0, pause))


async def admitted(ledger: Ledger, user: str, wanted: Reservation, part: Part) -> bool:
    """Ask once, and return whether ``wanted`` is reserved."""
    began = time.perf_counter()
    try:
        await ledger.reserve(user, wanted, up_to(JOBS), up_to(CLUSTERS))
    except Full:
        part.refused.append(time.perf_counter() - began)
        return False
    part.reserved.append(time.perf_counter() - began)
    return True


def up_to(limit: int) -> Any:
    """Return what admits one more if there are fewer than ``limit``."""

    def admit(account: Account) -> None:
        if len(account.reservations) >= limit:
            raise Full

    return admit


class Beaten:
    """How often a swap of this process was refused."""

    times = 0


def noting(url: str, notes: Path) -> None:
    """Count this process's swaps that are refused, and note each state with what it came after.

    In a bucket that is the generation which was replaced: each has one successor. In a folder it is the order of the
    notes, each written while its object's lock is held.
    """
    log = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(after: int, name: str, state: bytes) -> None:
        os.write(log, (json.dumps([after, name, json.loads(state)]) + "\n").encode())

    for kind in (store_folder.FolderObjects, store_bucket.BucketObjects):
        kind.swap = _counting(kind.swap, note if "://" in url else lambda *_: None)
    if "://" not in url:
        sys.addaudithook(lambda event, given: _renamed(event, given, url, note))


def _renamed(event: str, given: tuple[Any, ...], url: str, note: Any) -> None:
    if event == "os.rename" and str(given[1]).startswith(url):
        note(0, Path(given[1]).name, Path(given[0]).read_bytes())


def _counting(swap: Any, note: Any) -> Any:
    def counted(self: store.Objects, url: str, data: bytes, version: str) -> bool:
        done = swap(self, url, data, version)
        Beaten.times += not done
        if done:
            note(int(version) if version.isdigit() else 0, url.rpartition("/")[2], data)
        return done

    return counted


def history(notes: Path) -> Iterator[tuple[str, State]]:
    """Yield name and content of every state that each object of the ledger had, in the order they were written."""
    lines = map(json.loads, notes.read_text().splitlines())
    for _, name, state in sorted(lines, key=lambda line: line[0]):
        yield name, state


def wrong(states: list[tuple[str, State]], expected: dict[str, int]) -> list[str]:
    """Return what is wrong with the states of a ledger, if anything.

    Parameters
    ----------
    states : list of tuple of str and dict
        Names of objects and their contents; those of one object in the order they were written.
    expected : dict of str to int
        Clusters that each person had in all.
    """
    found: list[str] = []
    last: dict[str, State] = {}
    for name, state in states:
        limit = CLUSTERS if name == "pool.json" else JOBS
        if len(state["reservations"]) > limit:
            found.append(f"{name}: {len(state['reservations'])} at once, {limit} allowed")
        before = last.get(name, {"reservations": {}, "ended": {}, "spent": {}})
        found += [f"{name}: {text}" for text in _lost(before, state)]
        last[name] = state
    for user, clusters in expected.items():
        spent = sum(sum(by.values()) for by in last[f"{user}.json"]["spent"].values())
        if spent != clusters:
            found.append(f"{user}: {clusters} clusters, {spent:g} USD spent")
    return found + [f"{name}: left with {list(s['reservations'])}" for name, s in last.items() if s["reservations"]]


def _lost(before: State, after: State) -> Iterator[str]:
    """Yield what one write changed that one operation does not change."""
    changed = set(before["reservations"]) ^ set(after["reservations"])
    if len(changed) > 1:
        yield f"{sorted(changed)} at once"
    gone = {key for key in changed if before["reservations"].get(key, {}).get("uuid")}
    ended = set(after["ended"]) - set(before["ended"])
    if gone != ended or set(before["ended"]) - set(after["ended"]):
        yield f"{sorted(gone)} gone and {sorted(ended)} spent"
    if changed & set(before["ended"]):
        yield f"{sorted(changed)} twice"


if __name__ == "__main__":
    main()
