"""Where what nobody typed comes from: flag, dask config, environment, gcloud's file, default, in this order."""

import re
import stat
from pathlib import Path

import dask
import pytest

from dask_dataproc.clusters.config import LEASE_BOUNDS, duration, resolve, setting
from dask_dataproc.clusters.errors import ConfigError, SpecError
from dask_dataproc.clusters.spec import ClusterSpec

BUCKET = "gs://bucket/dask"


@pytest.fixture
def gcloud(tmp_path, monkeypatch) -> Path:
    """A folder of gcloud's that is still empty, and nothing of Google's or dask's configured."""
    for variable in ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_REGION", "CLOUDSDK_ACTIVE_CONFIG_NAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    setting("lease")  # the defaults are loaded before the settings below shadow them
    with dask.config.set({"dataproc.project": None, "dataproc.region": None, "dataproc.staging": None}):
        yield tmp_path / "gcloud"


def gcloud_set(folder: Path, text: str, name: str = "default") -> None:
    (folder / "configurations").mkdir(parents=True, exist_ok=True)
    (folder / "configurations" / f"config_{name}").write_text(text)


@pytest.mark.parametrize(
    ("option", "default", "variable", "written"),
    [
        ("project", "local", "GOOGLE_CLOUD_PROJECT", "[core]\nproject = from-gcloud\n"),
        ("region", "us-central1", "GOOGLE_CLOUD_REGION", "[compute]\nregion = from-gcloud\n"),
    ],
)
def test_a_flag_wins_over_dask_config_environment_gcloud_and_the_default(
    gcloud, monkeypatch, option, default, variable, written
):
    def found(**fields) -> str:
        return getattr(resolve(staging=BUCKET, **fields), option)

    assert found() == default
    gcloud_set(gcloud, written)
    assert found() == "from-gcloud"
    monkeypatch.setenv(variable, "from-environment")
    assert found() == "from-environment"
    with dask.config.set({f"dataproc.{option}": "from-dask"}):
        assert found() == "from-dask"
        assert getattr(resolve({option: "from-spec"}, staging=BUCKET), option) == "from-spec"
        assert getattr(resolve({option: "from-spec"}, staging=BUCKET, **{option: "from-flag"}), option) == "from-flag"


def test_gclouds_dataproc_region_wins_over_its_compute_region(gcloud):
    gcloud_set(gcloud, "[compute]\nregion = europe-west1\n[dataproc]\nregion = europe-west4\n")
    assert resolve().region == "europe-west4"


def test_gclouds_active_configuration_is_read(gcloud, monkeypatch):
    for name in ("default", "work", "home"):
        gcloud_set(gcloud, f"[core]\nproject = of-{name}\n", name)
    assert resolve(staging=BUCKET).project == "of-default"
    (gcloud / "active_config").write_text("work\n")
    assert resolve(staging=BUCKET).project == "of-work"
    monkeypatch.setenv("CLOUDSDK_ACTIVE_CONFIG_NAME", "home")
    assert resolve(staging=BUCKET).project == "of-home"


def test_a_damaged_file_of_gclouds_is_a_setting_that_is_wrong(gcloud):
    gcloud_set(gcloud, "project = somewhere\n")
    with pytest.raises(ConfigError, match="config_default cannot be read") as refused:
        resolve()
    assert len(str(refused.value).splitlines()) == 1


def test_without_a_project_it_is_the_emulator_with_a_private_folder_for_staging(gcloud, tmp_path):
    spec = resolve()
    assert spec.project == "local"
    assert spec.staging == f"file://{tmp_path}/state/dask-dataproc/staging"
    assert stat.S_IMODE((tmp_path / "state" / "dask-dataproc").stat().st_mode) == 0o700


def test_local_means_the_emulator_whatever_is_configured(gcloud, monkeypatch):
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "from-environment")
    assert resolve(local=True, project="from-flag").project == "local"


def test_a_project_of_the_cloud_needs_a_staging_bucket(gcloud):
    with pytest.raises(ConfigError, match=r"^staging: none given for project my-project") as refused:
        resolve(project="my-project")
    assert "--staging gs://" in refused.value.hint
    assert resolve(project="my-project", staging=BUCKET).staging == BUCKET


def test_any_field_may_stand_in_dask_config(gcloud):
    with dask.config.set({"dataproc.worker-machine": "n2-highmem-4", "dataproc.lifetime": "2h"}):
        assert (resolve().worker_machine, resolve().lifetime) == ("n2-highmem-4", 7200)
        assert resolve(worker_machine="e2-standard-4").worker_machine == "e2-standard-4"
    with dask.config.set({"dataproc.workers": "many"}), pytest.raises(SpecError, match=r"^workers: 'many' given"):
        resolve()


def test_an_unknown_field_is_refused_with_the_nearest(gcloud):
    with pytest.raises(SpecError, match="'workerz': no such field of a cluster, the nearest is workers"):
        resolve(workerz=3)


def test_each_cluster_gets_a_name_and_its_owners_label(gcloud, monkeypatch):
    monkeypatch.setenv("LOGNAME", "Ana.María")
    one, other = resolve(), resolve(labels={"team": "risk"})
    assert re.fullmatch(r"dask-ana-maria-[0-9a-f]{4}", one.name)
    assert one.name != other.name
    assert other.labels == {"owner": "ana-maria", "team": "risk"}
    assert resolve(labels={"owner": "ben"}).labels == {"owner": "ben"}


@pytest.mark.parametrize(
    ("session", "label"),
    [("/home/ana/Churn (v2).ipynb", "churn-v2"), ("etl_daily.ipynb", "etl-daily"), ("日.ipynb", None), ("", None)],
)
def test_a_cluster_of_a_notebook_says_which(session, label, gcloud, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", session)
    assert resolve().labels.get("notebook") == label


def test_resolving_twice_changes_nothing(gcloud):
    spec = resolve(workers=4, labels={"team": "risk"})
    assert resolve(spec) == spec == resolve(ClusterSpec.from_yaml(spec.to_yaml()))


def test_a_duration_setting_is_read_and_bounded(gcloud):
    assert duration("lease", LEASE_BOUNDS) == 1800
    for wrong in ("5m", "soon", float("inf"), None):
        with (
            dask.config.set({"dataproc.lease": wrong}),
            pytest.raises(ConfigError, match=re.escape(f"{wrong!r} given")),
        ):
            duration("lease", LEASE_BOUNDS)


def test_a_cluster_that_there_is_already_needs_no_staging_setting():
    assert resolve(project="my-project", create=False).staging == ""


def test_the_emulator_stages_on_this_machine_though_a_bucket_is_configured():
    with dask.config.set({"dataproc.staging": "gs://team/dask", "dataproc.project": "my-project"}):
        assert resolve(local=True).staging.startswith("file://")
        assert resolve().staging == "gs://team/dask"
        assert resolve(local=True, staging="gs://mine/dask").staging == "gs://mine/dask"
