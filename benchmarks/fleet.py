"""How soon `fleet` and `audit` answer when there are a thousand clusters, on a folder and on a Cloud Storage server.

``python benchmarks/fleet.py [--clusters 1000] [--people 30] [--rounds 5]``; needs ``tests/gcs/setup.sh``. The trail has
four events of each cluster, of the last week; the ledger has as many clusters that live, and the emulator lists them,
all in ERROR, since a thousand of them do not run on one machine. The bucket's row has ledger and trail there.
``dask --version`` is what Dask's own command takes to begin, as part of each of ours.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ledger import BUCKET, bucket
from processes import load
from summary import spread, table
from surroundings import own_folders

DAYS = 7
DASK = Path(sys.executable).with_name("dask")
COLUMNS = [
    "audit, nothing put together",
    "audit",
    "fleet",
    "dask --version",
    "dask dataproc audit",
    "dask dataproc fleet",
]
LOOK = 0.5
"""Seconds for which the others' load is looked at before each round."""


def main() -> None:
    """Measure, and print the table."""
    given = arguments()
    if given.fill:
        return fill(given.clusters, given.people)
    if given.measure:
        print(json.dumps(measure(given.measure, given.rounds)))
        return None
    stores = {"a folder": in_folder, "fake-gcs-server": in_bucket}
    others, rows = [load(LOOK)], {}
    for name, store in stores.items():
        print(name, file=sys.stderr)
        with own_folders() as environment, store(environment) as there:
            took = measured(there, given)
        rows[name] = [spread(took[column]) for column in COLUMNS]
        others.append(load(LOOK))
    print(f"{given.clusters} clusters of {given.people} people, seconds, median [least–greatest] of {given.rounds};")
    print(f"others kept {spread(others)} cores busy\n")
    print(table(COLUMNS, rows))
    return None


@contextlib.contextmanager
def in_folder(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Give an environment whose ledger and trail lie in the emulator's staging."""
    yield {**environment, "GOOGLE_CLOUD_PROJECT": ""}


@contextlib.contextmanager
def in_bucket(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Give an environment whose ledger and trail lie in a bucket."""
    with bucket() as leads, in_folder(environment) as own:
        where = {f"DASK_DATAPROC__{name.upper()}": f"gs://{BUCKET}/{name}" for name in ("ledger", "audit")}
        yield leads | own | where


def measured(environment: Mapping[str, str], given: argparse.Namespace) -> dict[str, list[float]]:
    """Return what each round takes, by column."""
    here(environment, "--fill", "--clusters", str(given.clusters), "--people", str(given.people))
    rounds, number = range(given.rounds), ["--rounds", str(given.rounds)]
    took = {}
    try:
        took["audit, nothing put together"] = json.loads(here(environment, "--measure", "audit", *number))
        here(environment, "--measure", "settle")
        for verb in ("audit", "fleet"):
            took[verb] = json.loads(here(environment, "--measure", verb, *number))
            took[f"dask dataproc {verb}"] = [shell(environment, verb, given.clusters) for _ in rounds]
        took["dask --version"] = [timed(lambda: command(environment, "--version")) for _ in rounds]
    finally:
        subprocess.run([DASK, "dataproc", "emulator", "stop"], env=environment, check=True, capture_output=True)
    return took


def here(environment: Mapping[str, str], *words: str) -> str:
    """Return what this program prints in a process of its own."""
    command = [sys.executable, __file__, *words]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def shell(environment: Mapping[str, str], verb: str, clusters: int) -> float:
    """Return the seconds that a verb takes from the shell, imports and all."""
    begun = time.perf_counter()
    said = command(environment, "dataproc", verb, "--json")
    took = time.perf_counter() - begun
    found = json.loads(said)
    assert len(found if verb == "audit" else found["rows"]) >= clusters
    return took


def command(environment: Mapping[str, str], *words: str) -> bytes:
    """Return what ``dask`` says to ``words``."""
    return subprocess.run([DASK, *words], env=environment, check=True, stdout=subprocess.PIPE).stdout


def measure(verb: str, rounds: int) -> list[float]:
    """Return the seconds of each round of a verb in a process that has done it before, and so has what it imports."""
    from dask_dataproc.clusters.audit import asked_for
    from dask_dataproc.clusters.fleet import fleet
    from dask_dataproc.clusters.local import emulator_start
    from dask_dataproc.clusters.query import queried, settle

    now = emulator_start().clock.now()
    if verb == "settle":
        settle("local", now, 600.0)
        return []
    acts: dict[str, Callable[[], Any]] = {
        "audit": lambda: asked_for(queried("local", f"{DAYS}d", now).events, since=now - DAYS * 86400),
        "fleet": lambda: fleet("local").rows,
    }
    timed(acts[verb])
    return [timed(acts[verb]) for _ in range(rounds)]


def timed(act: Callable[[], Any]) -> float:
    """Return the seconds of ``act``, which finds something."""
    begun = time.perf_counter()
    assert act()
    return time.perf_counter() - begun


def fill(clusters: int, people: int) -> None:
    """Have the emulator, the ledger and the trail know of so many clusters."""
    from dask_dataproc.clusters import store
    from dask_dataproc.clusters.account import Account
    from dask_dataproc.clusters.config import resolve, staging_of
    from dask_dataproc.clusters.paths import state_dir
    from dask_dataproc.clusters.standings import ledger_url
    from dask_dataproc.clusters.trail import trail_url

    now = time.time()
    made = [Made(number, f"user{number % people}", now) for number in range(clusters)]
    shelf = state_dir() / "emulator" / "clusters"
    shelf.mkdir(parents=True)
    for each in made:
        shelf.joinpath(f"{each.name}.json").write_text(json.dumps(each.kept(resolve(local=True, name=each.name))))
    trail, ledger = trail_url(staging_of("local")), ledger_url(staging_of("local"))
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda each: each.told(trail), made))
    for owner in {each.owner for each in made}:
        account = Account(owner, {each.uuid: each.held() for each in made if each.owner == owner})
        store.put(f"{ledger}/users/{owner}.json", json.dumps(account.to_dict()).encode())


class Made:
    """One of the clusters, made somewhen in the last week.

    Parameters
    ----------
    number : int
    owner : str
    now : float
    """

    def __init__(self, number: int, owner: str, now: float):
        self.name, self.owner, self.now = f"dask-{owner}-{number:04x}", owner, now
        self.uuid = f"00000000-0000-0000-0000-{number:012d}"
        self.at = now - DAYS * 86400 * (number % 97) / 97 - 60

    def kept(self, spec: Any) -> dict[str, Any]:
        """Return what the emulator keeps of it."""
        cluster = spec.replace(labels={"owner": self.owner}).to_dataproc()
        cluster["config"]["lifecycle_config"] = {"auto_delete_ttl": f"{13 * 86400}s"}
        cluster["config"]["master_config"]["instance_names"] = [f"{self.name}-m"]
        cluster |= {"cluster_uuid": self.uuid}
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.at))
        cluster["status"] = {"state": "RUNNING", "state_start_time": stamp}
        return {"cluster": cluster, "region": "us-central1", "life_from": self.at, "vms": []}

    def told(self, trail: str) -> None:
        """Have the trail know of another cluster of its owner, which has ended."""
        from dask_dataproc.clusters import store
        from dask_dataproc.clusters.audit import Event

        for number, act in enumerate(("create", "created", "delete", "deleted")):
            about = {"key": self.uuid, "uuid": self.uuid, "workers": 2, "machine": "n2-standard-4", "rate": 0.74}
            usd = 1.5 if act == "deleted" else None
            id_, when = f"{self.uuid[-12:]}{number}", self.at + 15.0 * number
            told = (when, act, self.name, "local/us-central1", self.owner, self.owner, "dask dataproc up", id_)
            event = Event(*told, usd=usd, **about)
            store.put(f"{trail}/new/{event.name}", event.line().encode())

    def held(self) -> Any:
        """Return its reservation."""
        from dask_dataproc.clusters.reservation import Reservation, Span

        paid = (Span(self.at, 0.74),)
        until = self.now + 86400
        return Reservation(
            self.uuid, self.name, "local/us-central1", 2, 28 << 30, "etl", until, self.uuid, paid, self.now
        )


def arguments() -> argparse.Namespace:
    """Return what was given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", type=int, default=1000, help="in trail, ledger and emulator (1000)")
    parser.add_argument("--people", type=int, default=30, help="whose they are (30)")
    parser.add_argument("--rounds", type=int, default=5, help="of both stores (5)")
    parser.add_argument("--fill", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--measure", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
