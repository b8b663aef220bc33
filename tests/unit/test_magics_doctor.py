"""What doctor finds: judged from documents as Google's APIs answer them, asked of a real HTTP server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials

from dask_dataproc.clusters.errors import ConfigError
from dask_dataproc.clusters.spec import ClusterSpec
from dask_dataproc.magics import doctor
from dask_dataproc.magics.doctor import Finding, examine, verdict
from dask_dataproc.magics.doctor_cloud import (
    APIS,
    Cloud,
    bucket,
    cloud_checks,
    judge_apis,
    judge_quota,
    judge_subnet,
    needs,
)
from dask_dataproc.magics.doctor_local import image_python, packages

SPEC = ClusterSpec(project="p", region="europe-west1", workers=2, master_machine="e2-standard-4")
REGION = "/compute/projects/p/regions/europe-west1"
SERVICES = {"services": [{"name": f"projects/1/services/{api}", "state": "ENABLED"} for api in APIS]}
SUBNET = {"name": "default", "privateIpGoogleAccess": True, "ipCidrRange": "10.132.0.0/20"}
QUOTAS = {
    "quotas": [
        {"metric": "CPUS", "limit": 24, "usage": 2},
        {"metric": "N2_CPUS", "limit": 16, "usage": 0},
        {"metric": "SSD_TOTAL_GB", "limit": 500, "usage": 100},
    ]
}


@pytest.fixture
def answers() -> dict[str, tuple[int, dict]]:
    """What the server answers, by path."""
    return {f"{REGION}/subnetworks/default": (200, SUBNET), REGION: (200, QUOTAS), "services": (200, SERVICES)}


@pytest.fixture
def cloud(answers) -> Iterator[Cloud]:
    """A project whose APIs are served from here."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = "services" if "services:batchGet" in self.path else self.path
            status, document = answers[path]
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    yield Cloud("p", "europe-west1", f"{address}/compute", f"{address}/usage", AnonymousCredentials())
    server.shutdown()
    server.server_close()


def found(cloud: Cloud) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine(cloud_checks(SPEC, cloud))}


def test_a_project_that_has_what_it_takes_is_ok(cloud):
    findings = found(cloud)
    assert {name: finding.status for name, finding in findings.items()} == dict.fromkeys(findings, "ok")
    assert "4 of 22 CPUS, 8 of 16 N2_CPUS" in findings["quota"].text


def test_what_may_not_be_asked_is_said_not_to_be_checked(cloud, answers):
    answers[REGION] = (403, {"error": {"message": "compute.regions.get is missing"}})
    quota = found(cloud)["quota"]
    assert (quota.status, quota.text) == ("warn", "not checked: compute.regions.get is missing")
    assert "roles/compute.viewer" in quota.cure


def test_a_subnetwork_that_is_not_there_fails(cloud, answers):
    answers[f"{REGION}/subnetworks/default"] = (404, {"error": {"message": "default was not found"}})
    assert found(cloud)["network"] == Finding("network", "fail", "default was not found", found(cloud)["network"].cure)


def test_no_way_to_google_is_said_and_takes_no_longer_than_its_bound():
    nowhere = Cloud(
        "p", "europe-west1", "http://127.0.0.1:9/compute", "http://127.0.0.1:9/usage", AnonymousCredentials()
    )
    begun = time.monotonic()
    assert {found(nowhere)[name].status for name in ("apis", "network", "quota")} == {"warn"}
    assert time.monotonic() - begun < doctor.PATIENCE


def test_without_credentials_nothing_is_claimed(monkeypatch, tmp_path):
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    findings = found(Cloud("p", "europe-west1"))
    assert findings["credentials"].status == "fail"
    assert findings["credentials"].cure == "gcloud auth application-default login"
    assert [findings[name].text for name in ("apis", "network", "quota")] == ["not checked: no credentials"] * 3


def test_apis_that_are_off_are_named_with_the_command_that_turns_them_on():
    off = judge_apis("p", {"services": SERVICES["services"][1:]})
    assert (off.status, off.cure) == ("fail", "gcloud services enable dataproc.googleapis.com --project p")


def test_nodes_without_public_addresses_need_private_access():
    closed = SUBNET | {"privateIpGoogleAccess": False}
    assert "--enable-private-ip-google-access" in judge_subnet(SPEC, closed).cure
    assert judge_subnet(SPEC.replace(internal_ip_only=False), closed).status == "ok"


def test_a_quota_that_is_short_says_what_is_needed_and_left():
    short = judge_quota(SPEC.replace(workers=5), QUOTAS)
    assert short.status == "fail"
    assert short.text == "20 N2_CPUS needed, 16 left; 600 SSD_TOTAL_GB needed, 400 left"


def test_a_cluster_takes_cpus_by_family_and_disks_by_kind():
    spec = SPEC.replace(disk_type="pd-standard", secondary_workers=3)
    assert needs(spec) == {"CPUS": 4, "N2_CPUS": 20, "DISKS_TOTAL_GB": 600}


def test_staging_is_written_to_and_left_as_it_was(tmp_path):
    assert bucket(f"file://{tmp_path}").status == "ok"
    assert list(tmp_path.iterdir()) == []
    failed = bucket("nosuch://bucket/dask")
    assert (failed.status, failed.cure) == ("fail", "--staging gs://BUCKET/dask")


def test_the_installed_packages_are_those_required():
    assert packages().status == "ok", packages().text


def test_an_image_not_known_is_not_judged():
    assert image_python("9.9-debian99").status == "warn"


def test_findings_keep_the_order_of_the_checks_and_an_expected_error_is_one():
    def refuse() -> Finding:
        raise ConfigError("no bucket", "name one")

    findings = examine([("slow", lambda: (time.sleep(0.1), Finding("slow", "ok", ""))[1]), ("staging", refuse)])
    assert findings == [Finding("slow", "ok", ""), Finding("staging", "fail", "no bucket", "name one")]
    failed = verdict(findings)
    assert failed is not None
    assert (failed.message, failed.hint) == ("1 of 2 checks failed: staging", "name one")
    assert verdict(findings[:1]) is None


def test_checks_that_are_late_or_break_leave_the_others_their_findings(monkeypatch):
    monkeypatch.setattr(doctor, "PATIENCE", 0.05)
    over = threading.Event()
    late: Any = over.wait
    broken: Any = {}.popitem
    fine = Finding("fine", "ok", "as it should be")
    findings = examine([("late", late), ("later", late), ("broken", broken), ("fine", lambda: fine)])
    over.set()
    assert [each.status for each in findings] == ["warn", "warn", "warn", "ok"]
    assert findings[0].text == findings[1].text == "not checked: no answer in 0 s"
    assert findings[2].text.startswith("not checked: KeyError: ")
