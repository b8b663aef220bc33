"""What the runs of a workload say of the size of its next cluster, for people and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..clusters.errors import SpecError
from ..clusters.held import rate_of
from ..clusters.history import Run
from ..clusters.price_table import about
from ..clusters.rightsizing import Optimized, RightSize, historical_efficiency, optimize_cluster_spec, rightsized
from ..clusters.sizes import LEAST, in_words
from ..clusters.spec import ClusterSpec
from .render import money, size, span


@dataclass(frozen=True, slots=True)
class NextRun:
    """The size that is recommended for the next run, beside the last one and ADR-003's rule.

    Attributes
    ----------
    last : Run
    spec : ClusterSpec
        The next cluster.
    ours : RightSize
    theirs : Optimized
    """

    last: Run
    spec: ClusterSpec
    ours: RightSize
    theirs: Optimized

    @property
    def price(self) -> float:
        """USD per hour of the next cluster."""
        return rate_of(self.spec)

    @property
    def cost(self) -> float:
        """USD that it should cost, its start not counted."""
        return self.price * self.ours.seconds / 3600

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it, with the names of a sizing of an input."""
        minutes = self.ours.seconds / 60
        return {
            "recommend": "cluster" if self.spec.workers else "single-node",
            "spec": self.spec.to_dict(defaults=True),
            "reasons": list(self.ours.reasons),
            "bytes": self.last.input_bytes,
            "price_per_hour": self.price,
            "expected_minutes": [minutes, minutes],
            "expected_cost": [self.cost, self.cost],
            "adr_003": self.theirs._asdict(),
            "prices": about(),
        }

    def rows(self) -> list[tuple[str, str]]:
        """Return it as the rows of a table."""
        last, theirs = self.last, self.theirs
        held = f"{last.cpu_efficiency:.0%} busy, at most {size(last.peak_memory)} in memory"
        spot = f", {theirs.preemptible_percentage} % of them preemptible" if theirs.preemptible_percentage else ""
        why = [("why" if not number else "", reason) for number, reason in enumerate(self.ours.reasons)]
        return [
            ("last run", f"{last.workers} × {last.machine}, {span(last.seconds)}, {held}, {money(last.cost)}"),
            ("recommended", in_words(self.spec)),
            *why,
            ("price per hour", money(self.price)),
            ("time", f"about {span(self.ours.seconds)} of work"),
            ("cost", f"about {money(self.cost)}"),
            ("ADR-003", f"{theirs.workers} workers{spot}"),
        ]

    def pasted(self) -> str:
        """Return what makes the cluster, as one types it."""
        kind = "worker" if self.spec.workers else "master"
        machine = self.spec.worker_machine if self.spec.workers else self.spec.master_machine
        wanted = f"--workers {self.spec.workers} --{kind}-machine {machine} --workload {self.spec.workload}"
        return f"%dask_cluster up {wanted}"


def next_run(workload: str, runs: Sequence[Run], region: str) -> NextRun:
    """Return the size of the next run of ``workload``.

    Raises
    ------
    SpecError
        There is no run from which that could be seen.
    """
    last = next((run for run in reversed(runs) if run.ok), None)
    sized = rightsized(_like(last, workload, region), runs, price=_price(last, region)) if last else None
    if last is None or sized is None:
        known = f"{len(runs)} runs of {workload} are known, none that says enough" if runs else f"no run of {workload}"
        raise SpecError(f"path: none given, allowed is none only for what has run: {known}", "%dask_cluster size PATH")
    spec = _sized(_like(last, workload, region), sized.workers)
    return NextRun(last, spec, sized, optimize_cluster_spec(last.workers, historical_efficiency(runs)))


def _like(run: Run, workload: str, region: str) -> ClusterSpec:
    return ClusterSpec(workload=workload, region=region, worker_machine=run.machine, master_machine=run.machine)


def _sized(spec: ClusterSpec, workers: int) -> ClusterSpec:
    if workers < LEAST:
        return spec.replace(workers=0)
    return spec.replace(workers=workers, max_workers=max(spec.max_workers, workers))


def _price(run: Run, region: str) -> Any:
    return lambda workers: rate_of(_sized(_like(run, run.workload, region), workers))
