"""What the daily and the weekly look at a project make of what they see: report A02's two lists, item by item. Pure."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median

from ..clusters.audit import CREATE, CREATED, FAILED, REFUSED, Event
from ..clusters.budget import Standing
from ..clusters.fleet_rows import IDLE, FleetRow
from ..clusters.history import Run
from ..clusters.job_record import JobRecord
from .doctor import Finding
from .render import money, span

FAILURES = 0.2
"""Share of jobs, or of creations, that may fail. Source: report A02, alert ``job_failure_rate``."""
USED = 0.3
"""Share of a cluster's threads that its work should use. Source: ADR-003, alert on low utilization."""
DEARER = 2.0
"""A day that costs so many times the mean of those before it is worth a look."""
SLOWER = 1.5
"""So much longer than before is slower."""
SHOWN = 8
"""Lines of evidence at most."""
NO_FAILURE = ("CancelledError", "KeyboardInterrupt", "ClusterExists")
"""Reasons of a creation that somebody gave up, or that came to a cluster that was there."""
OLD = 3600.0
"""Seconds after which an event that was not sent yet is stuck."""
PAST = 600.0
"""Seconds beyond its lease after which a cluster should have gone."""


def judge_jobs(jobs: Iterable[JobRecord], since: float) -> Finding:
    """Judge the jobs that ended since then: which failed."""
    ended = [job for job in jobs if job.ended and job.changed >= since]
    failed = [job for job in ended if job.state in ("ERROR", "ATTEMPT_FAILURE")]
    if not failed:
        return Finding("jobs", "ok", f"{len(ended)} ended, none failed")
    lines = [f"{job.id} on {job.cluster}: {_last(job.detail) or job.state}" for job in failed]
    status = "fail" if len(failed) > FAILURES * len(ended) else "warn"
    cure = f"%dask_cluster export-logs --job {failed[0].id}"
    return Finding("jobs", status, f"{len(failed)} of {len(ended)} failed", cure, _few(lines))


def judge_creations(events: Iterable[Event], since: float) -> Finding:
    """Judge how many of the clusters that were asked for came up; what was refused beforehand is said beside it.

    One that came up in another zone, or at another size, has come up; what somebody gave up has not failed.
    """
    recent = [event for event in events if event.at >= since]
    made = sum(event.act == CREATED for event in recent)
    up = {(event.owner, event.cluster): event.at for event in recent if event.act == CREATED}
    tries = [event for event in recent if event.act == CREATE + FAILED and event.reason not in NO_FAILURE]
    last = {(event.owner, event.cluster): event for event in tries}
    failed = [event for whose, event in last.items() if event.at > up.get(whose, 0.0)]
    refused = Counter(event.reason for event in recent if event.act == REFUSED)
    also = f"; refused: {_counted(refused)}" if refused else ""
    if not failed:
        return Finding("creations", "ok", f"{made} of {made} came up{also}")
    status = "fail" if len(failed) > FAILURES * (made + len(failed)) else "warn"
    why = _counted(Counter(event.reason for event in failed))
    lines = [f"{event.cluster} of {event.owner}: {event.detail}" for event in failed]
    text = f"{made} of {made + len(failed)} came up; failed: {why}{also}"
    return Finding("creations", status, text, f"%dask_cluster audit --cluster {failed[-1].cluster}", _few(lines))


def judge_staging(left: Sequence[str], waiting: Sequence[float], now: float) -> Finding:
    """Judge what lies in staging of clusters that have gone, and what on this machine waits to be sent (since when)."""
    stuck = [since for since in waiting if now - since > OLD]
    if stuck:
        text = f"{len(stuck)} events of the audit trail are not sent since {span(now - stuck[0])}"
        return Finding("staging", "fail", text, "%dask_cluster audit   (sends them, or logs why not)", _few(left))
    if left:
        text = f"keys of {len(left)} clusters that have gone; the next deletion takes them away"
        return Finding("staging", "warn", text, "%dask_cluster cleanup", _few([f"clusters/{uuid}" for uuid in left]))
    return Finding("staging", "ok", "nothing is left of clusters that have gone")


def judge_cost(days: Mapping[str, float], budgets: Iterable[Standing], today: str) -> Finding:
    """Judge what the last day cost beside those before it (USD by day), and how the budgets stand."""
    last = (datetime.date.fromisoformat(today) - datetime.timedelta(days=1)).isoformat()
    before = [usd for day, usd in sorted(days.items()) if day < last][-7:]
    usual = mean(before) if before else 0.0
    text = f"{money(days.get(last, 0.0))} yesterday, {money(days.get(today, 0.0))} today" + (
        f", {money(usual)} a day before" if before else ""
    )
    stand = list(budgets)
    lines = [f"{each.whose}: {_of_budget(each)}" for each in stand]
    levels = {each.level for each in stand}
    if levels & {"over", "critical"}:
        return Finding("cost", "fail", text, "%dask_cluster cost --by day", _few(lines))
    if levels - {""} or (before and days.get(last, 0.0) > DEARER * usual):
        return Finding("cost", "warn", text, "%dask_cluster cost --by day", _few(lines))
    return Finding("cost", "ok", text, evidence=_few(lines))


def judge_idle(rows: Iterable[FleetRow]) -> Finding:
    """Judge the clusters that are paid for and have had nothing to do for a while."""
    every = list(rows)
    idle = [row for row in every if (row.idle or 0.0) > IDLE]
    if not idle:
        return Finding("idle", "ok", f"none of {len(every)} clusters has been idle for {span(IDLE)}")
    lines = [f"{r.name} of {r.owner}: {span(r.idle or 0)}, {money(r.rate)} per hour" for r in idle]
    wasted = sum(row.rate or 0.0 for row in idle)
    text = f"{len(idle)} of {len(every)} clusters, {money(wasted)} per hour"
    return Finding("idle", "warn", text, f"%dask_cluster down {idle[0].name}", _few(lines))


def judge_workloads(runs: Mapping[str, Sequence[Run]], since: float) -> Finding:
    """Judge the runs since then beside those before: slower, or on a cluster that they hardly use."""
    recent = {name: [run for run in each if run.at >= since] for name, each in runs.items()}
    lines, first = [], ""
    for name, now in recent.items():
        if said := _slow_or_idle([run for run in runs[name] if run.at < since], now):
            lines.append(f"{name}: {said}")
            first = first or name
    counted = f"{sum(map(len, recent.values()))} runs of {sum(map(bool, recent.values()))} workloads"
    if not lines:
        return Finding("dags", "ok", counted)
    return Finding("dags", "warn", counted, f"%dask_cluster size --workload {first}", _few(lines))


def judge_templates(made: Mapping[str, str], ours: str) -> Finding:
    """Judge by which version of this tool DAG files were made: file to version."""
    old = {name: version for name, version in made.items() if version != ours}
    if not old:
        return Finding("templates", "ok", f"{len(made)} DAG files, made by {ours}")
    lines = [f"{name}: {version}" for name, version in old.items()]
    return Finding(
        "templates",
        "warn",
        f"{len(old)} of {len(made)} are not of {ours}",
        "dask dataproc dag NOTEBOOK -o DIR",
        _few(lines),
    )


def judge_orphans(rows: Iterable[FleetRow], reserved: Iterable[str]) -> Finding:
    """Judge what nobody looks after: broken clusters, such without a lease, reservations of clusters that have gone."""
    every = list(rows)
    broken = [f"{row.name} of {row.owner}: ERROR" for row in every if row.state == "ERROR"]
    for_ever = [f"{row.name} of {row.owner}: no lease" for row in every if row.lease_left is None]
    late = [f"{name}: reserved, and there is no such cluster" for name in reserved]
    lines = broken + for_ever + late
    if not lines:
        return Finding("orphans", "ok", f"{len(every)} clusters, each has a lease")
    first = next((row.name for row in every if row.state == "ERROR" or row.lease_left is None), "")
    cure = f"%dask_cluster down {first}" if first else "%dask_cluster quota"
    return Finding("orphans", "fail" if broken or for_ever else "warn", f"{len(lines)} found", cure, _few(lines))


def judge_access(events: Iterable[Event], since: float) -> Finding:
    """Judge who acted: on clusters of others, and what was refused to whom."""
    recent = [event for event in events if event.at >= since and event.by != "dataproc"]
    people = Counter(event.by for event in recent)
    foreign = [f"{e.by}: {e.act} {e.cluster} of {e.owner}" for e in recent if e.by != e.owner]
    denied = [f"{e.by}: {e.detail}" for e in recent if e.reason == "PermissionDenied"]
    text = f"{len(recent)} events: {_counted(people)}" if recent else "nothing has happened"
    if not foreign and not denied:
        return Finding("access", "ok", text)
    return Finding("access", "warn", text, "%dask_cluster audit --since 7d", _few(denied + foreign))


def judge_thresholds(budgets: Iterable[Standing], prices: str, stale: bool) -> Finding:
    """Judge whether there is anything that would warn: budgets that are set and mean something, prices of today."""
    stand = list(budgets)
    lines = [f"{each.whose}: {_of_budget(each)}" for each in stand] + [f"prices of {prices}"]
    if stale:
        return Finding("thresholds", "warn", "the price list is old", "%dask_cluster prices --refresh", _few(lines))
    if all(each.budget is None for each in stand):
        text = "no budget is set: nothing warns of spending"
        return Finding("thresholds", "warn", text, "dataproc.budgets in ~/.config/dask/dataproc.yaml", _few(lines))
    far = [each for each in stand if each.budget and each.forecast > each.budget]
    if far:
        text = f"{len(far)} budgets will not last the month"
        return Finding("thresholds", "warn", text, "%dask_cluster quota", _few(lines))
    return Finding("thresholds", "ok", "budgets last the month", evidence=_few(lines))


def judge_health(said: Mapping[str, str], failed: Sequence[str]) -> Finding:
    """Judge an Airflow: its parts and their states, and the runs of DAGs that failed, one line each."""
    ill = {part: state for part, state in said.items() if state != "healthy"}
    text = ", ".join(f"{part} {state}" for part, state in said.items()) or "it says nothing of its parts"
    if ill:
        return Finding("composer", "fail", text, "the environment's page in the console", _few(failed))
    if failed:
        return Finding("composer", "warn", f"{text}; {len(failed)} runs failed", "their logs in Airflow", _few(failed))
    return Finding("composer", "ok", f"{text}; no run failed")


def _slow_or_idle(before: Sequence[Run], now: Sequence[Run]) -> str:
    good, earlier = [run for run in now if run.ok], [run for run in before if run.ok]
    failed = len(now) - len(good)
    said = [f"{failed} of {len(now)} runs had failed tasks"] if failed else []
    if good and earlier:
        took, took_before = (median(run.seconds for run in each) for each in (good, earlier))
        if took > SLOWER * took_before:
            said.append(f"{span(took)} of work, {span(took_before)} before")
    if good and (used := mean(run.cpu_efficiency for run in good)) < USED:
        said.append(f"used {used:.0%} of its threads")
    return ", ".join(said)


def _of_budget(standing: Standing) -> str:
    if standing.budget is None:
        return f"{money(standing.spent)} in {standing.month}, no budget"
    level = f", {standing.level}" if standing.level else ""
    share = f"{standing.share:.0%}" if standing.share is not None and math.isfinite(standing.share) else ""
    return f"{money(standing.spent)} of {money(standing.budget)} in {standing.month} ({share}{level})"


def _last(text: str) -> str:
    """Return the last line of a text, which of a traceback is the error."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def _few(lines: Sequence[str]) -> tuple[str, ...]:
    more = (f"and {len(lines) - SHOWN} more",) if len(lines) > SHOWN else ()
    return (*lines[:SHOWN], *more)
