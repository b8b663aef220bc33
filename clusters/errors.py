"""What can go wrong, as one small tree. Each error is one line for a person, with a hint that can be pasted.

DaskDataprocError
├── SpecError            a field is out of its bounds; nothing was created
├── ConfigError          project, region, credentials or a setting are missing or wrong
├── PackageError         a package of the kernel cannot travel to the nodes; nothing was created
├── VersionMismatch      a cluster runs other versions than this kernel, and they do not understand each other
├── BudgetExceeded       what is left of a month's budget does not pay for the cluster; nothing was created
├── InputError           an input that is to be sized cannot be looked at; nothing was created
├── PriceUnknown         the price list has no price for something; the cluster can be made all the same
├── ServiceError         Dataproc refused or failed a call
│   ├── ClusterNotFound
│   ├── ClusterExists
│   ├── ClusterBusy
│   ├── JobNotFound
│   ├── PermissionDenied
│   ├── QuotaExceeded
│   ├── Stockout
│   └── Throttled
├── ClusterFailed        the cluster was created and ended in ERROR, or its scheduler never answered
├── NoDashboard          a cluster's dashboard cannot be reached from here; the cluster is as it was
├── DashboardRefused     what a dashboard is asked for, or says of itself, would lead elsewhere; nothing was passed on
├── JobFailed            a job on a cluster failed or was cancelled
├── WaitTimeout          a bounded wait ended
├── EmulatorError        the local Dataproc could not be started or answered wrongly
├── AirflowError         a running Airflow refused, failed or did not answer a call; the line says what was done before
├── SyncError            a DAG folder in a bucket could not be brought in line; the same sync again completes it
├── CheckpointError      something that cannot be kept as a checkpoint
├── QualityError         a rule of quality cannot be applied, or there is nothing to publish; nothing was published
│   └── GateClosed       data do not keep their rules: nothing was published, what was staged is left
└── NotebookError        a notebook's parameters, metadata or execution
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fit import Shortfall
    from .spec import ClusterSpec


class DaskDataprocError(Exception):
    """Base of every expected failure.

    Parameters
    ----------
    message : str
        One line: what, asked, allowed, where.
    hint : str, optional
        What to do next, as something that can be pasted.
    """

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def lines(self) -> str:
        """Return the error as a person sees it: the line and, under it, the hint."""
        head = f"{type(self).__name__}: {self.message}"
        return f"{head}\n  Try:  {self.hint}" if self.hint else head


class SpecError(DaskDataprocError, ValueError):
    """A field of the spec is unknown or out of its bounds. Raised before any call is made."""


class ConfigError(DaskDataprocError):
    """Project, region, credentials or a setting are missing. Raised before any call is made."""


class PackageError(DaskDataprocError):
    """A package of the kernel cannot travel to the nodes: exclude it, pin it, or mend it. Nothing was created."""


class VersionMismatch(DaskDataprocError):
    """A cluster runs another version of something that both sides must have alike. It is left as it was."""


class BudgetExceeded(DaskDataprocError):
    """What is left of a month's budget does not pay for the cluster, and ``hard-stop`` is set. Nothing was created."""


class InputError(DaskDataprocError):
    """An input is not there, may not be read, or is broken: the line names the file. Nothing was created."""


class PriceUnknown(DaskDataprocError, LookupError):
    """The price list has no price for something asked for. The cluster can be made all the same."""


class ServiceError(DaskDataprocError):
    """Dataproc refused or failed a call; what had been created for it has been undone."""


class ClusterNotFound(ServiceError, LookupError):
    """No cluster of that name in the project and region."""


class ClusterExists(ServiceError):
    """The name is taken by a cluster that cannot be attached to."""


class ClusterBusy(ServiceError):
    """The cluster's state does not allow the call at present: it is being changed, or it is not running."""


class JobNotFound(ServiceError, LookupError):
    """No job of that id in the project and region."""


class PermissionDenied(ServiceError, PermissionError):
    """The credentials may not make the call, or the person's role says that they are not to."""


class QuotaExceeded(ServiceError):
    """The project, or the person, has less left of a quota than is asked for: ask for less, as `up --fit` does.

    Parameters
    ----------
    message, hint : str
    shortfalls : iterable of Shortfall
        Of which quotas of the project; none where it is the person's.

    Attributes
    ----------
    fits : ClusterSpec or None
        The largest cluster that the person's class admits, where it is that which refuses.
    """

    def __init__(self, message: str, hint: str = "", shortfalls: Iterable[Shortfall] = ()):
        super().__init__(message, hint)
        self.shortfalls = tuple(shortfalls)
        self.fits: ClusterSpec | None = None


class Stockout(ServiceError):
    """A zone has no such machines at present, and neither has any of the spec's alternatives that were tried.

    Parameters
    ----------
    message, hint : str
    zone, machine : str
        Which zone, and which machine type; empty where Dataproc does not say.
    available : tuple of str or None
        The zones that have it, None where Dataproc does not say.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        zone: str = "",
        machine: str = "",
        available: tuple[str, ...] | None = None,
    ):
        super().__init__(message, hint)
        self.zone, self.machine, self.available = zone, machine, available


class Throttled(ServiceError):
    """Dataproc has said for as long as a call may take that the project calls it too often: wait, or call less."""


class ClusterFailed(DaskDataprocError):
    """The cluster ended in ERROR or its scheduler never answered; it has been deleted."""


class JobFailed(DaskDataprocError):
    """A job on a cluster failed or was cancelled; the line says what its driver said last. The cluster is as it was.

    Parameters
    ----------
    message, hint : str
    status : int
        The driver's exit status, 1 where Dataproc does not tell.
    """

    def __init__(self, message: str, hint: str = "", *, status: int = 1):
        super().__init__(message, hint)
        self.status = status


class NoDashboard(DaskDataprocError):
    """A cluster's dashboard cannot be reached from this machine. The cluster is as it was."""


class DashboardRefused(DaskDataprocError, ValueError):
    """A path, a query, a redirection or an address that is not a dashboard's own. Nothing was passed on."""


class WaitTimeout(DaskDataprocError, TimeoutError):
    """A bounded wait ended; what was being created has been undone."""


class EmulatorError(DaskDataprocError):
    """The local Dataproc did not start or did not answer."""


class AirflowError(DaskDataprocError):
    """A running Airflow refused, failed or did not answer a call. What was done before is done, and is said."""


class SyncError(DaskDataprocError):
    """A DAG folder in a bucket is somebody else's in part, or another sync is at it. Nothing foreign was touched."""


class CheckpointError(DaskDataprocError):
    """What was given cannot be kept as a checkpoint. Nothing was computed."""


class QualityError(DaskDataprocError):
    """A rule cannot be applied to the data, or there is nothing to publish. What was published before is as it was."""


class GateClosed(QualityError):
    """Data do not keep their rules. Nothing was published: staged data and the report are left to be looked at.

    Parameters
    ----------
    message, hint : str
    summaries : iterable of dict
        What `pipelines.quality.gate.check` says of each output.
    """

    def __init__(self, message: str, hint: str = "", summaries: Iterable[dict[str, Any]] = ()):
        super().__init__(message, hint)
        self.summaries = list(summaries)


class NotebookError(DaskDataprocError):
    """A notebook's parameters or metadata are wrong, or one of its cells failed."""
