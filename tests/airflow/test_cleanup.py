"""The DAG of the template `cleanup` on real Airflows: which of many clusters of an emulated Dataproc it deletes."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import dataproc_v1
from google.cloud.dataproc_v1.services.cluster_controller.transports import ClusterControllerGrpcTransport
from google.cloud.dataproc_v1.services.job_controller.transports import JobControllerGrpcTransport

from dask_dataproc.clusters.faults import emulator_fault, emulator_faults_clear
from dask_dataproc.clusters.local import emulator_start
from dask_dataproc.clusters.spec import ClusterSpec
from dask_dataproc.pipelines.dag_templates import write_template

HERE = Path(__file__).parent
REGIONS = {"2.11": "us-east1", "3": "europe-west1"}
HOURS_AGO = 5 * 3600
LIVES = 8 * 3600
CONFS = ({"dry_run": True}, {"dry_run": False}, {"dry_run": False, "busy": True, "leased": True})
"""Said in each: runs in one process share the Param that a run's conf is put into."""
CONNECTIONS = {"google_cloud_default": {"conn_type": "google_cloud_platform", "extra": {"is_anonymous": True}}}
WAITS = "import time; time.sleep(600)"


@dataclass
class Cleaned:
    """What three runs of the DAG did: the state of each, what it returned, what it logged."""

    states: list[str]
    returned: list[list[str] | None]
    logs: list[str]
    left: list[str]


class Region:
    """The clusters of one region."""

    def __init__(self, socket: Path, name: str, folder: Path):
        self.place, self.folder = {"project_id": "local", "region": name}, folder
        self.stuck = f"stuck-{name}"
        channel = grpc.insecure_channel(f"unix:{socket}")
        self.clusters = dataproc_v1.ClusterControllerClient(
            transport=ClusterControllerGrpcTransport(host="emulator", channel=channel)
        )
        self.jobs = dataproc_v1.JobControllerClient(
            transport=JobControllerGrpcTransport(host="emulator", channel=channel)
        )

    def create(self, name: str, staging: str = "", *, labelled: bool = True, lives: int = 0, dag: bool = False) -> Any:
        given = {"name": name, "workers": 0, "project": "local", "staging": staging or f"file://{self.folder}/staging"}
        cluster = ClusterSpec.from_dict(given).to_dataproc()
        cluster["config"]["lifecycle_config"] = {"auto_delete_ttl": {"seconds": lives}} if lives else {}
        if dag:
            cluster["labels"]["airflow-version"] = "v3-0-0"
        if not labelled:
            cluster["labels"].pop("lifecycle")
        return self.clusters.create_cluster(request=self.place | {"cluster": cluster})

    def fill_with_old(self) -> None:
        """Have clusters of each kind; that of a person first, who renews its lease."""
        made = [self.create(name) for name in ("old-running", "old-stopped", "old-busy", "old-leased", self.stuck)]
        made.append(self.create("old-plain", labelled=False))
        made += [self.create("old-dag", lives=LIVES, dag=True), self.create("old-kernel", lives=LIVES)]
        failing = self.create("old-failed", "nowhere://bucket", lives=LIVES, dag=True)
        for operation in made:
            operation.result(timeout=60)
        with pytest.raises(GoogleAPICallError):
            failing.result(timeout=60)
        self.clusters.stop_cluster(request=self.place | {"cluster_name": "old-stopped"}).result(timeout=60)

    def be_in_use(self) -> None:
        """Have a job run on one, a lease renewed on another, and one that is new."""
        main = self.folder / "main.py"
        main.write_text(WAITS)
        job = {"placement": {"cluster_name": "old-busy"}, "pyspark_job": {"main_python_file_uri": main.as_uri()}}
        self.jobs.submit_job(request=self.place | {"job": job})
        lease = {"lifecycle_config": {"auto_delete_time": {"seconds": int(time.time()) + 3600}}}
        wanted = {"cluster_name": "old-leased", "cluster": {"config": lease}}
        mask = {"paths": ["config.lifecycle_config.auto_delete_time"]}
        self.clusters.update_cluster(request=self.place | wanted | {"update_mask": mask}).result(timeout=60)
        self.create("young").result(timeout=60)

    def names(self) -> list[str]:
        return sorted(each.cluster_name for each in self.clusters.list_clusters(request=self.place))

    def empty(self) -> None:
        for name in self.names():
            self.clusters.delete_cluster(request=self.place | {"cluster_name": name}).result(timeout=60)


def clean(version: str, region: Region, env: dict[str, str]) -> Cleaned:
    folder = region.folder
    settings = [f"dag_id=clean_{version.replace('.', '_')}", "max_age=4h", "schedule=@daily"]
    file = write_template("cleanup", [*settings, "project=local", f"region={region.place['region']}"], folder / "dags")
    (folder / "connections.json").write_text(json.dumps(CONNECTIONS))
    home = folder / "home"
    home.mkdir()
    env = (
        os.environ
        | env
        | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(file.parent),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": str(folder / "connections.json")}),
        }
    )
    python = HERE.parents[1] / "build" / f"airflow-{version}" / "bin" / "python"
    command = [str(python), str(HERE / "cleanup_runs.py"), str(file), *map(json.dumps, CONFS)]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, cwd=home)
    assert ran.returncode == 0, ran.stderr[-4000:]
    answers = json.loads(ran.stdout)
    logs = ran.stderr.split("=== run with")[1:]
    return Cleaned([a["state"] for a in answers], [a["returned"] for a in answers], logs, region.names())


@pytest.fixture(scope="session")
def cleaned(new_laptop, tmp_path_factory) -> Iterator[dict[str, Future[Cleaned]]]:
    laptop = new_laptop(emulator__light="true")
    regions = {}
    with laptop.here():
        emulator_start(redirect=True)
        about = json.loads((laptop.runtime / "emulator.json").read_text())["redirect"]
        env = {"grpc_proxy": about["grpc_proxy"], "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": about["roots"]}
        for version, name in REGIONS.items():
            folder = tmp_path_factory.mktemp(f"cleanup-{version}")
            regions[version] = Region(laptop.runtime / "dataproc.sock", name, folder)
        with ThreadPoolExecutor() as rows:
            emulator_fault("clock-jump", seconds=-HOURS_AGO)
            list(rows.map(Region.fill_with_old, regions.values()))
            emulator_fault("clock-jump", seconds=HOURS_AGO)
            list(rows.map(Region.be_in_use, regions.values()))
            for region in regions.values():
                emulator_fault("permission", method="delete_cluster", cluster=region.stuck)
            try:
                yield {version: rows.submit(clean, version, region, env) for version, region in regions.items()}
            finally:
                rows.shutdown()
                emulator_faults_clear()
                list(map(Region.empty, regions.values()))


@pytest.fixture
def done(cleaned, version) -> Cleaned:
    return cleaned[version].result()


def test_a_dry_run_says_what_it_would_delete_and_deletes_nothing(done):
    assert done.states[0] == "success"
    assert done.returned[0] == []
    for name, state in (("running", "RUNNING"), ("stopped", "STOPPED"), ("failed", "ERROR")):
        assert f"old-{name} ({state}) would be deleted" in done.logs[0]
    assert "is deleted" not in done.logs[0]


def test_old_ones_are_deleted_in_whatever_state_and_one_that_cannot_be_fails_the_run(done, version):
    assert done.states[1] == "failed"
    for name in ("old-running", "old-stopped", "old-failed", "old-kernel"):
        assert f"{name} is deleted" in done.logs[1]
    assert f"stuck-{REGIONS[version]} is not deleted" in done.logs[1]
    assert "dataproc.clusters.delete" in done.logs[1]


def test_in_use_young_and_unlabelled_ones_are_kept_with_the_reason(done):
    assert "young is younger than 14400 s" in done.logs[1]
    assert "old-busy has a job that runs" in done.logs[1]
    assert "old-leased is leased" in done.logs[1]
    assert "old-dag is of a DAG's run" in done.logs[1]
    assert "old-plain" not in done.logs[1]


def test_those_in_use_go_when_told_and_the_next_run_deletes_what_failed(done, version):
    assert done.states[2] == "success"
    assert sorted(done.returned[2]) == ["old-busy", "old-dag", "old-leased", f"stuck-{REGIONS[version]}"]
    assert done.left == ["old-plain", "young"]
