"""What ``doctor`` checks in a project of Google Cloud: credentials, APIs, network, quota, staging bucket.

Each check asks one question over HTTPS, with a bound, and leaves the judgement to a pure function of the answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from ..clusters.machines import known_type
from ..clusters.spec import ClusterSpec
from .doctor import Check, Finding

TIMEOUT = 8.0
"""Seconds for one question."""
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
APIS = ("dataproc.googleapis.com", "compute.googleapis.com", "storage.googleapis.com")
COMPUTE = "https://compute.googleapis.com/compute/v1"
USAGE = "https://serviceusage.googleapis.com/v1"
LOGIN = "gcloud auth application-default login"


@dataclass
class Cloud:
    """Questions to Google Cloud with the caller's own credentials.

    Attributes
    ----------
    project, region : str
    compute, usage : str
        Addresses of the two services.
    """

    project: str
    region: str
    compute: str = COMPUTE
    usage: str = USAGE
    credentials: Any = field(default=None, repr=False)

    @cached_property
    def session(self) -> Any:
        """An HTTP session that signs in."""
        import google.auth
        from google.auth.transport.requests import AuthorizedSession

        return AuthorizedSession(self.credentials or google.auth.default(scopes=[SCOPE])[0])

    def ask(self, address: str) -> tuple[int, dict[str, Any]]:
        """Return status and document of ``address``."""
        answer = self.session.get(address, timeout=TIMEOUT, max_allowed_time=TIMEOUT)
        return answer.status_code, answer.json()


def cloud_checks(spec: ClusterSpec, cloud: Cloud) -> list[tuple[str, Check]]:
    """Return the checks of a project in the cloud for clusters like ``spec``."""
    services = "&".join(f"names=projects/{cloud.project}/services/{api}" for api in APIS)
    apis = f"{cloud.usage}/projects/{cloud.project}/services:batchGet?{services}"
    region = f"{cloud.compute}/projects/{cloud.project}/regions/{cloud.region}"
    subnet = (spec.subnetwork or spec.network or "default").rpartition("/")[2]
    return [
        ("credentials", partial(credentials, cloud)),
        ("apis", partial(_signed_in, cloud, "apis", apis, partial(judge_apis, cloud.project))),
        (
            "network",
            partial(_signed_in, cloud, "network", f"{region}/subnetworks/{subnet}", partial(judge_subnet, spec)),
        ),
        ("quota", partial(_signed_in, cloud, "quota", region, partial(judge_quota, spec))),
    ]


def credentials(cloud: Cloud) -> Finding:
    """Look for the caller's credentials."""
    import google.auth.exceptions

    try:
        who = getattr(cloud.session.credentials, "service_account_email", "") or "application default credentials"
    except google.auth.exceptions.DefaultCredentialsError:
        return Finding("credentials", "fail", "none found", LOGIN)
    return Finding("credentials", "ok", who)


def judge_apis(project: str, document: Mapping[str, Any]) -> Finding:
    """Judge the answer of Service Usage: which of the services are enabled."""
    states = {service["name"].rpartition("/")[2]: service.get("state") for service in document.get("services", ())}
    off = [api for api in APIS if states.get(api) != "ENABLED"]
    if off:
        return Finding(
            "apis",
            "fail",
            f"not enabled: {', '.join(off)}",
            f"gcloud services enable {' '.join(off)} --project {project}",
        )
    return Finding("apis", "ok", f"{', '.join(api.partition('.')[0] for api in APIS)} are enabled")


def judge_subnet(spec: ClusterSpec, document: Mapping[str, Any]) -> Finding:
    """Judge a subnetwork: nodes without public addresses reach Google's APIs only by private access."""
    name = document.get("name", "")
    if spec.internal_ip_only and not document.get("privateIpGoogleAccess"):
        cure = f"gcloud compute networks subnets update {name} --region {spec.region} --enable-private-ip-google-access"
        return Finding(
            "network", "fail", f"subnetwork {name} has no Private Google Access, the nodes have no public address", cure
        )
    return Finding("network", "ok", f"subnetwork {name} {document.get('ipCidrRange', '')}".rstrip())


def judge_quota(spec: ClusterSpec, document: Mapping[str, Any]) -> Finding:
    """Compare what is left of the region's quotas with what a cluster like ``spec`` takes."""
    left = {quota["metric"]: quota["limit"] - quota["usage"] for quota in document.get("quotas", ())}
    short = [
        f"{n:g} {metric} needed, {left[metric]:g} left" for metric, n in needs(spec).items() if left.get(metric, n) < n
    ]
    if short:
        return Finding("quota", "fail", "; ".join(short), "fewer --workers, another --region, or ask for more quota")
    told = ", ".join(f"{n:g} of {left[metric]:g} {metric}" for metric, n in needs(spec).items() if metric in left)
    return Finding(
        "quota", "ok", f"a cluster takes {told}" if told else "the region lists none of what a cluster takes"
    )


def needs(spec: ClusterSpec) -> dict[str, float]:
    """Return what a cluster like ``spec`` takes of Compute Engine's regional quotas, by metric."""
    taken: dict[str, float] = {}
    workers = spec.workers + spec.secondary_workers
    for machine, count in ((spec.master_machine, 1), (spec.worker_machine, workers)):
        kind = known_type(machine)
        if kind is not None:
            metric = "CPUS" if kind.family in ("n1", "e2") else f"{kind.family.upper()}_CPUS"
            taken[metric] = taken.get(metric, 0) + count * kind.vcpus
    disks = "DISKS_TOTAL_GB" if spec.disk_type == "pd-standard" else "SSD_TOTAL_GB"
    taken[disks] = spec.master_disk_gb + workers * spec.worker_disk_gb
    return taken


def bucket(staging: str) -> Finding:
    """Write a file where nodes and kernel meet, and remove it."""
    import fsspec

    probe = f"{staging.rstrip('/')}/doctor-{uuid.uuid4().hex}"
    try:
        filesystem, path = fsspec.core.url_to_fs(probe)
        filesystem.pipe_file(path, b"")
        filesystem.rm_file(path)
    except Exception as error:  # every store of fsspec has its own errors
        return Finding(
            "staging", "fail", f"{staging} cannot be written to: {_line(error)}", "--staging gs://BUCKET/dask"
        )
    return Finding("staging", "ok", f"{staging} can be written to")


def _signed_in(cloud: Cloud, check: str, address: str, judge: Any) -> Finding:
    """Ask for the document at ``address`` and judge it; say honestly if it could not be asked for."""
    import google.auth.exceptions
    import requests

    try:
        status, document = cloud.ask(address)
    except google.auth.exceptions.DefaultCredentialsError:
        return Finding(check, "warn", "not checked: no credentials", LOGIN)
    except (google.auth.exceptions.GoogleAuthError, requests.RequestException, ValueError) as error:
        return Finding(check, "warn", f"not checked: {_line(error)}", "is there a way to googleapis.com from here?")
    if status == 200:
        return judge(document)
    said = document.get("error", {}).get("message", f"HTTP status {status}")
    kind = "warn" if status == 403 else "fail"
    return Finding(
        check,
        kind,
        f"not checked: {said}" if kind == "warn" else said,
        "ask for roles/dataproc.editor and roles/compute.viewer",
    )


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
