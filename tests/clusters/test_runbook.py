"""docs/runbook.md cannot rot: each symptom is produced, looks as the book says, and its commands are run in it."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dask.config
import pytest
from click.testing import CliRunner, Result

import dask_dataproc
from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.faults import emulator_fault, emulator_faults_clear
from dask_dataproc.clusters.local import emulator_start
from dask_dataproc.magics.cli import HOMES, dataproc

BOOK = Path(dask_dataproc.__file__).parent / "docs" / "runbook.md"
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", BOOK.read_text(), re.MULTILINE | re.DOTALL))
HERE, NEW, SPOT = "dask-ana-3f2c", "dask-ana-77aa", "dask-ana-9d1e"
JOB = "etl-77aa"
FAILS = {"doctor"}
"""Verbs whose status says what they have found."""
WANTED = "cluster-creation-fails job-fails slow out-of-memory out-of-quota over-budget preempted stuck-lease nfs-away"
WANTED += " idle worker-down"
BROKEN_JOB = "def main():\n    raise ValueError('no such column: price')\n"


def commands(section: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", SECTIONS[section], re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def looks(section: str) -> list[str]:
    blocks = re.findall(r"^```text\n(.*?)^```", SECTIONS[section], re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def run(line: str) -> Result:
    words = shlex.split(line)
    assert words[:2] == ["dask", "dataproc"], line
    return CliRunner().invoke(dataproc, words[2:])


def plain(text: str) -> str:
    """Return ``text`` without what differs from one machine and minute to the next."""
    return re.sub(r"budget of [a-z0-9-]+", "budget of ana", re.sub(r"\d+(\.\d+)?", "0", " ".join(text.split())))


class Book:
    """Where symptoms are produced: a laptop, what a symptom has set on it, and the cluster it has."""

    def __init__(self, laptop: Any, settings: ExitStack):
        self.until = laptop.until
        self._settings = settings

    def set(self, **settings: Any) -> None:
        """Have the settings until the symptom is over."""
        self._settings.enter_context(dask.config.set({f"dataproc.{key}": value for key, value in settings.items()}))

    def fails_to_come(self) -> str:
        emulator_fault("init-action", output="E: Unable to locate package x", cluster=NEW)
        return run(f"dask dataproc up --workers 2 --name {NEW}").output

    def job_fails(self) -> str:
        Path("job.py").write_text(BROKEN_JOB)
        return run(f"dask dataproc submit {HERE} --file job.py --id {JOB}").output

    def out_of_memory(self) -> str:
        with DataprocCluster.from_name(HERE, hold_lease=False) as cluster, cluster.get_client() as client:
            error = client.submit(os._exit, 1, key="load-1").exception(timeout=120)
        return f"{type(error).__name__}: {error}"

    def out_of_quota(self) -> str:
        asked = f"dask dataproc up --workers {{}} --name {NEW}"
        emulator_fault("quota", metric="CPUS", available=8, cluster=NEW)
        of_project = run(asked.format(3)).output
        self.set(**{"quotas.class": "standard"})
        return of_project + run(asked.format(8)).output

    def over_budget(self) -> str:
        self.set(**{"budgets.user": 0.0001, "budgets.hard-stop": True})
        return run(f"dask dataproc up --workers 2 --name {NEW}").output

    def preempted(self) -> str:
        self._spot()
        emulator_fault("preempt", cluster=SPOT)
        return self._once("Retired worker", f"dask dataproc logs {SPOT} --of head")

    def worker_down(self) -> str:
        self._spot()
        emulator_fault("vm-death", vm=f"{SPOT}-w-1", cluster=SPOT)
        emulator_fault("vm-death", vm=f"{SPOT}-sw-0", cluster=SPOT)
        return self._once("1 of 3", f"dask dataproc status {SPOT}")

    def well(self) -> str:
        return ""

    def _spot(self) -> None:
        run(f"dask dataproc down {SPOT}")
        assert run(f"dask dataproc up --workers 2 --secondary-workers 1 --name {SPOT}").exit_code == 0

    def _once(self, words: str, line: str) -> str:
        return self.until(lambda: said if words in (said := run(line).output) else "")


STATES = {
    "Cluster creation fails": Book.fails_to_come,
    "Job fails": Book.job_fails,
    "Out of memory": Book.out_of_memory,
    "Out of quota": Book.out_of_quota,
    "Over budget": Book.over_budget,
    "Preempted": Book.preempted,
    "Worker down": Book.worker_down,
}
"""How a section's symptom is produced; those that look like nothing are looked at on a cluster that is well."""


@pytest.fixture(scope="module")
def laptop_of_the_book(new_laptop, tmp_path_factory) -> Iterator[Any]:
    """A laptop with nothing else on it; commands run in a folder of their own."""
    laptop, folder, before = new_laptop(), tmp_path_factory.mktemp("book"), Path.cwd()
    with laptop.here():
        os.chdir(folder)
        emulator_start()
        yield laptop
        os.chdir(before)
        run("dask dataproc down --all")


@pytest.fixture
def book(laptop_of_the_book) -> Iterator[Book]:
    """The book's laptop with its cluster well, for one symptom; nothing more goes wrong when that is over."""
    for line in (f"up --workers 2 --name {HERE}", f"scale 2 --name {HERE}"):
        assert run(f"dask dataproc {line}").exit_code == 0
    with ExitStack() as settings:
        yield Book(laptop_of_the_book, settings)
    emulator_faults_clear()


@pytest.mark.parametrize("section", [name for name in SECTIONS if commands(name)])
def test_a_symptom_looks_as_the_book_says_and_each_of_its_commands_can_be_run(book, section):
    seen = plain(STATES.get(section, Book.well)(book))
    assert [line for line in looks(section) if plain(line) not in seen] == [], seen
    for line in commands(section):
        ran = run(line)
        assert ran.exception is None or isinstance(ran.exception, SystemExit), line
        assert ran.exit_code in ((0, 1) if line.split()[2] in FAILS else (0,)), f"{line}\n{ran.output}"
        assert ran.output, line


def test_the_book_has_a_section_for_each_symptom_and_for_each_alert():
    anchors = {name.lower().replace(" ", "-") for name in SECTIONS}
    linked = set(re.findall(r"\(#([a-z-]+)\)", BOOK.read_text()))
    alerts = BOOK.parents[1] / "infra" / "monitoring"
    texts = [file.read_text() for file in alerts.rglob("*.yaml")] + [
        file.read_text() for file in alerts.rglob("*.json")
    ]
    asked = {anchor for text in texts for anchor in re.findall(r"runbook\.md#([a-z-]+)", text)}
    assert set(WANTED.split()) | linked | asked <= anchors


def test_every_verb_that_the_book_names_is_there():
    named = re.findall(r"(?:%dask_cluster|dask dataproc) ([a-z-]+)", BOOK.read_text())
    assert named
    assert set(named) <= set(HOMES)
