"""Jobs on a cluster: followed, failed, cancelled by Ctrl-C; the same code on a laptop, on a master, from outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from click.testing import CliRunner, Result

import dask_dataproc
from dask_dataproc import DaskRunner, JobFailed, JobNotFound, SpecError, WaitTimeout
from dask_dataproc.magics.cli import dataproc
from dask_dataproc.pipelines.submit import JobRun, list_jobs, submit

from ..terminal import Terminal

DASK = Path(sys.executable).with_name("dask")
WAIT = 60.0
TRIAL = """
import os, time

from dask_dataproc import DaskRunner

def square(n):
    return n * n, os.getpid()

def total(n: int, **where) -> int:
    with DaskRunner("500MiB", 1, max_workers=2, **where).get_client() as client:
        results = client.gather(client.map(square, range(n)))
    assert os.getpid() not in {pid for _, pid in results}
    return sum(value for value, _ in results)

def until(file: str):
    print("begun", flush=True)
    while not os.path.exists(file):
        time.sleep(0.02)
    print("seen")

def hold(file: str):
    try:
        until(file)
    finally:
        print("held", flush=True)
        until(file)

def fail():
    raise ValueError("seven is no date")
"""
TOTAL = sum(n * n for n in range(20))


@pytest.fixture
def script(tmp_path) -> Path:
    """A file of functions for jobs, of a name of its own: this process may import it, too."""
    file = tmp_path / f"trial_{os.urandom(4).hex()}.py"
    file.write_text(TRIAL)
    return file


@pytest.fixture
def terminal(laptop, cluster, script, tmp_path):
    """``terminal("fail")``: submit a function of the script from a terminal."""
    started: list[Terminal] = []

    def start(function: str, *options: str) -> Terminal:
        words = ["dataproc", "submit", cluster.name, "--file", str(script), "--job-function", function, *options]
        environment = os.environ | laptop.environment
        started.append(
            Terminal(
                str(DASK), words, env=environment, cwd=tmp_path, encoding="utf-8", timeout=WAIT, dimensions=(40, 200)
            )
        )
        return started[-1]

    yield start
    for child in started:
        child.close(force=True)


@pytest.fixture
def dask(laptop):
    """Run a verb in this process, which has imported what it needs."""

    def run(*words: str) -> Result:
        return CliRunner().invoke(dataproc, list(words))

    return run


def state(words: str) -> str:
    """The state of the job that ``words`` name."""
    (job,) = set(re.findall(r"Job (\S+) on", words))
    return JobRun(job).record.state


def test_output_comes_while_the_job_runs_and_the_result_is_its_last_line(laptop, terminal, tmp_path):
    child = terminal("until", "--set", f"file={tmp_path / 'go'}")
    child.expect_exact("begun")
    assert state(child.before) == "RUNNING"
    (tmp_path / "go").touch()
    child.expect_exact("seen")
    child.expect_exact("dask-dataproc-result: null")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0


def test_ctrl_c_cancels_the_job_and_waits_until_it_is_cancelled(laptop, terminal, tmp_path):
    child = terminal("until", "--set", f"file={tmp_path / 'never'}")
    child.expect_exact("begun")
    said = child.before
    child.sendintr()
    child.expect(r"Job \S+ is CANCELLED")
    assert state(said) == "CANCELLED"
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 130
    assert "Traceback" not in child.before


def test_a_job_that_fails_says_why_in_one_line_and_its_status_is_the_commands(laptop, terminal, cluster, script, dask):
    job = submit(script.stem, "fail", cluster=cluster.name, file=script)
    child = terminal("total", "--set", "n=many")
    child.expect_exact("SpecError: --n: 'many' given, allowed is int")
    child.expect(r"JobFailed: job \S+ is ERROR: SpecError: --n: 'many' given, allowed is int")
    child.expect(pexpect.EOF)
    assert child.wait() == 2
    with pytest.raises(JobFailed, match=f"job {job.id} is ERROR: ValueError: seven is no date") as failed:
        job.wait(WAIT)
    assert failed.value.status == 1
    listed = [line.split() for line in dask("jobs", cluster.name).stdout.splitlines()]
    assert [line[1] for line in listed[:3]] == ["state", "ERROR", "ERROR"]


def test_a_second_ctrl_c_does_not_wait_for_the_first(laptop, terminal, tmp_path):
    child = terminal("hold", "--set", f"file={tmp_path / 'go'}")
    child.expect_exact("begun")
    said = child.before
    child.sendintr()
    child.expect_exact("held")
    child.sendintr()
    child.expect(r"Job \S+ is CANCEL_STARTED")
    child.expect(pexpect.EOF)
    assert child.wait() == 130
    (tmp_path / "go").touch()
    laptop.until(lambda: state(said) == "CANCELLED")


class Repository:
    """A repository with the functions in ``trial_etl``, whose squares are multiplied by a factor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._git("init", "-q", "-b", "main")

    def commit(self, factor: int) -> str:
        (self.folder / "trial_etl.py").write_text(TRIAL.replace("n * n", f"n * n * {factor}"))
        self._git("add", ".")
        self._git("commit", "-q", "-m", "next")
        return self._git("rev-parse", "HEAD")

    def _git(self, *words: str) -> str:
        who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org"]
        ran = subprocess.run(["git", *who, *words], cwd=self.folder, check=True, capture_output=True, text=True)
        return ran.stdout.strip()


def test_the_same_code_runs_on_a_laptop_on_a_master_and_from_outside(laptop, cluster, tmp_path):
    repository = Repository(tmp_path / "repository")
    commit, url = repository.commit(1), repository.folder.as_uri()
    from_here = """
        import sys
        from dask_dataproc import DaskRunner
        from dask_dataproc.pipelines.bring import repository

        if __name__ == "__main__":
            repository(sys.argv[1], "main")
            import trial_etl
            print(trial_etl.total(20, local=True), trial_etl.total(20, cluster=sys.argv[2], git_repo=sys.argv[1]))
    """
    here = laptop.start(from_here, url, cluster.name)
    job = submit("trial_etl", "total", {"n": 20}, cluster=cluster.name, git_repo=url, git_ref="main")
    assert job.wait(WAIT).state == "DONE"
    out, errors = here.communicate(timeout=WAIT)
    assert out.split() == [str(TOTAL)] * 2, errors
    assert (job.result, job.output().splitlines()[0]) == (TOTAL, f"{url} at main is {commit}")

    repository.commit(3)  # the branch moves: the next job has other code of the same name, on the workers too
    job = submit("trial_etl", "total", {"n": 20}, cluster=cluster.name, git_repo=url, git_ref="main")
    job.wait(WAIT)
    assert job.result == 3 * TOTAL
    assert len(cluster.scheduler_info["workers"]) == 2


def test_a_cluster_that_is_made_for_a_runner_goes_with_it_also_when_the_body_fails(laptop):
    before, during = set(laptop.clusters()), set()

    def work() -> None:
        with DaskRunner(min_workers=0).get_client() as client:
            assert client.submit(sum, [1, 2]).result() == 3
            during.update(laptop.clusters())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert len(during - before) == 1
    assert set(laptop.clusters()) == before


def test_a_job_may_be_left_found_again_and_cancelled(laptop, cluster, script, tmp_path):
    job = submit(script.stem, "until", {"file": str(tmp_path / "never")}, cluster=cluster.name, file=script)
    with pytest.raises(WaitTimeout, match=f"job {job.id}: runs on after 0.5 s"):
        job.wait(0.5)
    again = JobRun(job.id)
    assert again.record.state in ("PENDING", "SETUP_DONE", "RUNNING")
    assert again.cancel().state == "CANCELLED"
    with pytest.raises(JobFailed, match="is CANCELLED"):
        job.wait(WAIT)
    with pytest.raises(JobNotFound, match="no job nowhere in local/us-central1"):
        JobRun("nowhere").cancel()


def test_a_job_gets_a_cluster_of_its_own_which_is_deleted(laptop, dask, script):
    before = set(laptop.clusters())
    ran = dask("submit", "--workers", "0", "--file", str(script), "--job-function", "total", "--set", "n=20")
    assert ran.exit_code == 0, ran.output
    assert ran.stdout == f"dask-dataproc-result: {TOTAL}\n"
    assert set(laptop.clusters()) == before


def test_gclouds_line_does_nothing(laptop, cluster, dask):
    before = list_jobs(cluster.name)
    line = dask("submit", cluster.name, "--job-module", "m", "--set", "a=b c", "--gcloud")
    assert line.stdout == (
        "gcloud dataproc jobs submit pyspark file:///opt/dask-dataproc/job.py "
        f"--cluster={cluster.name} --project=local --region=us-central1 "
        "-- --job-module m --job-function main --a 'b c'\n"
    )
    assert list_jobs(cluster.name) == before


def test_what_cannot_be_submitted_is_refused_before_it_is(laptop, cluster, tmp_path):
    with pytest.raises(SpecError, match=r"file: '.*no\.py' given"):
        submit("m", "f", cluster=cluster.name, file=tmp_path / "no.py")
    with pytest.raises(SpecError, match=r"a: .* given, allowed is what JSON has"):
        submit("m", "f", {"a": {1, 2}}, cluster=cluster.name)
    with pytest.raises(SpecError, match="worker_memory: 'much' given"):
        DaskRunner(worker_memory="much")
    with pytest.raises(SpecError, match="max_workers: 1 given, allowed is a whole number of at least 2"):
        DaskRunner(max_workers=1)
    assert DaskRunner().spec_fields()["worker_machine"] == "n2-standard-4"
    assert DaskRunner("60GiB", 8).spec_fields()["worker_machine"] == "n2-highmem-8"
    assert dask_dataproc.DaskRunner is DaskRunner
