"""The queues' table is ADR-002's, and both schedulers' settings say what it says, whatever the size of a worker."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.init_actions.queues import (
    MASTER,
    QUEUES,
    WORKER,
    Size,
    as_xml,
    capacity_scheduler,
    dataproc_properties,
    fair_scheduler,
)

SIZES = st.builds(Size, st.integers(512, 1 << 20), st.integers(1, 96))


def test_the_table_is_the_decided_one():
    table = {
        queue.name: (queue.share, queue.maximum, queue.preemption, queue.user_limit_factor, queue.applications_per_user)
        for queue in QUEUES
    }
    assert table == {
        "interactive": (30, 50, 60, 2, 1),
        "batch": (50, 80, 300, 1, 3),
        "background": (20, 100, 600, 4, None),
    }
    assert {queue.name: queue.workers_per_user * WORKER.memory // 1024 for queue in QUEUES} == {
        "interactive": 14,
        "batch": 42,
        "background": 28,
    }
    assert WORKER == (14336, 3)


def test_shares_add_up_to_the_cluster_and_none_is_above_its_maximum():
    assert sum(queue.share for queue in QUEUES) == 100
    assert all(queue.share <= queue.maximum <= 100 for queue in QUEUES)
    by_priority = sorted(QUEUES, key=lambda queue: -queue.priority)
    assert [queue.preemption for queue in by_priority] == sorted(queue.preemption for queue in QUEUES)


@given(worker=SIZES, users=st.lists(st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True), unique=True, max_size=3))
def test_the_fair_schedulers_file_limits_each_user_to_his_workers_and_their_masters(worker, users):
    root = ElementTree.fromstring(fair_scheduler(users, worker))
    for queue in QUEUES:
        (made,) = root.findall(f"queue[@name='root']/queue[@name='{queue.name}']")
        assert made.get("type") == "parent"  # one queue below it for each user
        assert made.findtext("maxResources") == f"{queue.maximum:.1f}%"
        limit = queue.user_limit(worker)
        assert made.findtext("maxChildResources") == str(limit)
        masters = queue.applications_per_user or queue.workers_per_user
        assert limit.memory == queue.workers_per_user * worker.memory + masters * MASTER.memory
        assert [child.get("name") for child in made.findall("queue")] == users
        for child in made.findall("queue"):
            assert child.findtext("maxResources") == str(limit)
            assert int(child.findtext("maxRunningApps")) == (queue.applications_per_user or 10_000)


@given(nodes=st.integers(1, 100), worker=SIZES)
def test_the_capacity_scheduler_lets_a_users_last_worker_in_and_no_further_one(nodes, worker):
    memory = nodes * (worker.memory + MASTER.memory)
    found = capacity_scheduler(memory, worker)
    for queue in QUEUES:
        at = f"yarn.scheduler.capacity.root.{queue.name}"
        assert float(found[f"{at}.capacity"]) == queue.share
        assert float(found[f"{at}.maximum-capacity"]) == queue.maximum
        factor = float(found[f"{at}.user-limit-factor"])
        assert factor <= queue.user_limit_factor
        all_in = queue.workers_per_user * worker.memory + MASTER.memory
        rounded = 0.0001 * memory  # the factor has four decimals
        assert factor * memory * queue.share / 100 < all_in + rounded


def test_a_dataproc_cluster_gets_its_scheduler_when_it_is_created():
    fair, capacity = dataproc_properties("fair"), dataproc_properties("capacity", memory=2 * 14848)
    for found in (fair, capacity):
        assert {key.partition(":")[0] for key in found} <= {"yarn", "capacity-scheduler"}
        assert all(isinstance(value, str) for value in found.values())
        assert int(found["yarn:yarn.nodemanager.resource.memory-mb"]) == WORKER.memory + MASTER.memory
    assert fair["yarn:yarn.resourcemanager.scheduler.class"].endswith(".FairScheduler")
    assert capacity["yarn:yarn.resourcemanager.scheduler.class"].endswith(".CapacityScheduler")
    assert capacity["capacity-scheduler:yarn.scheduler.capacity.root.queues"] == "interactive,batch,background"
    with pytest.raises(KeyError):
        dataproc_properties("fifo")


def test_a_node_writes_the_files_with_one_command():
    module = [sys.executable, "-m", "dask_dataproc.init_actions.queues"]
    fair = subprocess.run([*module, "fair", "--users", "ana"], check=True, capture_output=True, text=True).stdout
    assert fair == fair_scheduler(["ana"])
    size = ["--worker-memory", "6144", "--worker-vcores", "2"]
    written = subprocess.run(
        [*module, "capacity", "--memory", "16384", *size], check=True, capture_output=True, text=True
    ).stdout
    assert written == as_xml(capacity_scheduler(16384, Size(6144, 2)))
