"""A job's cluster out of the session that wrote its notebook: its spec, at the size that its work speaks for. Pure.

What belongs to the session alone does not travel: its name, its owner's labels, its lifetime, and the place of the
emulator, which is no place of Airflow's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..clusters.history import Run
from ..clusters.machines import GIB
from ..clusters.rightsizing import rightsized
from ..clusters.sizes import LEAST, in_words
from ..clusters.spec import LOCAL, ClusterSpec

OF_THE_SESSION = ("name", "lifetime", "idle_time", "input_bytes")
OF_ITS_PLACE = ("project", "region", "zone", "staging")
MADE_LABELS = ("owner", "notebook")
"""Labels that `config.resolve` and the DAG's generator make each by themselves."""
LONG = 600.0
"""Seconds of work from which on it is told in minutes."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a job gets of a session.

    Attributes
    ----------
    cluster : dict
        Fields of the job's cluster, as the notebook's metadata has them.
    said : tuple of str
        What was taken and why, a line each.
    """

    cluster: dict[str, Any]
    said: tuple[str, ...]


def promoted(
    session: ClusterSpec, run: Run | None, rate: Callable[[ClusterSpec], float | None], *, as_is: bool = False
) -> Promotion:
    """Return the cluster of a job that is made in a session.

    Parameters
    ----------
    session : ClusterSpec
        The session's cluster as it was asked for.
    run : Run or None
        What was measured on it; None where it has computed nothing.
    rate : callable
        USD per hour of a spec, None where there is no price.
    as_is : bool
        Keep the session's size.
    """
    sized, why = (session, "as it is") if as_is else _sized(session, run, rate)
    took = f"Taken from this session: {in_words(session)}{_measured(run)}"
    if (sized.workers, sized.secondary_workers) == (session.workers, session.secondary_workers):
        got = f"The job gets the same: {why}"
    else:
        prices = _prices(rate(sized), rate(session))
        got = f"The job gets {in_words(sized)}{prices}: {why}; --as-is keeps the session's size"
    return Promotion(of_a_job(sized), (took, got))


def of_a_job(spec: ClusterSpec) -> dict[str, Any]:
    """Return the fields of ``spec`` that are a job's too."""
    gone = (*OF_THE_SESSION, *(OF_ITS_PLACE if spec.project == LOCAL else ()))
    labels = {label: value for label, value in spec.labels.items() if label not in MADE_LABELS}
    kept = {name: value for name, value in spec.to_dict().items() if name not in (*gone, "labels")}
    return kept | ({"labels": labels} if labels else {})


def _sized(
    session: ClusterSpec, run: Run | None, rate: Callable[[ClusterSpec], float | None]
) -> tuple[ClusterSpec, str]:
    if run is None:
        return session, "nothing was computed on it that could speak for another size"
    if not session.workers:
        return session, "a single node is the smallest there is"
    if not run.ok:
        return session, "tasks failed on it, so its use says nothing of a run that does not"
    sized = rightsized(session, [run], price=lambda n: rate(_of_size(session, n)) or n + 1.0)
    if sized is None:
        return session, f"the size of {session.worker_machine} is not known here"
    return _of_size(session, sized.workers), "; ".join(sized.reasons)


def _of_size(session: ClusterSpec, n: int) -> ClusterSpec:
    """Return ``session`` with ``n`` workers, as many of a hundred of them secondary as it had."""
    share = session.secondary_workers / session.total_workers
    secondary = min(round(n * share), n - LEAST)
    return session.replace(workers=n - secondary, secondary_workers=secondary, max_workers=max(n, session.max_workers))


def _measured(run: Run | None) -> str:
    if run is None:
        return ""
    worked = f"{run.seconds / 60:.0f} min" if run.seconds >= LONG else f"{run.seconds:.1f} s"
    held = f"at most {_bytes(run.peak_memory)} were held, {_bytes(run.worker_peak)} by one worker"
    return f"; its threads were busy {run.cpu_efficiency:.0%} of {worked} of work, {held}"


def _bytes(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / GIB * 1024:.0f} MiB"


def _prices(job: float | None, session: float | None) -> str:
    return f" (${job:.2f} per hour, not ${session:.2f})" if job and session else ""
