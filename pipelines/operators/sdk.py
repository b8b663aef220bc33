"""What Airflow 2 and 3 have at different places, under one name."""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:

    class _Deferred(BaseException): ...

    class _Airflows:
        def __init__(self, *args: Any, **kwargs: Any): ...
        def __getattr__(self, name: str) -> Any: ...
        def __enter__(self) -> Any: ...
        def __exit__(self, *error: object) -> None: ...

    TaskDeferred = _Deferred
    DAG = CronDataIntervalTimetable = ObjectStoragePath = Param = _Airflows
    AirflowException = AirflowFailException = RuntimeError
    BaseOperator: TypeAlias = Any
    BaseSensorOperator: TypeAlias = Any
    chain: Any
else:
    try:  # Airflow 3
        from airflow.sdk import DAG, BaseOperator, ObjectStoragePath, Param, chain
        from airflow.sdk.bases.sensor import BaseSensorOperator
        from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
    except ImportError:  # Airflow 2
        from airflow import DAG
        from airflow.exceptions import AirflowException, AirflowFailException, TaskDeferred
        from airflow.io.path import ObjectStoragePath
        from airflow.models.baseoperator import BaseOperator, chain
        from airflow.models.param import Param
        from airflow.sensors.base import BaseSensorOperator
    try:  # Airflow 3.2
        from airflow.sdk import CronDataIntervalTimetable
    except ImportError:
        from airflow.timetables.interval import CronDataIntervalTimetable

__all__ = [
    "DAG",
    "AirflowException",
    "AirflowFailException",
    "BaseOperator",
    "BaseSensorOperator",
    "CronDataIntervalTimetable",
    "ObjectStoragePath",
    "Param",
    "TaskDeferred",
    "chain",
]
