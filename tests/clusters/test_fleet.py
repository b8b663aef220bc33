"""What whoever runs the platform sees: every cluster, who did what to which, what they logged, also when gone."""

from __future__ import annotations

import json
import signal
import uuid
import zipfile
from pathlib import Path
from typing import Any

import dask.config
import pytest
from click.testing import CliRunner, Result
from distributed import Event

from dask_dataproc import BudgetExceeded, ClusterFailed, DataprocCluster
from dask_dataproc.clusters.config import staging_of, user
from dask_dataproc.clusters.fleet import stop_cluster
from dask_dataproc.magics.cli import dataproc

ME = user()


def run(*words: str) -> Result:
    return CliRunner().invoke(dataproc, list(words))


def document(*words: str) -> Any:
    ran = run(*words, "--json")
    assert ran.exit_code in (0, 1), ran.output
    return json.loads(ran.stdout)


def events(cluster: str) -> list[dict[str, Any]]:
    return document("audit", "--cluster", cluster, "--since", "2d")


def acts(cluster: str) -> list[str]:
    return [event["act"] for event in events(cluster)]


@pytest.fixture
def name() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


def test_the_life_of_a_cluster_is_in_the_trail_with_who_and_what_it_cost(laptop, name):
    with DataprocCluster(n_workers=2, name=name) as cluster:
        cluster.scale(3)
        cluster.scale(3)
        uuid_, key = cluster.record.uuid, cluster.key
    life = events(name)
    assert [event["act"] for event in life] == ["create", "created", "resize", "resized", "delete", "deleted"]
    assert {event["by"] for event in life} == {event["owner"] for event in life} == {ME}
    assert {event["key"] for event in life} == {key}
    assert {event.get("uuid") for event in life[1:]} == {uuid_}
    assert [event["workers"] for event in life] == [2, 2, 3, 3, 3, 3]
    assert 0 < life[-1]["usd"] < 0.1
    assert life[1]["rate"] < life[3]["rate"]
    assert life[1]["until"] > life[1]["at"]


def test_who_attaches_keeps_stops_and_starts_again_is_in_the_trail_and_who_only_looks_is_not(laptop, name):
    with DataprocCluster(workers=0, name=name, keep=True):
        pass
    assert run("status", name).exit_code == 0
    with DataprocCluster.from_name(name):
        pass
    stop_cluster(name)
    with DataprocCluster(workers=0, name=name):
        pass
    said = acts(name)
    assert said[:4] == ["create", "created", "extend", "attach"]
    assert said[4:] == ["stop", "stopped", "start", "started", "delete", "deleted"]


def test_what_fails_and_what_is_refused_is_in_the_trail_with_the_reason(laptop, faults, name):
    faults.ask("init-action", output="E: no such package", cluster=name)
    with pytest.raises(ClusterFailed):
        DataprocCluster(n_workers=2, name=name)
    spent = {"dataproc.budgets.user": 0.0, "dataproc.budgets.hard-stop": True}
    with dask.config.set(spent), pytest.raises(BudgetExceeded):
        DataprocCluster(n_workers=2, name=name)
    create, failed, undone, refused = events(name)
    assert create["act"] == "create"
    assert (failed["act"], failed["detail"]) == ("create failed", f"ClusterFailed: cluster {name}: E: no such package")
    assert (undone["act"], undone["detail"]) == ("deleted", "undone")
    assert undone["usd"] > 0
    assert refused["act"] == "refused"
    assert refused["detail"].startswith("BudgetExceeded: budget of")


def test_a_killed_process_has_said_what_it_made_and_its_lease_says_how_that_ended(new_laptop, name):
    fast = new_laptop(emulator__clock_scale="480", lease="20m")
    script = f"""
    from dask_dataproc import DataprocCluster
    cluster = DataprocCluster(workers=0, name={name!r})
    print("up", flush=True)
    input()
    """
    process = fast.start(script)
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    fast.until(lambda: name not in fast.clusters())
    with fast.here():
        fast.until(lambda: "ended" in acts(name))
        create, created, ended = events(name)
    assert (create["act"], created["act"]) == ("create", "created")
    assert (ended["by"], ended["through"]) == ("dataproc", "its lease")
    least, most = ((ended["at"] - since["at"]) / 3600 * created["rate"] for since in (created, create))
    assert least <= ended["usd"] <= most


def test_what_others_clusters_cost_is_hidden_unless_ones_role_may_see_it(laptop, name, monkeypatch):
    with DataprocCluster(workers=0, name=name):
        pass
    monkeypatch.setenv("LOGNAME", "eve")
    assert "usd" not in events(name)[-1]
    hidden = run("audit", "--cluster", name)
    assert "What others' clusters have cost is for a platform_admin to see" in hidden.output
    with dask.config.set({"dataproc.quotas.roles.users": {"eve": "platform_admin"}}):
        assert events(name)[-1]["usd"] > 0
    delete = run("audit", "--cluster", name, "--owner", "eve")
    assert "Nothing has happened" in delete.output


def test_a_fleet_has_every_cluster_with_its_owner_cost_use_and_lease(laptop, name):
    with DataprocCluster(n_workers=2, name=name) as cluster, cluster.get_client() as client:
        busy = client.submit(lambda: Event(name).wait(30))
        laptop.until(lambda: cluster.overview()["processing"] == 1)
        other = DataprocCluster(workers=0, labels={"owner": "eve"})
        rows = {row["name"]: row for row in document("fleet")["rows"]}
        mine, eves = rows[name], rows[other.name]
        assert (mine["owner"], mine["workers"], mine["idle"], mine["unknown"]) == (ME, 2, 0, "")
        assert 0 <= mine["utilization"] <= 1
        assert 0 < mine["cost"] < 1
        assert mine["lease_left"] == pytest.approx(cluster.lease.left, abs=5)
        assert eves["owner"] == "eve"
        assert eves["idle"] > 0
        costs = [row["cost"] for row in document("fleet")["rows"]]
        assert costs == sorted(costs, reverse=True)
        shown = run("fleet").output
        assert shown.splitlines()[-1].startswith("total")
        assert name in shown
        Event(name, client=client).set()
        busy.result()
        other.close()


def test_a_cluster_that_cannot_be_asked_is_there_with_what_its_last_metrics_say(laptop, name, tmp_path):
    with DataprocCluster(workers=0, name=name) as cluster:
        staging = Path(staging_of("local").removeprefix("file://"))
        connection = staging / "clusters" / cluster.record.uuid / "connection.json"
        snapshot = staging / "metrics" / f"{name}.{cluster.record.uuid}.json"
        laptop.until(snapshot.exists)
        kept = connection.rename(tmp_path / "connection.json")

        def shown() -> dict[str, Any]:
            return next(row for row in document("fleet")["rows"] if row["name"] == name)

        def out_of_reach() -> bool:
            snapshot.unlink(missing_ok=True)  # the head may be about to leave one more
            row = shown()
            return (row["utilization"], row["unknown"]) == (None, "its head does not answer from here")

        with dask.config.set({"dataproc.timeouts.fleet": 1}):
            left = json.loads(snapshot.read_text())["at"]
            row = shown()
            assert row["seen"] >= left
            assert row["unknown"] == ""
            assert 0 <= row["utilization"] <= 1
            laptop.until(out_of_reach)
        kept.rename(connection)


JOB = """
def main():
    print("Authorization: Bearer s3cr3t-token-of-mine")
    raise ValueError("no such column: price")
"""


def test_all_that_was_logged_is_exported_without_secrets_also_of_a_cluster_that_has_gone(laptop, name, tmp_path):
    with DataprocCluster(n_workers=2, name=name):
        (tmp_path / "bad.py").write_text(JOB)
        assert run("submit", name, "--file", str(tmp_path / "bad.py"), "--id", f"j-{name}").exit_code == 1
        assert run("export-logs", name, "-o", str(tmp_path / "living")).exit_code == 0
    living = {str(path.relative_to(tmp_path / "living")) for path in (tmp_path / "living").rglob("*") if path.is_file()}
    job = {f"jobs/j-{name}/job.json", f"jobs/j-{name}/output.txt"}
    assert living >= job | {"audit.jsonl", "cluster.json", "scheduler.txt", "index.json"}
    assert len([file for file in living if file.startswith("workers/")]) == 2
    gone = run("export-logs", name, "-o", str(tmp_path / "gone.zip"))
    assert gone.exit_code == 0, gone.output
    assert f"Missing: logs of the scheduler and the workers: {name} has gone" in gone.output
    with zipfile.ZipFile(tmp_path / "gone.zip") as archive:
        assert set(archive.namelist()) >= job | {"audit.jsonl", "index.json"}
        output, index = archive.read(f"jobs/j-{name}/output.txt").decode(), json.loads(archive.read("index.json"))
    assert "no such column: price" in output
    assert "s3cr3t" not in output
    assert {file["name"]: file["redacted"] for file in index["files"]}[f"jobs/j-{name}/output.txt"] == 1
    assert (tmp_path / "living").stat().st_mode & 0o77 == 0
    of_job = run("export-logs", "--job", f"j-{name}", "-o", str(tmp_path / "job"))
    assert of_job.exit_code == 0
    assert (tmp_path / "job" / "jobs" / f"j-{name}" / "output.txt").read_text() == output


def test_what_never_was_cannot_be_exported_and_says_so(laptop, name):
    ran = run("export-logs", name)
    assert ran.exit_code == 1
    assert f"no cluster {name} in local/us-central1, and nothing is left of one" in ran.output
    assert run("export-logs", name, "--job", "x").exit_code == 2


def test_a_round_names_the_failed_job_and_the_failed_creation_as_words_json_and_page(new_laptop, name, tmp_path):
    own = new_laptop()
    (tmp_path / "bad.py").write_text(JOB)
    with own.here(), DataprocCluster(workers=0, name=name):
        run("submit", name, "--file", str(tmp_path / "bad.py"), "--id", "bad-1")
        page = tmp_path / "report.html"
        daily = {each["check"]: each for each in document("doctor", "--daily", "--html", str(page))}
        weekly = {each["check"]: each for each in document("doctor", "--weekly", "--dags", str(tmp_path))}
    assert list(daily) == ["composer", "jobs", "creations", "staging", "cost", "idle"]
    assert list(weekly) == ["dags", "templates", "orphans", "access", "thresholds"]
    assert (daily["jobs"]["status"], daily["jobs"]["text"]) == ("fail", "1 of 1 failed")
    assert daily["jobs"]["evidence"] == [f"bad-1 on {name}: ValueError: no such column: price"]
    assert daily["jobs"]["cure"] == "dask dataproc export-logs --job bad-1"
    assert daily["creations"]["text"] == "1 of 1 came up"
    assert weekly["access"]["status"] == "ok"
    assert "no such column: price" in page.read_text()
    assert "s3cr3t" not in page.read_text()
