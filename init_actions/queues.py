"""The YARN queues of a cluster: one table, and from it the settings of the Fair and of the Capacity Scheduler.

Pure. Figures: ADR-002 (shares, preemption, limits per user), with its default queue's limits for ``batch``.
``python -m dask_dataproc_node.queues fair|capacity`` prints the one's file or the other's; ``--help`` says more.
"""

from __future__ import annotations

import argparse
import dataclasses
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Size(NamedTuple):
    """What a container has.

    Attributes
    ----------
    memory : int
        MiB.
    vcores : int
        Virtual cores.
    """

    memory: int
    vcores: int

    def times(self, n: int) -> Size:
        """Return the size of ``n`` of them."""
        return Size(self.memory * n, self.vcores * n)

    def __str__(self) -> str:
        return f"{self.memory} mb, {self.vcores} vcores"


WORKER = Size(14336, 3)
"""A worker's container: a node of 16 GB and 4 cores, but for 2 GB and one core of the system's."""
MASTER = Size(512, 1)
"""An application's master, which skein makes this large. It is on top of what a user may have in workers."""
UNLIMITED = 10_000


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue.

    Attributes
    ----------
    name : str
        Below ``root``.
    share, maximum : float
        Per cent of the cluster that it gets when all want some, and that it may have when others do not.
    priority : int
        The highest is served first; none is preempted for a lower one.
    preemption : int
        Seconds below its share after which others' containers are taken.
    user_limit_factor : float
        How many times its share one user may have (Capacity Scheduler).
    workers_per_user, applications_per_user : int, int or None
        What one user may run in it.
    """

    name: str
    share: float
    maximum: float
    priority: int
    preemption: int
    user_limit_factor: float
    workers_per_user: int
    applications_per_user: int | None

    def user_limit(self, worker: Size = WORKER) -> Size:
        """Return what one user may have of it: workers, and the masters of their applications."""
        workers = worker.times(self.workers_per_user)
        masters = MASTER.times(self.applications_per_user or self.workers_per_user)
        return Size(workers.memory + masters.memory, workers.vcores + masters.vcores)


QUEUES = (
    Queue("interactive", 30, 50, 3, 60, 2, workers_per_user=1, applications_per_user=1),
    Queue("batch", 50, 80, 2, 300, 1, workers_per_user=3, applications_per_user=3),
    Queue("background", 20, 100, 1, 600, 4, workers_per_user=2, applications_per_user=None),
)
DEFAULT = "batch"
"""Where an application goes that names no queue; YARN's own name for that is ``default``."""


def fair_scheduler(users: Iterable[str] = (), worker: Size = WORKER, queues: Iterable[Queue] = QUEUES) -> str:
    """Return the Fair Scheduler's allocation file.

    Each user has a queue of his own in each of the queues, made when he first submits.

    Parameters
    ----------
    users : iterable of str
        Whose queues are written down: the scheduler can limit the number of applications for these only, queue by
        queue. Others may have as many everywhere as in ``batch``; the limits of memory and vcores hold for all.
    worker : Size
        A worker's container.
    queues : iterable of Queue
        The table.
    """
    queues, users = tuple(queues), tuple(users)
    root = ElementTree.Element("allocations")
    top = _queue(root, "root", aclSubmitApps=" ", aclAdministerApps=" ")
    for queue in queues:
        parent = _fair_queue(top, queue, worker)
        for user in users:
            _queue(
                parent,
                user,
                maxResources=queue.user_limit(worker),
                maxRunningApps=queue.applications_per_user or UNLIMITED,
            )
    most = max(queue.applications_per_user or 0 for queue in queues)
    ElementTree.SubElement(root, "queueMaxAppsDefault").text = str(most)
    policy = ElementTree.SubElement(root, "queuePlacementPolicy")
    for inner in ({"name": "specified", "create": "false"}, {"name": "default", "queue": f"root.{DEFAULT}"}):
        rule = ElementTree.SubElement(policy, "rule", name="nestedUserQueue", create="true")
        ElementTree.SubElement(rule, "rule", inner)
    ElementTree.indent(root)
    return '<?xml version="1.0"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _fair_queue(top: ElementTree.Element, queue: Queue, worker: Size) -> ElementTree.Element:
    highest = queue.priority == max(each.priority for each in QUEUES)
    made = _queue(
        top,
        queue.name,
        weight=queue.share,
        maxResources=f"{queue.maximum:.1f}%",
        maxChildResources=queue.user_limit(worker),
        maxRunningApps=UNLIMITED,
        fairSharePreemptionTimeout=queue.preemption,
        fairSharePreemptionThreshold=1.0,
        allowPreemptionFrom=str(not highest).lower(),
        aclSubmitApps="*",
    )
    made.set("type", "parent")
    return made


def _queue(parent: ElementTree.Element, name: str, **settings: object) -> ElementTree.Element:
    made = ElementTree.SubElement(parent, "queue", name=name)
    for setting, value in settings.items():
        ElementTree.SubElement(made, setting).text = str(value)
    return made


def capacity_scheduler(memory: int, worker: Size = WORKER, queues: Iterable[Queue] = QUEUES) -> dict[str, str]:
    """Return the Capacity Scheduler's properties.

    It knows no limit of a user's memory but as a multiple of his queue's share, so the cluster's size is needed; and
    none of a user's applications in one queue, so that of ``batch`` holds over all queues.

    Parameters
    ----------
    memory : int
        What all nodes have together, MiB.
    worker : Size
        A worker's container.
    queues : iterable of Queue
        The table.
    """
    queues = tuple(queues)
    most = max(queue.applications_per_user or 0 for queue in queues)
    found: dict[str, object] = {
        "resource-calculator": "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator",
        "maximum-am-resource-percent": "0.5",
        "user.max-parallel-apps": most,
        "queue-mappings": f"u:%user:{DEFAULT}",
        "root.queues": ",".join(queue.name for queue in queues),
        "root.acl_submit_applications": " ",
        "root.acl_administer_queue": " ",
    }
    for queue in queues:
        here = f"root.{queue.name}"
        found[f"{here}.capacity"] = f"{queue.share:.1f}"
        found[f"{here}.maximum-capacity"] = f"{queue.maximum:.1f}"
        found[f"{here}.priority"] = queue.priority
        found[f"{here}.user-limit-factor"] = f"{_factor(queue, memory, worker):.4f}"
        found[f"{here}.acl_submit_applications"] = "*"
    return {f"yarn.scheduler.capacity.{key}": str(value) for key, value in found.items()}


def _factor(queue: Queue, memory: int, worker: Size) -> float:
    """Return the factor that stops a user at his limit, or the queue's own where that is less.

    The scheduler gives to a user who is not above his limit: half a master on top of his workers lets the last of
    them in, and no further one.
    """
    share = memory * queue.share / 100
    return min(queue.user_limit_factor, (worker.memory * queue.workers_per_user + MASTER.memory / 2) / share)


ALLOCATION_FILE = "fair-scheduler.xml"
"""In the ResourceManager's configuration folder. Named by its path it would have to be there when that first starts."""


def yarn_properties(scheduler: str) -> dict[str, str]:
    """Return what yarn-site.xml has to say for ``scheduler``, ``"fair"`` or ``"capacity"``."""
    package = "org.apache.hadoop.yarn.server.resourcemanager"
    fair = {
        "yarn.resourcemanager.scheduler.class": f"{package}.scheduler.fair.FairScheduler",
        "yarn.scheduler.fair.allocation.file": ALLOCATION_FILE,
        "yarn.scheduler.fair.preemption": "true",
        "yarn.scheduler.fair.preemption.cluster-utilization-threshold": "0.0",
        "yarn.resource-types.memory-mb.increment-allocation": "512Mi",  # it rounds up to this: to 1024 unless told
    }
    policy = f"{package}.monitor.capacity.ProportionalCapacityPreemptionPolicy"
    capacity = {
        "yarn.resourcemanager.scheduler.class": f"{package}.scheduler.capacity.CapacityScheduler",
        "yarn.resourcemanager.scheduler.monitor.enable": "true",
        "yarn.resourcemanager.scheduler.monitor.policies": policy,
        "yarn.resourcemanager.monitor.capacity.preemption.max_wait_before_kill": "60000",
    }
    both = {
        "yarn.acl.enable": "true",
        "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "250",
        "yarn.nm.liveness-monitor.expiry-interval-ms": "30000",  # of a machine without power; 10 minutes unless told
    }
    return {"fair": fair, "capacity": capacity}[scheduler] | both


def for_owner(queue: str, workers: int, queues: Iterable[Queue] = QUEUES) -> tuple[Queue, ...]:
    """Return the table of a cluster that one person made for work in ``queue``: it may fill the ``workers`` there are.

    The limits of ``queues`` guard people from each other on a cluster that they share; the other queues keep theirs.
    """
    own = {"maximum": 100.0, "workers_per_user": workers}
    return tuple(
        dataclasses.replace(each, **own, user_limit_factor=100 / each.share) if each.name == queue else each
        for each in queues
    )


def dataproc_properties(
    scheduler: str, memory: int = 0, worker: Size = WORKER, queues: Iterable[Queue] = QUEUES
) -> dict[str, str]:
    """Return the properties of a Dataproc cluster: the ResourceManager reads its scheduler when it starts.

    Parameters
    ----------
    scheduler : {"fair", "capacity"}
        With ``fair`` an init action has to write the allocation file and to restart the ResourceManager, which looks
        for it at its start only, and does without until then.
    memory : int
        What the workers have together, MiB; for ``capacity``.
    worker : Size
        A worker's container, and what a node gives to YARN.
    queues : iterable of Queue
        The table.
    """
    node = {
        "yarn.nodemanager.resource.memory-mb": str(worker.memory + MASTER.memory),
        "yarn.nodemanager.resource.cpu-vcores": str(worker.vcores + MASTER.vcores),
        "yarn.scheduler.minimum-allocation-mb": str(MASTER.memory),
        "yarn.scheduler.maximum-allocation-mb": str(worker.memory),
        "yarn.scheduler.maximum-allocation-vcores": str(worker.vcores),
    }
    found = {f"yarn:{key}": value for key, value in (yarn_properties(scheduler) | node).items()}
    if scheduler == "capacity":
        properties = capacity_scheduler(memory, worker, queues)
        found |= {f"capacity-scheduler:{key}": value for key, value in properties.items()}
    return found


def as_xml(properties: dict[str, str]) -> str:
    """Return ``properties`` as a Hadoop configuration file."""
    root = ElementTree.Element("configuration")
    for name, value in properties.items():
        made = ElementTree.SubElement(root, "property")
        ElementTree.SubElement(made, "name").text = name
        ElementTree.SubElement(made, "value").text = value
    ElementTree.indent(root)
    return '<?xml version="1.0"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def main() -> None:
    """Print a scheduler's file."""
    parser = argparse.ArgumentParser(prog="queues")
    parser.add_argument("scheduler", choices=["fair", "capacity"])
    parser.add_argument("--users", default="", help="ana,bob: whose applications are counted queue by queue (fair)")
    parser.add_argument("--memory", type=int, default=2 * WORKER.memory, help="MiB of all nodes together (capacity)")
    parser.add_argument("--worker-memory", type=int, default=WORKER.memory, help="MiB of a worker's container")
    parser.add_argument("--worker-vcores", type=int, default=WORKER.vcores)
    said = parser.parse_args()
    worker = Size(said.worker_memory, said.worker_vcores)
    users = [user for user in said.users.split(",") if user]
    fair = said.scheduler == "fair"
    print(fair_scheduler(users, worker) if fair else as_xml(capacity_scheduler(said.memory, worker)), end="")  # noqa: T201


if __name__ == "__main__":
    main()
