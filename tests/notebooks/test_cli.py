"""`dask dataproc VERB` from a shell, as a script would use it: a process, its streams and its status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

DASK = Path(sys.executable).with_name("dask")


@pytest.fixture
def dataproc(laptop):
    """Run a verb to its end."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([DASK, "dataproc", *arguments], capture_output=True, text=True, timeout=180, check=False)

    return run


def test_a_cluster_from_the_shell_lives_for_an_hour_and_is_reached_by_its_name(laptop, dataproc, name):
    up = dataproc("up", "--workers", "2", "--name", name)
    assert up.returncode == 0, up.stderr
    assert up.stdout == ""
    assert f"{name} is up: 2 workers" in up.stderr
    assert "1 h 0 min from now (--lifetime)" in up.stderr
    record = laptop.clusters()[name]
    assert record.lease_expires - record.created == pytest.approx(3600, abs=2)

    status = json.loads(dataproc("status", name, "--json").stdout)
    assert (status["name"], status["registered"], status["status"]) == (name, 2, "RUNNING")
    assert dataproc("status", name).stdout.startswith(f"name            {name}\n")
    assert "DataprocCluster.from_name" in dataproc("attach", name).stdout
    assert dataproc("dashboard", name).stdout.startswith("dashboard  http://127.0.0.1:")
    assert "3 workers" in dataproc("scale", "3", "--name", name).stderr
    assert laptop.clusters()[name].workers + laptop.clusters()[name].secondary_workers == 3
    assert "== head\n" in dataproc("logs", name, "--of", "head").stdout

    down = dataproc("down", name)
    assert (down.returncode, down.stderr) == (0, f"{name} is deleted\n")
    assert name not in laptop.clusters()


def test_what_one_may_have_and_has_spent_is_said_in_words_and_as_json(dataproc, name):
    assert dataproc("up", "--workers", "0", "--name", name, "--workload", "etl").returncode == 0
    quota = json.loads(dataproc("quota", "--json").stdout)
    (mine,) = (cluster for cluster in quota["clusters"] if cluster["name"] == name)
    assert (mine["workers"], quota["limits"]["workers"]) == (1, None)
    assert quota["budgets"][0]["spent"] > 0
    assert {"currency", "as_of", "source"} == quota["prices"].keys()
    assert name in dataproc("quota").stdout
    spent = json.loads(dataproc("cost", "--by", "workload", "--json").stdout)
    assert "etl" in [row["workload"] for row in spent["spent"]]
    assert spent["total"] == pytest.approx(sum(row["usd"] for row in spent["spent"]))
    shown = dataproc("cost", "--by", "user")
    assert "█" in shown.stdout
    assert "what others have spent is for a platform_admin to see" in shown.stderr
    assert dataproc("down", name).returncode == 0


def test_a_cluster_is_sized_for_its_input(laptop, dataproc, name, tmp_path):
    (tmp_path / "a.csv").write_text("n,word\n" + "".join(f"{n},word{n}\n" for n in range(20_000)))
    sized = json.loads(dataproc("size", str(tmp_path), "--workload", "etl", "--json").stdout)
    assert sized["recommend"] in ("none", "single-node")
    assert sized["bytes"] == (tmp_path / "a.csv").stat().st_size
    assert sized["decoded_bytes"] > 0
    assert len(sized["expected_minutes"]) == len(sized["expected_cost"]) == 2
    up = dataproc("up", "--data", str(tmp_path), "--workload", "etl", "--name", name)
    assert up.stderr.startswith(f"Sized for {tmp_path}: ")
    assert laptop.clusters()[name].spec().input_bytes == sized["bytes"]
    assert dataproc("down", name).returncode == 0


def test_a_stopped_cluster_is_listed_with_what_its_disks_cost_and_started_by_the_next_up(laptop, dataproc, name):
    given = ("up", "--workers", "0", "--name", name)
    assert dataproc(*given).returncode == 0
    down = dataproc("down", name, "--stop")
    assert down.stderr == f"{name} is stopped: its disks cost $0.01 per hour, for 12 h 0 min at most; " + (
        "up of the same spec starts it again\n"
    )
    assert "STOPPED, $0.01/h" in next(line for line in dataproc("list").stdout.splitlines() if line.startswith(name))
    status = dataproc("status", name).stdout
    assert "state           STOPPED\nprice per hour  $0.01 (disks)\nlease left" in status
    assert "stop: given, allowed is only without --keep" in dataproc("down", name, "--stop", "--keep").stderr
    up = dataproc(*given)
    assert "start " in up.stderr
    assert "create " not in up.stderr
    assert laptop.clusters()[name].status == "RUNNING"
    dataproc("down", name)


def test_up_and_list_as_json_are_one_document_each(dataproc, name):
    up = dataproc("up", "--name", name, "--lifetime", "20m", "--json")
    made = json.loads(up.stdout)
    assert made["name"] == name
    assert made["lease_expires"] - made["created"] == pytest.approx(1200, abs=2)
    assert made["dashboard"].startswith("http://")
    [listed] = [each for each in json.loads(dataproc("list", "--json").stdout) if each["name"] == name]
    assert {"name", "status", "workers", "created", "lease_expires", "owner", "labels"} <= set(listed)
    assert (listed["workers"], listed["status"]) == (2, "RUNNING")
    cost = json.loads(dataproc("cost", name, "--json").stdout)
    assert cost["cost"] == pytest.approx(cost["price_per_hour"] * 30 / 3600, rel=1)
    dataproc("down", name)


def test_cleanup_shows_before_it_deletes(laptop, dataproc, name):
    dataproc("up", "--name", name)
    shown = dataproc("cleanup")
    assert name in shown.stdout
    assert "--yes" in shown.stderr
    assert dataproc("cleanup", "--older-than", "1d", "--yes").stderr == "Nothing to clean up in local/us-central1\n"
    assert name in laptop.clusters()
    assert f"{name} is deleted" in dataproc("cleanup", "--yes").stderr
    assert name not in laptop.clusters()


def test_a_cluster_that_is_not_there_is_one_line_a_hint_and_status_1(dataproc, name):
    for verb in (["status", name], ["down", name], ["attach", name], ["scale", "3", "--name", name]):
        done = dataproc(*verb)
        assert (done.returncode, done.stdout) == (1, ""), verb
        line, hint = done.stderr.splitlines()
        assert line.startswith("ClusterNotFound: ")
        assert name in line
        assert hint == "  Try:  dask dataproc list"


def test_doctor_of_the_laptop_is_one_document_and_all_is_well(dataproc):
    done = dataproc("doctor", "--json")
    assert done.returncode == 0, done.stderr
    findings = json.loads(done.stdout)
    assert [finding["check"] for finding in findings] == ["project", "packages", "staging", "emulator", "machine"]
    assert {finding["status"] for finding in findings} <= {"ok", "warn"}


def test_doctor_of_a_project_without_credentials_says_what_is_missing(dataproc, monkeypatch):
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    done = dataproc("doctor", "--project", "my-project-1", "--region", "europe-west1")
    assert done.returncode == 1
    assert "FAIL  credentials  none found  Try:  gcloud auth application-default login" in done.stdout
    assert "not checked: no credentials" in done.stdout
    assert done.stderr.startswith("DaskDataprocError: 2 of 8 checks failed: credentials, staging")


def test_the_emulator_is_started_seen_and_stopped_by_hand(new_laptop):
    other = new_laptop()
    with other.here():

        def emulator(*verb: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run([DASK, "dataproc", "emulator", *verb], capture_output=True, text=True, check=False)

        assert emulator("status").returncode == 1
        assert "listens on unix:" in emulator("start").stderr
        assert json.loads(emulator("status", "--json").stdout)["pid"] > 0
        assert emulator("logs", "-n", "1").stdout.strip()
        assert emulator("stop").stderr == "The emulator has stopped\n"
        assert emulator("stop").stderr == "The emulator was not running\n"


def test_a_quota_that_is_too_small_is_said_with_what_fits_and_fit_takes_that(laptop, faults, dataproc, name):
    faults.ask("quota", times=2, available=13)
    refused = dataproc("up", "--workers", "6", "--name", name)
    assert refused.returncode == 1
    assert refused.stderr.rstrip().endswith(
        f"QuotaExceeded: create {name}: 28 CPUS asked, 13 left in the project's quota; 2 × n2-standard-4 fits\n"
        "  Try:  dask dataproc up --fit   (or fit=True: takes 2 × n2-standard-4)"
    )
    up = dataproc("up", "--workers", "6", "--name", name, "--fit")
    assert "13 left in the project's quota; next 2 × n2-standard-4" in up.stderr
    assert f"{name} is up: 2 workers" in up.stderr
    dataproc("down", name)
