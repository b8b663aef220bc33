"""What the daily and the weekly look make of a project: what is wrong is named with what it was seen by and a cure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dask_dataproc.clusters.audit import Event
from dask_dataproc.clusters.budget import Standing
from dask_dataproc.clusters.fleet_rows import FleetRow, totals
from dask_dataproc.clusters.history import Run
from dask_dataproc.clusters.job_record import JobRecord
from dask_dataproc.magics import round_judges as judges
from dask_dataproc.magics.doctor import Finding
from dask_dataproc.magics.doctor_view import DoctorView
from dask_dataproc.magics.fleet_view import FleetView

NOW = 1_790_000_000.0
DAY = 86400.0
JOB = JobRecord("etl-1", "c", "DONE", "", NOW - 60, NOW - 30, "", "ana")
ROW = FleetRow("c", "ana", "r", "RUNNING", 2, 7200.0, 0.74, 1.48, 0.4, 0.0, None, "", 1500.0, "u")
EVENT = Event(NOW - 60, "created", "c", "p/r", "ana", "ana", "dask dataproc up", "1")
STANDING = Standing("ana", "2026-09", 50.0, 0.0, 100.0, 80.0, 300.0)
RUN = Run("etl", NOW - 60, 2, "n2-standard-4", 0, 100.0, 1, 1, 0.8, 1.0, True)


def failed(error: str, id: str = "2", **more: object) -> Event:
    return replace(EVENT, act="create failed", detail=f"{error}: no room", id=id, **more)


def test_jobs_that_failed_are_named_and_more_than_a_fifth_is_a_failure():
    bad = replace(JOB, id="etl-2", state="ERROR", detail="exited with status 3")
    few = judges.judge_jobs([bad, *(replace(JOB, id=str(n)) for n in range(9))], NOW - DAY)
    assert (few.status, few.text, few.evidence) == ("warn", "1 of 10 failed", ("etl-2 on c: exited with status 3",))
    assert few.cure == "%dask_cluster export-logs --job etl-2"
    assert judges.judge_jobs([bad, JOB], NOW - DAY).status == "fail"
    old = replace(bad, changed=NOW - 2 * DAY)
    running = replace(JOB, state="RUNNING")
    assert judges.judge_jobs([old, running], NOW - DAY) == Finding("jobs", "ok", "0 ended, none failed")


def test_creations_are_counted_with_why_they_failed_or_were_refused():
    refused = replace(EVENT, act="refused", detail="BudgetExceeded: none left", id="9")
    found = judges.judge_creations([EVENT, failed("Stockout", cluster="d"), refused], NOW - DAY)
    assert (found.status, found.text) == ("fail", "1 of 2 came up; failed: 1 Stockout; refused: 1 BudgetExceeded")
    assert found.cure == "%dask_cluster audit --cluster d"
    assert judges.judge_creations([EVENT], NOW - DAY).text == "1 of 1 came up"
    assert judges.judge_creations([failed("Stockout")], NOW).status == "ok"


def test_a_cluster_that_came_up_in_another_zone_has_come_up_and_one_that_was_given_up_has_not_failed():
    first = failed("Stockout", at=NOW - 90)
    assert judges.judge_creations([first, EVENT], NOW - DAY).text == "1 of 1 came up"
    assert judges.judge_creations([failed("CancelledError")], NOW - DAY).status == "ok"
    twice = [failed("Stockout"), failed("Stockout", id="3"), replace(EVENT, cluster="d")]
    assert judges.judge_creations(twice, NOW - DAY).text == "1 of 2 came up; failed: 1 Stockout"


def test_keys_of_clusters_that_have_gone_warn_and_events_that_are_stuck_fail():
    assert judges.judge_staging([], [NOW - 5], NOW).status == "ok"
    assert judges.judge_staging(["u1"], [], NOW).status == "warn"
    stuck = judges.judge_staging([], [NOW - 7200], NOW)
    assert (stuck.status, stuck.text) == ("fail", "1 events of the audit trail are not sent since 2 h 0 min")


@pytest.mark.parametrize(
    ("spent", "yesterday", "status"), [(50, 10, "ok"), (85, 10, "warn"), (96, 10, "fail"), (50, 25, "warn")]
)
def test_a_budget_that_is_nearly_used_up_or_a_day_that_was_dear_is_said(spent, yesterday, status):
    days = {"2026-09-18": 10.0, "2026-09-19": 10.0, "2026-09-20": yesterday, "2026-09-21": 1.0}
    found = judges.judge_cost(days, [replace(STANDING, spent=spent)], "2026-09-21")
    assert (found.status, found.text) == (status, f"${yesterday:.2f} yesterday, $1.00 today, $10.00 a day before")


def test_clusters_with_nothing_to_do_are_named_with_what_they_cost():
    idle = replace(ROW, name="d", idle=3600.0, rate=2.0)
    found = judges.judge_idle([ROW, idle])
    assert (found.status, found.text) == ("warn", "1 of 2 clusters, $2.00 per hour")
    assert (found.cure, found.evidence) == ("%dask_cluster down d", ("d of ana: 1 h 0 min, $2.00 per hour",))
    assert judges.judge_idle([ROW]).status == "ok"


def test_workloads_that_became_slower_or_hardly_use_their_clusters_are_named():
    before = replace(RUN, at=NOW - 9 * DAY)
    assert judges.judge_workloads({"etl": [before, RUN]}, NOW - 7 * DAY).status == "ok"
    slow = judges.judge_workloads({"etl": [before, replace(RUN, seconds=300.0)]}, NOW - 7 * DAY)
    assert slow.evidence == ("etl: 5 min of work, 2 min before",)
    idle = judges.judge_workloads({"etl": [replace(RUN, cpu_efficiency=0.1)]}, NOW - 7 * DAY)
    assert (idle.evidence, idle.cure) == (("etl: used 10% of its threads",), "%dask_cluster size --workload etl")


def test_dag_files_of_an_earlier_version_are_named():
    assert judges.judge_templates({"a.py": "0.2"}, "0.2").status == "ok"
    assert judges.judge_templates({"a.py": "0.1", "b.py": "0.2"}, "0.2").evidence == ("a.py: 0.1",)


def test_what_nobody_looks_after_is_found():
    broken, for_ever = replace(ROW, name="b", state="ERROR"), replace(ROW, name="f", lease_left=None)
    found = judges.judge_orphans([ROW, broken, for_ever], ["gone"])
    assert (found.status, found.cure) == ("fail", "%dask_cluster down b")
    assert found.evidence == ("b of ana: ERROR", "f of ana: no lease", "gone: reserved, and there is no such cluster")
    assert judges.judge_orphans([ROW], []).status == "ok"


def test_who_acted_on_clusters_of_others_is_named_and_the_end_of_a_lease_is_nobody():
    own, lease = EVENT, replace(EVENT, by="dataproc", id="3")
    assert judges.judge_access([own, lease], NOW - DAY) == Finding("access", "ok", "1 events: 1 ana")
    other = replace(EVENT, act="deleted", by="cy", id="4")
    assert judges.judge_access([own, other], NOW - DAY).evidence == ("cy: deleted c of ana",)


def test_without_a_budget_nothing_would_warn():
    none = replace(STANDING, budget=None)
    assert judges.judge_thresholds([none], "2026-11-01", stale=False).status == "warn"
    assert judges.judge_thresholds([STANDING], "2026-11-01", stale=False).status == "ok"
    assert judges.judge_thresholds([STANDING], "2026-01-01", stale=True).cure == "%dask_cluster prices --refresh"
    assert judges.judge_thresholds([replace(STANDING, forecast=120.0)], "2026-11-01", stale=False).status == "warn"


def test_an_airflow_with_a_part_that_is_ill_fails():
    assert judges.judge_health({"scheduler": "healthy"}, []).status == "ok"
    assert judges.judge_health({"scheduler": "healthy"}, ["etl r1"]).status == "warn"
    assert judges.judge_health({"scheduler": "unhealthy", "metadatabase": "healthy"}, []).status == "fail"


def test_a_report_has_each_finding_with_its_evidence_and_cannot_be_injected():
    found = Finding("jobs", "fail", "1 of 1 failed", "export-logs", ("<script>alert(1)</script>",))
    view = DoctorView("Daily", "p/r", [found, Finding("cost", "ok", "$0.00")])
    assert "FAIL  jobs  1 of 1 failed  Try:  export-logs" in view.text()
    assert "<script>alert" not in view.page()
    assert "&lt;script&gt;alert(1)" in view.page()


def test_a_fleet_is_shown_with_its_totals_and_what_is_not_known_is_said():
    hidden = replace(ROW, name="<i>d", utilization=None, idle=None, unknown="its head does not answer", cost=None)
    snapshot = replace(ROW, name="e", utilization=0.25, idle=None, seen=NOW - 120)
    rows = [ROW, snapshot, hidden]
    view = FleetView(rows, "p: r", NOW, ["eu: not asked"])
    lines = view.text().splitlines()
    assert lines[1].split()[:6] == ["c", "ana", "RUNNING", "2", "2", "h"]
    assert "25%, 2 min ago" in lines[2]
    assert "not known: its head does not answer" in lines[3]
    assert lines[4].startswith("total")
    assert "$2.96" in lines[4]
    assert "prices of 2 of 3 are known" in lines[4]
    assert lines[5] == "eu: not asked"
    assert "<i>" not in view.html()
    assert totals(rows).clusters == 3
    assert FleetView([], "p: r", NOW).text() == "No clusters in p: r"
