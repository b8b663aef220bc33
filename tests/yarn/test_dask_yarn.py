"""What is written for dask-yarn runs on YarnCluster: its configuration, specifications, and ways to find a cluster."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import dask.config
import pytest
from distributed import Client

from dask_dataproc.init_actions.yarn import YarnCluster

OTHER_PROCESS = """
import sys
from distributed import Client
from dask_dataproc.init_actions.yarn import YarnCluster

cluster = YarnCluster.from_application_id(sys.argv[1])
with Client(cluster) as client:
    cluster.scale(2)
    client.wait_for_workers(2, timeout=60)
    print(cluster.app_id, client.submit(sum, [1, 2]).result(60), len(cluster.workers()))
"""
FROM_INSIDE = """
from dask_dataproc.init_actions.yarn import YarnCluster

cluster = YarnCluster.from_current()
print(cluster.app_id, cluster.scheduler_address)
"""


@pytest.fixture
def archive(tmp_path) -> Path:
    """An environment as venv-pack makes it, but that its interpreter is this one."""
    path = tmp_path / "env.tar.gz"
    content = {
        "bin/activate": 'export PATH="$PWD/environment/bin:$PATH" ACTIVATED=yes\n',
        "bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
    }
    with tarfile.open(path, "w:gz") as tar:
        for name, text in content.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o755
            tar.addfile(entry, io.BytesIO(text.encode()))
    return path


def test_without_arguments_the_configuration_decides_and_the_scheduler_runs_in_a_container(yarn):
    section = {
        "yarn.environment": f"venv://{Path(sys.executable).parent.parent}",
        "yarn.name": "configured",
        "yarn.queue": "batch",
        "yarn.tags": ["a", "b"],
        "yarn.scheduler.memory": "512 MiB",
        "yarn.worker.memory": "512 MiB",
        "yarn.worker.count": 1,
        "yarn.worker.env": {"SAID": "so"},
    }
    with dask.config.set(section), YarnCluster() as cluster, Client(cluster) as client:
        seen = yarn.application(cluster.app_id)
        assert (seen["name"], seen["applicationTags"]) == ("configured", "a,b")
        assert seen["queue"].startswith("root.batch.")
        services = {each.service_name for each in cluster.application.get_containers(states=["RUNNING"])}
        assert "dask.scheduler" in services
        assert client.submit(lambda x: x**2, 6).result(60) == 36
        assert cluster.dashboard_link.startswith("http://")
        assert {each.service_name for each in cluster.workers()} == {"dask.worker"}
        inside = client.submit(subprocess.check_output, [sys.executable, "-c", FROM_INSIDE], text=True).result(60)
        assert inside.split() == [cluster.app_id, cluster.scheduler_address]
        assert cluster._widget() is not None
        app_id = cluster.app_id

        other = yarn.run(OTHER_PROCESS, app_id)
        assert other.communicate(timeout=90)[0].split() == [app_id, "3", "2"]
        assert other.returncode == 0
        assert yarn.application(app_id)["state"] == "RUNNING"
        yarn.until(lambda: len(cluster.worker_spec) == 2)  # it sees what the other has asked for
    ended = yarn.until(lambda: (seen := yarn.application(app_id))["state"] == "FINISHED" and seen)
    assert ended["finalStatus"] == "SUCCEEDED"


def test_a_specification_that_calls_the_commands_of_dask_yarn_runs_with_an_archive(yarn, archive, tmp_path):
    written = tmp_path / "spec.yaml"
    written.write_text(f"""
name: specified
queue: batch
services:
  dask.worker:
    instances: 1
    max_restarts: -1
    resources: {{memory: 512 MiB, vcores: 1}}
    files: {{environment: {archive}}}
    script: |
      source environment/bin/activate
      dask-yarn services worker
""")
    with dask.config.set({"yarn.specification": str(written)}):
        cluster = YarnCluster(skein_client=yarn.client)
    with cluster, Client(cluster) as client:
        client.wait_for_workers(1, timeout=60)
        assert client.run(os.getenv, "ACTIVATED").popitem()[1] == "yes"
        assert yarn.application(cluster.app_id)["name"] == "specified"
        cluster.scale(2)
        client.wait_for_workers(2, timeout=60)
    service = {"resources": {"memory": 128, "vcores": 1}, "script": "true"}
    with pytest.raises(ValueError, match=r"a service 'dask\.worker' is needed, there are: other"):
        YarnCluster.from_specification({"name": "x", "services": {"other": service}}, skein_client=yarn.client)


def test_a_conda_environment_is_activated_without_conda_and_another_worker_class_runs_in_it(yarn, tmp_path):
    conda = tmp_path / "conda env"
    (conda / "etc" / "conda" / "activate.d").mkdir(parents=True)
    (conda / "etc" / "conda" / "activate.d" / "some.sh").write_text("export FROM_CONDA=yes\n")
    (conda / "bin").mkdir()
    python = conda / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    cluster = yarn.cluster(f"conda://{conda}", n_workers=1, worker_class="distributed.Worker")
    with Client(cluster) as client:
        assert client.submit(os.getenv, "FROM_CONDA").result(60) == "yes"
        (worker,) = client.scheduler_info()["workers"].values()
        assert worker["nanny"] is None
