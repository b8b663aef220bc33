"""What a cluster's options come to as a skein specification: environments, keys, master. Needs no YARN."""

from __future__ import annotations

import stat
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from typing import Any

import dask.config
import pytest
from distributed.security import Security

from dask_dataproc.init_actions import yarn_skein
from dask_dataproc.init_actions.yarn_errors import (
    ContainerTooLarge,
    NotAllowed,
    SubmissionRefused,
    UnknownQueue,
    refusal,
)
from dask_dataproc.init_actions.yarn_logs import parse
from dask_dataproc.init_actions.yarn_spec import Options, make_specification, ready_to_submit

PYTHON = "python:///opt/env/bin/python"


def worker_of(**options) -> Any:
    return make_specification(Options(**{"environment": PYTHON} | options)).services["dask.worker"]


def test_a_container_of_the_nodes_has_a_worker_of_14_gib_and_3_threads():
    worker = worker_of(worker_memory="14336 MiB", worker_vcores=3, n_workers=2, worker_gpus=1)
    assert (worker.resources.memory, worker.resources.vcores, worker.resources.gpus) == (14336, 3, 1)
    assert (worker.instances, worker.max_restarts) == (2, -1)
    assert worker.script.startswith("exec /opt/env/bin/python ")


def test_memory_is_rounded_up_to_whole_mebibytes():
    assert worker_of(worker_memory=2**20 + 1).resources.memory == 2
    assert worker_of(worker_memory="1 GB").resources.memory == 954


def test_the_remote_mode_has_a_scheduler_that_workers_wait_for():
    spec = make_specification(Options(environment=PYTHON, scheduler_memory="1 GiB", scheduler_vcores=2))
    assert set(spec.services) == {"dask.worker", "dask.scheduler"}
    assert spec.services["dask.worker"].depends == {"dask.scheduler"}
    assert spec.services["dask.scheduler"].resources == yarn_skein.skein.Resources(memory=1024, vcores=2)
    with pytest.raises(ValueError, match="deploy_mode: 'remote' or 'local' expected, got 'elsewhere'"):
        Options(environment=PYTHON, deploy_mode="elsewhere")


def test_every_key_of_the_configuration_is_a_default():
    said = {"name": "n", "queue": "q", "user": "u", "tags": ["t"], "deploy-mode": "local", "environment": PYTHON}
    worker = {"vcores": 5, "memory": "3 GiB", "count": 7, "restarts": 2, "env": {"A": "1"}, "worker_class": "a.B"}
    with dask.config.set({"yarn": said | {"worker": worker | {"gpus": 1, "worker_options": {"x": 1}}}}):
        spec = make_specification(Options())
    assert (spec.name, spec.queue, spec.user, spec.tags) == ("n", "q", "u", {"t"})
    made = spec.services["dask.worker"]
    assert made.resources == yarn_skein.skein.Resources(memory=3072, vcores=5, gpus=1)
    assert (made.instances, made.max_restarts, made.env) == (7, 2, {"A": "1"})
    assert "--worker-class a.B --worker-options '{\"x\": 1}'" in made.script


@pytest.mark.parametrize("wrong", ["env", "env.7z", "docker://image"])
def test_what_is_no_environment_is_refused_with_what_is_one(wrong):
    with pytest.raises(ValueError, match=r"neither an archive .* nor conda://, venv:// or python://"):
        worker_of(environment=wrong)


def test_a_missing_environment_is_refused_before_yarn_is_asked(tmp_path):
    with pytest.raises(ValueError, match="environment: none was given"):
        make_specification(Options())
    with pytest.raises(FileNotFoundError, match=r"there is no archive .*env\.tar\.gz"):
        worker_of(environment=str(tmp_path / "env.tar.gz"))


def test_archives_of_other_file_systems_are_left_where_they_are():
    (archive,) = [worker_of(environment="gs://bucket/env.tar.gz").files["environment"]]
    assert (archive.source, str(archive.type)) == ("gs://bucket/env.tar.gz", "ARCHIVE")


def test_the_keys_are_in_a_file_of_the_owners_alone_which_goes_when_it_has_been_copied(tmp_path):
    spec = make_specification(Options(environment=PYTHON, deploy_mode="local"))
    keys = Security.temporary()
    on_disk = tmp_path / "worker.key"
    on_disk.write_text(keys.tls_worker_key)
    keys.tls_worker_key = str(on_disk)
    with ready_to_submit(spec, keys, "tls://10.0.0.2:8786") as ready:
        path = Path(ready.services["dask.worker"].files["dask-keys.json"].source.removeprefix("file://"))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "BEGIN" in path.read_text()
        assert str(on_disk) not in path.read_text()  # a path of this machine says nothing in a container
        assert "PRIVATE KEY" not in str(ready.to_dict())
        assert "10.0.0.2/8786" in ready.master.script
    assert not path.exists()
    assert spec.services["dask.worker"].files == {}


def test_without_keys_no_file_is_distributed():
    spec = make_specification(Options(environment=PYTHON))
    with ready_to_submit(spec, Security()) as ready:
        assert set(ready.services["dask.scheduler"].files) == {"dask-container.py"}
        assert not ready.master.script  # the scheduler keeps the application alive


def test_the_master_gets_the_clients_configuration_with_a_quicker_heartbeat(tmp_path, monkeypatch):
    site = "<configuration><property><name>a</name><value>1</value></property></configuration>"
    (tmp_path / "yarn-site.xml").write_text(site)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    spec = make_specification(Options(environment=PYTHON))
    with ready_to_submit(spec, Security()) as ready:
        jar = zipfile.ZipFile(ready.master.files["dask-master.jar"].source.removeprefix("file://"))
        root = ElementTree.fromstring(jar.read("yarn-site.xml"))
    found = {each.findtext("name"): each.findtext("value") for each in root.iter("property")}
    assert found == {"a": "1", "yarn.am.liveness-monitor.expiry-interval-ms": "500"}
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path / "nothing"))
    with ready_to_submit(spec, Security()) as ready:
        assert not ready.master.files


REFUSALS = {
    "org.apache.hadoop.yarn.exceptions.YarnException: Application x rejected by queue placement policy": UnknownQueue,
    "Application x submitted by user ana to unknown queue: nosuch": UnknownQueue,
    "User ana cannot submit applications to queue root.batch": NotAllowed,
    "Invalid resource request! Cannot allocate containers as requested resource is greater": ContainerTooLarge,
    "something new": SubmissionRefused,
}


@pytest.mark.parametrize(("text", "kind"), REFUSALS.items())
def test_a_refusal_is_named_and_keeps_yarns_words(text, kind):
    error = refusal(
        RuntimeError(f"Failed to submit application, exception:\n{text}\n\tat org.apache.X.y(X.java:1)"), "q", ""
    )
    assert type(error) is kind
    assert "X.java" not in str(error)
    assert "q" in str(error) or text.split("!")[0] in str(error)


PRINTED = """Container: container_1 on host_1
LogAggregationType: AGGREGATED
=====
LogType:dask.worker.log
LogLastModifiedTime:Tue Nov 24 16:05:31 +0000 2026
LogLength:31
LogContents:
Container: not a heading
last

End of LogType:dask.worker.log
***

Container: container_1 on host_1
LogAggregationType: AGGREGATED
=====
LogType:prelaunch.err
LogLastModifiedTime:Tue Nov 24 16:05:31 +0000 2026
LogLength:0
LogContents:

End of LogType:prelaunch.err
***
"""


def test_what_yarn_prints_is_read_by_container_and_file():
    assert parse(PRINTED) == {
        "container_1": {"dask.worker.log": "Container: not a heading\nlast\n", "prelaunch.err": ""}
    }
    assert parse("Can not find any log file") == {}
