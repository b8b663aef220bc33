"""The first files of an environment, with what is known here filled in and ``CHANGE-ME`` where only its owner knows."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from string import Template

from ...clusters.config import place, setting
from ...clusters.errors import ConfigError
from ...clusters.spec import LOCAL
from .compare import FILE
from .environment import OPEN
from .workflow import AIRFLOW, PYTHON, WORKFLOW, workflow_text

FILES = Path(__file__).with_name("files")
PLUGIN = "dask_dataproc_metrics.py"


def begin(folder: Path) -> Path:
    """Write ``folder``/environment.yaml, which is not there yet, and return its path.

    Raises
    ------
    ConfigError
        It is there.
    """
    path = folder / FILE
    project, region = place()
    staging = str(setting("staging") or "")
    known = {
        "project": project if project != LOCAL else "",
        "region": region,
        "bucket": staging.removeprefix("gs://").partition("/")[0] if staging.startswith("gs://") else "",
        "subnetwork": setting("subnetwork"),
        "service_account": setting("service-account"),
        "kms_key": setting("kms-key"),
        "filestore": setting("filestore"),
        "repository": setting("git-repository"),
    }
    text = Template((FILES / FILE).read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text.substitute({name: value or OPEN for name, value in known.items()}))
    except FileExistsError:
        raise ConfigError(f"{path}: is there already", f"dask dataproc composer plan {folder}") from None
    return path


def write_workflow(folder: Path, airflow: str = AIRFLOW, python: str = PYTHON, name: str = WORKFLOW) -> Path:
    """Write a GitHub workflow into the repository at ``folder``, and return its path; an earlier one is written over.

    Parameters
    ----------
    folder : Path
    airflow, python : str
        Versions of the environment.
    name : str
        `WORKFLOW`, which syncs its DAGs, or `CHECK`, which checks its notebooks and DAGs.

    Raises
    ------
    SpecError
        ``airflow`` or ``python`` is no version.
    """
    text = workflow_text((FILES / name).read_text(encoding="utf-8"), version("dask-dataproc"), airflow, python)
    path = folder / ".github" / "workflows" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_plugin(folder: Path) -> Path:
    """Write the plugin that has a Composer's runs in Cloud Monitoring into ``folder``, and return its path.

    An earlier one is written over.
    """
    path = folder / PLUGIN
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text((FILES / PLUGIN).read_text(encoding="utf-8"), encoding="utf-8")
    return path
