"""Things go wrong at a command: asked for, listed and cleared; and what a worker learns of its preemption."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from dask_dataproc import DataprocCluster
from dask_dataproc.magics.cli import dataproc


def fault(*words: str) -> Result:
    return CliRunner().invoke(dataproc, ["emulator", "fault", *words])


def test_what_is_to_go_wrong_is_asked_for_listed_and_cleared(laptop, faults):
    asked = fault("stockout", "--times", "2", "--set", "zones=us-central1-b", "--set", "spot=true")
    assert (asked.exit_code, asked.stderr) == (0, "stockout waits until it can happen\n")
    waiting = [{"kind": "stockout", "times": 2, "settings": {"zones": "us-central1-b", "spot": "true"}}]
    assert json.loads(fault("--list", "--json").stdout) == waiting == faults.left()
    assert fault("--list").stdout.splitlines()[1] == "stockout  2      zones=us-central1-b, spot=true"
    assert fault("--clear").exit_code == 0
    assert fault("--list").stdout == "No fault waits\n"


def test_what_cannot_be_asked_for_is_refused_in_one_line(laptop, faults):
    refused = fault("stockout", "--set", "spot=maybe")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("EmulatorError: stockout, spot: 'maybe' given, allowed is true or false\n")
    for words in ((), ("stokout",), ("stockout", "--list"), ("cut", "--set", "seconds")):
        assert fault(*words).exit_code == 2
    assert faults.left() == []


def test_without_an_emulator_nothing_can_go_wrong(new_laptop):
    with new_laptop().here():
        refused = fault("--list")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("EmulatorError: the emulator is not running")


def test_a_preempted_worker_has_had_its_notice_and_the_head_counts_it(laptop, faults):
    with DataprocCluster(n_workers=2, secondary_workers=1, secondary_type="spot") as cluster:
        with cluster.get_client() as client:
            assert fault("preempt", "--set", f"cluster={cluster.name}").stderr == f"preempt: {cluster.name}-sw-0\n"
            laptop.until(lambda: client.sync(client.scheduler.preemptions) == {"last_hour": 1, "limit": 10})
        assert fault("vm-death", "--set", "cluster=nobody").stderr == "vm-death: there is no such machine\n"
