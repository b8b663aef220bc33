"""Operators of Airflow that run Dask on clusters of their own, for DAGs written by hand and by the templates.

Lives here: EphemeralDataprocDaskOperator, DaskDataQualityOperator, the two of models, and the DAGs made of them. They
are imported by Airflow, beside whose DAGs this package is unpacked without its dependencies.

May not: import anything at module level but the standard library, Airflow with its Google provider, and pure modules of
ours; dask, distributed and pandas are not there.
"""

from importlib import import_module
from typing import Any

HOMES = {
    "EphemeralDataprocDaskOperator": ".ephemeral",
    "DeleteDaskClusterOperator": ".teardown",
    "DaskDataQualityOperator": ".gate",
    "MLModelValidationOperator": ".models",
    "MLModelRegistryOperator": ".models",
    "create_etl_dag": ".dags",
    "create_ml_training_dag": ".dags",
    "create_dynamic_etl_dag": ".patterns",
    "create_batch_etl_dag": ".patterns",
    "create_real_time_dag": ".patterns",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *HOMES])
