"""JobController, as the unmodified client sees it: a pyspark job is the local Python process it is."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psutil
import pytest
from google.api_core import exceptions

HELLO = "import sys; print('hello', *sys.argv[1:])"
FOREVER = "import time, os; open('pid', 'w').write(str(os.getpid())); time.sleep(3600)"


@pytest.fixture(scope="module")
def name(dataproc) -> str:
    """The cluster that jobs run on."""
    return dataproc.create(dataproc.single(labels={"for": "jobs"})).cluster_name


@pytest.fixture
def job(name, tmp_path):
    """``job("print(1)", args=["a"])``: a pyspark job of that program."""

    def make(program: str, placement: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        main = tmp_path / "main.py"
        main.write_text(program)
        labels = fields.pop("labels", {})
        return {
            "placement": placement or {"cluster_name": name},
            "labels": labels,
            "reference": {"job_id": f"j-{uuid.uuid4().hex[:8]}"},
            "pyspark_job": {"main_python_file_uri": main.as_uri(), **fields},
        }

    return make


@pytest.fixture
def submit(dataproc):
    return lambda job, **request: dataproc.jobs.submit_job(request={**dataproc.place, "job": job, **request})


@pytest.fixture
def ended(dataproc, until):
    """Wait until a job has ended and return it."""

    def wait(job):
        def look():
            now = dataproc.jobs.get_job(job_id=job.reference.job_id, **dataproc.place)
            return now if now.done else None

        return until(look)

    return wait


def output_path(job) -> Path:
    return Path(unquote(urlsplit(job.driver_output_resource_uri).path))


def output(job) -> str:
    return output_path(job).read_text()


def states(job) -> list[str]:
    return [status.state.name for status in [*job.status_history, job.status]]


def test_a_job_runs_through_its_states_and_leaves_its_output(dataproc, name, job, submit, ended):
    submitted = submit(job(HELLO, args=["big", "wörld"]))
    assert submitted.status.state.name == "PENDING"
    assert submitted.placement.cluster_uuid == dataproc.get(name).cluster_uuid
    done = ended(submitted)
    assert states(done) == ["PENDING", "SETUP_DONE", "RUNNING", "DONE"]
    assert output(done) == "hello big wörld\n"


def test_files_of_a_job_are_beside_it_and_can_be_imported(job, submit, ended, tmp_path):
    (tmp_path / "helper.py").write_text("WORD = 'imported'")
    (tmp_path / "data.txt").write_text("read")
    program = "import helper; print(helper.WORD, open('data.txt').read())"
    files = {"python_file_uris": [str(tmp_path / "helper.py")], "file_uris": [(tmp_path / "data.txt").as_uri()]}
    assert output(ended(submit(job(program, **files)))) == "imported read\n"


def test_a_main_file_comes_from_any_fsspec_url(job, submit, ended, tmp_path):
    given = job(HELLO)
    given["pyspark_job"]["main_python_file_uri"] = f"local://{tmp_path}/main.py"
    assert output(ended(submit(given))) == "hello\n"


def test_a_driver_knows_the_cluster_it_runs_on(name, job, submit, ended):
    program = "from dask_dataproc.init_actions.metadata import read_metadata as r; print(r()['dataproc-cluster-name'])"
    assert output(ended(submit(job(program)))) == f"{name}\n"


def test_a_driver_that_fails_is_an_error_with_its_last_words(job, submit, ended):
    failed = ended(submit(job("import sys; print('about to'); sys.exit('went wrong')")))
    assert states(failed)[-1] == "ERROR"
    assert "exited with status 1" in failed.status.details
    assert "went wrong" in failed.status.details


def test_a_missing_main_file_is_an_error_that_names_it(job, submit, ended):
    given = job(HELLO)
    given["pyspark_job"]["main_python_file_uri"] = "file:///nowhere/main.py"
    failed = ended(submit(given))
    assert states(failed) == ["PENDING", "SETUP_DONE", "ERROR"]
    assert "/nowhere/main.py" in failed.status.details


def test_a_job_as_operation_ends_as_the_job_does(dataproc, job):
    good = dataproc.jobs.submit_job_as_operation(request={**dataproc.place, "job": job(HELLO)})
    assert good.result(timeout=60).status.state.name == "DONE"
    assert good.metadata.status.state.name == "DONE"
    assert good.metadata.operation_type == "SUBMIT"
    bad = dataproc.jobs.submit_job_as_operation(request={**dataproc.place, "job": job("1/0")})
    with pytest.raises(exceptions.GoogleAPICallError, match="ZeroDivisionError"):
        bad.result(timeout=60)


def test_a_cancelled_job_is_killed_with_all_it_started(dataproc, job, submit, ended, until, runs):
    program = "import subprocess; child = subprocess.Popen(['sleep', '3600']); print(child.pid); child.wait()"
    submitted = submit(job(program))
    request = {**dataproc.place, "job_id": submitted.reference.job_id}
    child = psutil.Process(int(until(lambda: output_path(submitted).exists() and output(submitted).strip())))
    dataproc.jobs.cancel_job(request=request)
    cancelled = ended(submitted)
    assert states(cancelled)[-3:] == ["CANCEL_PENDING", "CANCEL_STARTED", "CANCELLED"]
    until(lambda: not runs(child))
    with pytest.raises(exceptions.FailedPrecondition, match="CANCELLED"):
        dataproc.jobs.cancel_job(request=request)


def test_an_active_job_cannot_be_deleted_a_finished_one_can(dataproc, job, submit, ended):
    submitted = submit(job(FOREVER))
    request = {**dataproc.place, "job_id": submitted.reference.job_id}
    with pytest.raises(exceptions.FailedPrecondition, match="cancel it first"):
        dataproc.jobs.delete_job(request=request)
    dataproc.jobs.cancel_job(request=request)
    ended(submitted)
    dataproc.jobs.delete_job(request=request)
    with pytest.raises(exceptions.NotFound):
        dataproc.jobs.get_job(request=request)


def test_deleting_a_cluster_fails_its_jobs(dataproc, job, submit, ended):
    name = dataproc.create(dataproc.single()).cluster_name
    submitted = submit(job(FOREVER, {"cluster_name": name}))
    dataproc.delete(name)
    failed = ended(submitted)
    assert failed.status.state.name == "ERROR"
    assert "its cluster was deleted" in failed.status.details


def test_a_job_sent_twice_runs_once(job, submit, ended, tmp_path):
    count = tmp_path / "count.txt"
    given, request_id = job(f"open({str(count)!r}, 'a').write('x')"), str(uuid.uuid4())
    del given["reference"]
    first, second = submit(given, request_id=request_id), submit(given, request_id=request_id)
    assert first.reference.job_id == second.reference.job_id
    assert ended(first).status.state.name == "DONE"
    assert count.read_text() == "x"


def test_an_id_taken_already_exists(job, submit, ended):
    given = job(HELLO)
    ended(submit(given))
    with pytest.raises(exceptions.AlreadyExists):
        submit(given)


def test_a_job_goes_to_a_cluster_with_the_labels_asked_for(name, job, submit, ended):
    submitted = submit(job(HELLO, {"cluster_labels": {"for": "jobs"}}))
    assert submitted.placement.cluster_name == name
    ended(submitted)
    with pytest.raises(exceptions.NotFound):
        submit(job(HELLO, {"cluster_labels": {"for": "nobody"}}))


def test_jobs_are_listed_by_cluster_state_label_and_time(dataproc, name, job, submit, ended):
    mark = uuid.uuid4().hex[:8]
    done = ended(submit(job(HELLO, labels={"mark": mark})))
    active = submit(job(FOREVER, labels={"mark": mark}))

    def listed(text: str = "", **request: Any) -> set[str]:
        given = {**dataproc.place, **request, "filter": f"labels.mark = {mark} {text}"}
        return {each.reference.job_id for each in dataproc.jobs.list_jobs(request=given)}

    both = {done.reference.job_id, active.reference.job_id}
    assert listed() == both
    assert listed("AND status.state = ACTIVE") == {active.reference.job_id}
    assert listed("AND status.state = NON_ACTIVE") == {done.reference.job_id}
    assert listed('AND insertTime >= "2020-01-01T00:00:00Z"') == both
    assert listed('AND insertTime < "2020-01-01T00:00:00Z"') == set()
    assert listed(cluster_name=name) == both
    assert listed(cluster_name="another") == set()
    matched = dataproc.jobs.list_jobs(request={**dataproc.place, "job_state_matcher": "ACTIVE"})
    assert active.reference.job_id in {each.reference.job_id for each in matched}
    dataproc.jobs.cancel_job(job_id=active.reference.job_id, **dataproc.place)
    ended(active)


def test_only_labels_of_a_job_are_updated(dataproc, job, submit, ended):
    done = ended(submit(job(HELLO)))
    request = {**dataproc.place, "job_id": done.reference.job_id, "job": {"labels": {"a": "1"}}}
    updated = dataproc.jobs.update_job(request={**request, "update_mask": {"paths": ["labels"]}})
    assert dict(updated.labels) == {"a": "1"}
    with pytest.raises(exceptions.InvalidArgument):
        dataproc.jobs.update_job(request={**request, "update_mask": {"paths": ["placement.cluster_name"]}})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"reference": {"job_id": "with space"}}, "job.reference.job_id"),
        ({"reference": {"job_id": "a" * 101}}, "job.reference.job_id"),
        ({"placement": {}}, "job.placement.cluster_name"),
        ({"pyspark_job": {"main_python_file_uri": ""}}, "job.pyspark_job.main_python_file_uri"),
        ({"labels": {"Upper": "v"}}, "job.labels[Upper]"),
        ({"scheduling": {"max_failures_per_hour": 11}}, "job.scheduling.max_failures_per_hour"),
    ],
)
def test_a_job_outside_the_bounds_is_refused_by_field(job, submit, change, field):
    with pytest.raises(exceptions.InvalidArgument) as refused:
        submit({**job(HELLO), **change})
    assert [violation.field for violation in refused.value.details[0].field_violations] == [field]


def test_other_kinds_of_job_are_not_implemented_and_say_so(name, submit):
    with pytest.raises(exceptions.MethodNotImplemented, match=r"job\.hive_job: the emulator does not do this"):
        submit({"placement": {"cluster_name": name}, "hive_job": {"query_file_uri": "gs://b/q"}})


def test_a_job_needs_a_cluster_that_is_there_and_runs(dataproc, job, submit):
    with pytest.raises(exceptions.NotFound):
        submit(job(HELLO, {"cluster_name": "nobody"}))
    name = dataproc.create(dataproc.single()).cluster_name
    dataproc.clusters.stop_cluster(request={**dataproc.place, "cluster_name": name}).result(timeout=60)
    with pytest.raises(exceptions.FailedPrecondition, match="is STOPPED; allowed is RUNNING, UPDATING"):
        submit(job(HELLO, {"cluster_name": name}))
