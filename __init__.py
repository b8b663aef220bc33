"""Ephemeral Dask clusters on Dataproc, from a notebook that is also the job: the whole public API, made lazily.

Importing this imports nothing else of ours or of others, because every ``%load_ext dask_dataproc`` pays for it:
a name is resolved when it is first asked for (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .clusters.checkpoint import checkpoint, forget_checkpoint, forget_checkpoints
    from .clusters.cluster import DataprocCluster
    from .clusters.errors import (
        AirflowError,
        BudgetExceeded,
        CheckpointError,
        ClusterBusy,
        ClusterExists,
        ClusterFailed,
        ClusterNotFound,
        ConfigError,
        DashboardRefused,
        DaskDataprocError,
        EmulatorError,
        GateClosed,
        InputError,
        JobFailed,
        JobNotFound,
        NoDashboard,
        NotebookError,
        PackageError,
        PermissionDenied,
        PriceUnknown,
        QualityError,
        QuotaExceeded,
        ServiceError,
        SpecError,
        Stockout,
        SyncError,
        Throttled,
        VersionMismatch,
        WaitTimeout,
    )
    from .clusters.spec import ClusterSpec
    from .magics.ext import load_ipython_extension, unload_ipython_extension
    from .pipelines.runner import DaskRunner

    __version__: str

__all__ = [
    "DataprocCluster",
    "ClusterSpec",
    "DaskRunner",
    "checkpoint",
    "forget_checkpoint",
    "forget_checkpoints",
    "load_ipython_extension",
    "unload_ipython_extension",
    "DaskDataprocError",
    "SpecError",
    "ConfigError",
    "PackageError",
    "VersionMismatch",
    "BudgetExceeded",
    "InputError",
    "PriceUnknown",
    "ServiceError",
    "ClusterNotFound",
    "ClusterExists",
    "ClusterBusy",
    "JobNotFound",
    "PermissionDenied",
    "QuotaExceeded",
    "Stockout",
    "Throttled",
    "ClusterFailed",
    "JobFailed",
    "NoDashboard",
    "DashboardRefused",
    "WaitTimeout",
    "EmulatorError",
    "AirflowError",
    "SyncError",
    "CheckpointError",
    "QualityError",
    "GateClosed",
    "NotebookError",
]

_HOMES = {
    "DataprocCluster": ".clusters.cluster",
    "ClusterSpec": ".clusters.spec",
    "DaskRunner": ".pipelines.runner",
    "checkpoint": ".clusters.checkpoint",
    "forget_checkpoint": ".clusters.checkpoint",
    "forget_checkpoints": ".clusters.checkpoint",
    "load_ipython_extension": ".magics.ext",
    "unload_ipython_extension": ".magics.ext",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value = import_module("importlib.metadata").version("dask-dataproc")
    elif name in __all__:
        value = getattr(import_module(_HOMES.get(name, ".clusters.errors"), __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])
