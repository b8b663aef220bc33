"""A trained model on its way: held against thresholds and the champion, then registered with MLflow, once a run."""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ...clusters.errors import SpecError
from .naming import Names
from .registry import CONNECTION, VARIABLE, Registry, place_of
from .sdk import AirflowException, AirflowFailException, BaseOperator, ObjectStoragePath
from .thresholds import missed, read_metrics, read_thresholds, worse

RUNS = "runs:/"
MODELS = "models:/"
METRICS = "metrics.json"


class _ModelOperator(BaseOperator):
    """What both know of a model: where it is, which run of MLflow it is of, and which server."""

    def __init__(
        self,
        *,
        model_path: str,
        mlflow_run_id: str = "",
        tracking_uri: str = "",
        mlflow_conn_id: str = CONNECTION,
        gcp_conn_id: str = "google_cloud_default",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.model_path, self.mlflow_run_id = model_path, mlflow_run_id
        self.tracking_uri, self.mlflow_conn_id, self.gcp_conn_id = tracking_uri, mlflow_conn_id, gcp_conn_id
        self.tracking_variable = f"{{{{ var.value.get('{VARIABLE}', '') }}}}"

    @property
    def registry(self) -> Registry:
        """The MLflow server."""
        return place_of(self.tracking_uri, connection_of(self.mlflow_conn_id), self.tracking_variable)

    @property
    def run_id(self) -> str:
        """The run of MLflow that made the model, empty where none is known."""
        if self.mlflow_run_id or not self.model_path.startswith(RUNS):
            return self.mlflow_run_id
        return self.model_path.removeprefix(RUNS).partition("/")[0]


def connection_of(conn_id: str) -> Any:
    """Return one of Airflow's connections, None where there is none of that name."""
    try:
        from airflow.sdk import Connection  # Airflow 3
        from airflow.sdk.exceptions import AirflowNotFoundException
    except ImportError:
        from airflow.exceptions import AirflowNotFoundException
        from airflow.hooks.base import BaseHook

        get = BaseHook.get_connection
    else:
        get = Connection.get
    try:
        return get(conn_id)
    except AirflowNotFoundException:
        return None


class MLModelValidationOperator(_ModelOperator):
    """Fail unless a model is good enough; its metrics are the task's XCom.

    Parameters
    ----------
    model_path : str
        ``runs:/RUN/model`` or ``models:/NAME/VERSION``, whose metrics MLflow has; or a folder with a ``metrics.json``.
    validation_metrics : sequence of str
        Metrics that must be there.
    threshold_config : mapping
        Metric to a number, which is a bound below, or to ``{"min": …, "max": …}``.
    not_worse_than_champion : bool
        Each of ``threshold_config`` must be as good as that of the registered version ``champion_alias``; no champion,
        no comparison.
    model_name : str
        Of the champion.
    champion_alias : str
    mlflow_run_id : str
        The run of MLflow that has the metrics, where ``model_path`` does not say it.
    tracking_uri, mlflow_conn_id : str
        The MLflow server: its URL, else the connection, else the variable ``mlflow_tracking_uri``, else
        MLFLOW_TRACKING_URI.
    gcp_conn_id : str
        Reads ``gs://``.
    """

    template_fields = (
        "model_path",
        "mlflow_run_id",
        "tracking_uri",
        "tracking_variable",
        "validation_metrics",
        "threshold_config",
        "model_name",
        "champion_alias",
    )
    ui_color = "#cfe8d5"

    def __init__(
        self,
        *,
        model_path: str,
        validation_metrics: Sequence[str] = (),
        threshold_config: Mapping[str, Any] | None = None,
        not_worse_than_champion: bool = False,
        model_name: str = "",
        champion_alias: str = "champion",
        **kwargs: Any,
    ):
        super().__init__(model_path=model_path, **kwargs)
        self.validation_metrics, self.threshold_config = list(validation_metrics), dict(threshold_config or {})
        self.not_worse_than_champion = not_worse_than_champion
        self.model_name, self.champion_alias = model_name, champion_alias
        if not_worse_than_champion and not (model_name and threshold_config):
            raise AirflowException("not_worse_than_champion needs model_name and threshold_config")

    def execute(self, context: Any) -> dict[str, float]:
        """Return the metrics, if they are good enough."""
        try:
            thresholds = read_thresholds(self.threshold_config)
            metrics = self._metrics()
        except SpecError as error:
            raise AirflowFailException(error.lines()) from error
        wrong = missed(metrics, self.validation_metrics, thresholds)
        if self.not_worse_than_champion:
            wrong += worse(metrics, self._champion(), thresholds)
        if wrong:
            raise AirflowFailException(f"model {self.model_path} is not good enough: {'; '.join(wrong)}")
        self.log.info("Model %s is good enough: %s", self.model_path, metrics)
        return metrics

    def _metrics(self) -> dict[str, Any]:
        if self.run_id:
            return self.registry.metrics(self.run_id)
        if self.model_path.startswith(MODELS):
            name, _, version = self.model_path.removeprefix(MODELS).partition("/")
            return self.registry.metrics(self.registry.version(name, version)["run_id"])
        where = f"{self.model_path.rstrip('/')}/{METRICS}"
        url = where if "://" in where else f"file://{where}"
        path = ObjectStoragePath(url, conn_id=None if url.startswith("file:") else self.gcp_conn_id)
        try:
            return read_metrics(json.loads(path.read_text()), where)
        except FileNotFoundError as error:
            hint = "mlflow_run_id=…, or model_path='runs:/RUN/model'"
            raise SpecError(f"{where}: not there, and no run of MLflow is known", hint) from error
        except ValueError as error:
            raise SpecError(f"{where}: not JSON: {error}") from error

    def _champion(self) -> dict[str, float]:
        registry = self.registry
        version = registry.aliased(self.model_name, self.champion_alias)
        if version is None or not version.get("run_id"):
            self.log.info("%s has no version %s with a run to compare with", self.model_name, self.champion_alias)
            return {}
        self.log.info("Compared with version %s, the %s", version["version"], self.champion_alias)
        return registry.metrics(version["run_id"])


class MLModelRegistryOperator(_ModelOperator):
    """Register a model with MLflow; a retry, or the run done again, finds the version it has.

    The task's XCom is ``{"name", "version", "source", "url"}``.

    Parameters
    ----------
    model_name : str
    model_path : str
        ``runs:/RUN/model``, or a URL that MLflow's clients can load.
    model_version : str
        The team's own name for the version, as the tag ``model_version``; MLflow counts its versions itself.
    metadata : mapping
        Tags of the version; what is no text becomes JSON.
    alias : str
        Names this version from now on, and no other; empty for none.
    mlflow_run_id, tracking_uri, mlflow_conn_id
        As `MLModelValidationOperator` has them.
    """

    template_fields = (
        "model_path",
        "mlflow_run_id",
        "tracking_uri",
        "tracking_variable",
        "model_name",
        "model_version",
        "metadata",
        "alias",
    )
    ui_color = "#cfe8d5"

    def __init__(
        self,
        *,
        model_name: str,
        model_path: str,
        model_version: str = "",
        metadata: Mapping[str, Any] | None = None,
        alias: str = "",
        **kwargs: Any,
    ):
        super().__init__(model_path=model_path, **kwargs)
        self.model_name, self.model_version, self.alias = model_name, model_version, alias
        self.metadata = dict(metadata or {})

    def execute(self, context: Any) -> dict[str, str]:
        """Return the version."""
        ti, registry = context["ti"], self.registry
        names = Names(ti.dag_id, ti.run_id, ti.task_id, getattr(ti, "map_index", -1), ti.try_number)
        source = self._source(registry)
        tags = {str(k): v if isinstance(v, str) else json.dumps(v) for k, v in self.metadata.items()}
        tags |= {"model_version": self.model_version} if self.model_version else {}
        version = registry.register(self.model_name, source, self.run_id, tags, names.mark)
        registry.tag(self.model_name, version, tags)
        if self.alias:
            registry.alias(self.model_name, self.alias, version)
        url = registry.page(self.model_name, version)
        self.log.info("%s is version %s of %s: %s", source, version, self.model_name, url)
        return {"name": self.model_name, "version": version, "source": source, "url": url}

    def _source(self, registry: Registry) -> str:
        """Return where the model's files are."""
        if not self.model_path.startswith(RUNS):
            return self.model_path
        inside = self.model_path.removeprefix(RUNS).partition("/")[2]
        return f"{registry.run(self.run_id)['info']['artifact_uri'].rstrip('/')}/{inside}"
