"""Our queues, as both schedulers of a real ResourceManager keep them: running, waiting, refused; and clear refusals."""

from __future__ import annotations

import asyncio
import signal
import threading
import time

import pytest
from distributed import Client, Status

from dask_dataproc.init_actions import queues, yarn_driver
from dask_dataproc.init_actions.yarn import YarnCluster
from dask_dataproc.init_actions.yarn_errors import (
    ContainerTooLarge,
    DriverFailed,
    NotAllowed,
    QueueTimeout,
    UnknownQueue,
)


class Background:
    """A cluster that is being started in a thread, and what is heard of its waiting."""

    def __init__(self, yarn, **options):
        self.heard: list[yarn_driver.Waiting] = []
        self.cluster = None
        self.thread = threading.Thread(target=self._start, args=(yarn, options))
        self.thread.start()

    def _start(self, yarn, options):
        self.cluster = yarn.cluster(on_wait=self.heard.append, **options)


def queue_of(yarn, name: str) -> dict:
    """The Fair Scheduler's view of a queue."""
    found = yarn.ask("scheduler")["scheduler"]["schedulerInfo"]["rootQueue"]
    for part in name.split(".")[1:]:
        found = next(each for each in found["childQueues"]["queue"] if each["queueName"].endswith(f".{part}"))
    return found


def test_the_fair_scheduler_has_the_tables_shares_and_limits(yarn):
    for queue in queues.QUEUES:
        seen = queue_of(yarn, f"root.{queue.name}")
        assert seen["maxResources"]["memory"] == int(8192 * queue.maximum / 100)
        child = queue_of(yarn, f"root.{queue.name}.ana")
        assert child["maxResources"]["memory"] == queue.user_limit(queues.Size(512, 1)).memory
        assert child["maxApps"] == (queue.applications_per_user or queues.UNLIMITED)
        assert seen["preemptable"] == (queue.name != "interactive")  # codespell:ignore preemptable


def test_two_users_compete_one_runs_one_waits_and_each_is_stopped_at_his_limit(yarn):
    mine = yarn.cluster(queue="interactive", n_workers=3)
    with Client(mine) as client:
        client.wait_for_workers(1, timeout=60)
        second = Background(yarn, queue="interactive")  # one application a user
        waiting = yarn.until(lambda: second.heard and second.heard[-1])
        assert (waiting.state, waiting.position) == ("ACCEPTED", 1)
        anas = yarn.cluster(queue="interactive", user="ana", n_workers=1)  # another user does not wait for me
        with Client(anas) as other:
            other.wait_for_workers(1, timeout=60)
            assert yarn.application(anas.app_id)["user"] == "ana"
            assert yarn.application(anas.app_id)["queue"] == "root.interactive.ana"
        assert len(mine.workers()) == 1  # of the three that were asked for: the user's limit
        assert second.cluster is None
        mine.close()
        second.thread.join(60)
        assert yarn.application(second.cluster.app_id)["state"] == "RUNNING"


def test_waiting_has_a_bound_and_says_the_place_and_the_reason(yarn):
    first = yarn.cluster(queue="interactive")
    with pytest.raises(
        QueueTimeout, match=r"did not start within .* in queue .*, number 1 of those that wait"
    ) as raised:
        yarn.cluster(queue="interactive", queue_timeout="1s")
    assert "queue-timeout" in raised.value.hint
    assert first.status.name == "running"
    (killed,) = [each for each in yarn.ask("apps?states=KILLED")["apps"]["app"] if each["id"] in str(raised.value)]
    assert killed["user"]


INTERRUPTED = """
import sys
from dask_dataproc.init_actions.yarn import YarnCluster

try:
    YarnCluster(sys.argv[1], queue="interactive", deploy_mode="local", on_wait=lambda w: print(w.app_id, flush=True))
except KeyboardInterrupt:
    print("interrupted", flush=True)
sys.stdin.read()
"""


def test_an_interrupted_wait_leaves_no_application_behind(yarn):
    yarn.cluster(queue="interactive")
    waits = yarn.run(INTERRUPTED, yarn.python)
    app_id = waits.stdout.readline().strip()
    waits.send_signal(signal.SIGINT)
    yarn.until(lambda: yarn.application(app_id)["state"] == "KILLED")
    assert waits.poll() is None  # a kernel would go on
    assert "interrupted" in waits.communicate(timeout=20)[0]


def test_a_start_that_is_cancelled_twice_leaves_no_application_behind(yarn):
    """As Ctrl-C does: by the call that waits, and by who made the call."""
    yarn.cluster(queue="interactive")
    asyncio.run(_cancelled_twice(yarn))


async def _cancelled_twice(yarn) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    waits = YarnCluster(
        yarn.python,
        queue="interactive",
        deploy_mode="local",
        asynchronous=True,
        on_wait=lambda w: heard.put_nowait(w.app_id),
    )
    starting = asyncio.ensure_future(waits._start())
    app_id = await heard.get()
    for _ in range(2):
        starting.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await starting
    await waits._abandon()
    assert yarn.application(app_id)["state"] == "KILLED"
    assert waits.status is Status.closed


def test_an_unknown_queue_is_refused_with_those_there_are(yarn):
    with pytest.raises(UnknownQueue, match="there is no queue 'nosuch'") as raised:
        yarn.cluster(queue="nosuch")
    assert {"batch", "interactive", "background"} <= set(raised.value.hint.split())


def test_who_may_not_submit_to_a_queue_or_not_for_somebody_else_is_told_so(yarn, monkeypatch):
    with pytest.raises(NotAllowed, match=r"user 'ana' may not submit to queue 'closed'"):
        yarn.cluster(queue="closed", user="ana")
    monkeypatch.setenv("HADOOP_USER_NAME", "mallory")
    mallory = yarn_driver.start_client()
    with pytest.raises(NotAllowed, match=r"you may not submit to queue 'closed': .*mallory.*root\.closed"):
        yarn.cluster(queue="closed", skein_client=mallory)
    with pytest.raises(NotAllowed, match=r"user 'ana' may not submit to queue 'batch': .*mallory is not allowed"):
        yarn.cluster(queue="batch", user="ana", skein_client=mallory)
    mallory.close()


def test_a_container_larger_than_any_is_refused_with_what_is_allowed(yarn):
    with pytest.raises(ContainerTooLarge, match=r"worker_memory: 8192 MiB asked, 4096 MiB allowed"):
        yarn.cluster(worker_memory="8 GiB", n_workers=1)
    with pytest.raises(ContainerTooLarge, match=r"worker_vcores: 9 asked, 4 allowed"):
        yarn.cluster(worker_vcores=9)


def test_without_java_or_hadoop_the_missing_command_is_named(yarn, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DriverFailed, match="needs the command `yarn`, which is not on PATH"):
        yarn.cluster(skein_client=None)


def test_the_capacity_scheduler_stops_a_user_at_his_limit_and_lets_the_next_one_wait(capacity):
    mine = capacity.cluster(queue="interactive", n_workers=3)
    with Client(mine) as client:
        client.wait_for_workers(1, timeout=60)
        assert capacity.application(mine.app_id)["queue"] == "interactive"
        anas = capacity.cluster(user="ana", n_workers=1)  # to the queue of who names none
        with Client(anas) as other:
            other.wait_for_workers(1, timeout=60)
        assert capacity.application(anas.app_id)["queue"] == "batch"
        began = time.monotonic()
        capacity.until(lambda: time.monotonic() - began > 1 and len(mine.workers()) == 1)
    with pytest.raises(UnknownQueue, match="'nosuch'"):
        capacity.cluster(queue="nosuch")
    with pytest.raises(NotAllowed, match=r"user 'ana' may not submit to queue 'background'"):
        capacity.cluster(queue="background", user="ana")
