"""A scan for what should not be: nothing in the tree as it is, and each seeded mistake is found and named."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from terraform_tree import DEV, checkov

pytestmark = pytest.mark.timeout(1200)  # the one scan of all seeded mistakes counts to whichever test comes first

ACCEPTED = {
    ("CKV_GCP_49", 'google_project_iam_member.composer["worker"]'): "roles/composer.worker is what Composer asks for",
    ("CKV_GCP_62", "google_storage_bucket.this"): "who read what is in Cloud Audit Logs: module monitoring",
    ("CKV_GCP_62", "google_storage_bucket.staging"): "the same",
    ("CKV_GCP_63", "google_storage_bucket.this"): "it logs nowhere, so not to itself either",
    ("CKV_GCP_63", "google_storage_bucket.staging"): "the same",
}
"""What checkov finds and is as it should be, and why; anything else fails, and so does one that it finds no more."""


def scanned(tree, plan: dict, name: str) -> set[tuple[str, str]]:
    file = tree.root / f"{name}.json"
    file.write_text(json.dumps(plan))
    found = checkov("--framework", "terraform_plan", "--file", str(file))
    return {(each["check_id"], re.sub(r"^module\.\w+\.", "", each["resource"])) for each in found}


def test_a_scan_of_the_plan_finds_nothing_that_is_not_accepted(tree, dev):
    assert scanned(tree, dev, "dev") == set(ACCEPTED)


NAME_OF_A_SECRET = re.compile(r'"projects/[\w-]+/secrets/[\w-]+"')
"""What checkov takes for one, as it stands beside the word."""


def secrets_in(root: Path) -> list[tuple[str, str]]:
    """Return the check and the file of each secret under ``root``."""
    found = []
    for each in checkov("--framework", "secrets", "--directory", str(root)):
        file = root / each["file_path"].lstrip("/")
        if not NAME_OF_A_SECRET.search(file.read_text().splitlines()[each["file_line_range"][0] - 1]):
            found.append((each["check_id"], str(file.relative_to(root))))
    return found


def test_no_secret_lies_in_the_tree(make_tree):
    assert secrets_in(make_tree().root / "infra") == []


@dataclass(frozen=True)
class Mistake:
    """One seeded mistake: what is written in which file instead of what, and who has to find it by which word."""

    file: str
    there: str
    instead: str
    by: str
    word: str


def own(module: str) -> str:
    return f"modules/{module}/main.tf"


ENCRYPTION = "  encryption {\n    default_kms_key_name = var.kms_key\n  }\n"
COMPOSER_KEY = "    encryption_config {\n      kms_key_name = var.kms_key\n    }\n"
LOGS_KEY = "  cmek_settings {\n    kms_key_name = var.kms_key\n  }\n"
GRANT = 'role    = "roles/dataproc.worker"'
SCAN, TEST, VALID = "scan", "test", "validate"
MISTAKES = {
    "a bucket without our key": Mistake(own("storage"), ENCRYPTION, "", SCAN, "CKV_DASK_1"),
    "Composer's bucket without our key": Mistake(own("composer"), ENCRYPTION, "", SCAN, "CKV_DASK_1"),
    "Composer without our key": Mistake(own("composer"), COMPOSER_KEY, "", SCAN, "CKV_DASK_2"),
    "logs without our key": Mistake(own("monitoring"), LOGS_KEY, "", SCAN, "CKV_DASK_4"),
    "a public Composer": Mistake(own("composer"), "local.generation == 3 ? true : null", "false", SCAN, "CKV_DASK_3"),
    "8786 and 8787 to the world": Mistake(
        own("network"),
        "dask-clients = { ranges = local.clients",
        'dask-clients = { ranges = ["0.0.0.0/0"]',
        SCAN,
        "CKV_DASK_5",
    ),
    "SSH to the world": Mistake(
        own("network"),
        'resource "google_compute_router" "this" {',
        'resource "google_compute_firewall" "ssh" {\n  project = var.project\n  name = "ssh"\n'
        '  network = google_compute_network.this.id\n  source_ranges = ["0.0.0.0/0"]\n'
        '  allow {\n    protocol = "tcp"\n    ports = ["22"]\n  }\n}\n\nresource "google_compute_router" "this" {',
        SCAN,
        "CKV_GCP_2",
    ),
    "a bucket that is everybody's": Mistake(
        own("storage"), "member = each.value", 'member = "allUsers"', SCAN, "CKV_DASK_6"
    ),
    "a bucket that may be public": Mistake(own("storage"), '"enforced"', '"inherited"', SCAN, "CKV_GCP_114"),
    "a bucket with rights of objects": Mistake(
        own("storage"), "uniform_bucket_level_access = true", "uniform_bucket_level_access = false", SCAN, "CKV_GCP_29"
    ),
    "nodes as editors": Mistake(own("service_accounts"), GRANT, 'role    = "roles/editor"', SCAN, "CKV_DASK_7"),
    "nodes as administrators": Mistake(
        own("service_accounts"), GRANT, 'role    = "roles/storage.admin"', SCAN, "CKV_DASK_7"
    ),
    "any account for anybody who makes clusters": Mistake(
        own("service_accounts"), GRANT, 'role    = "roles/iam.serviceAccountUser"', SCAN, "CKV_GCP_49"
    ),
    "a key of an account": Mistake(
        own("service_accounts"),
        'resource "google_project_iam_member" "runtime" {',
        'resource "google_service_account_key" "runtime" {\n'
        '  service_account_id = google_service_account.this["dataproc-runtime"].name\n}\n\n'
        'resource "google_project_iam_member" "runtime" {',
        SCAN,
        "CKV_DASK_8",
    ),
    "any workflow of GitHub's": Mistake(
        own("service_accounts"), "assertion.sub == '${local.workflow}' && ", "", SCAN, "CKV_GCP_125"
    ),
    "a machine with a public address": Mistake(
        own("network"),
        'resource "google_compute_router" "this" {',
        'resource "google_compute_instance" "bastion" {\n  project = var.project\n  zone = "us-central1-b"\n'
        '  name = "bastion"\n  machine_type = "e2-small"\n  boot_disk {}\n'
        "  network_interface {\n    network = google_compute_network.this.id\n    access_config {}\n  }\n}\n\n"
        'resource "google_compute_router" "this" {',
        SCAN,
        "CKV_GCP_40",
    ),
    "keys that never rotate": Mistake(own("kms"), '"${var.rotation_days * 86400}s"', "null", SCAN, "CKV_GCP_43"),
    "a lifecycle of a year": Mistake(
        own("storage"), "age            = var.ephemeral_days", "age            = 365", TEST, "not deleted after 7 days"
    ),
    "a lifecycle that takes the ledger": Mistake(
        own("storage"), '"${var.folder}/clusters/"', '"${var.folder}/"', TEST, "What others rely on would be deleted"
    ),
    "a law that is not enforced": Mistake(
        "modules/dataproc/constraints.tf",
        'enforce = "TRUE"',
        'enforce = "FALSE"',
        TEST,
        "A constraint is there and not enforced",
    ),
    "a password as a default": Mistake(
        "modules/monitoring/variables.tf",
        'variable "retention_days" {',
        'variable "slack_token" {\n  default = "'
        + "xoxb-"
        + "123456789012-123456789012-AbCdEfGhIjKlMnOpQrStUvWx"
        + '"\n}\n\n'
        'variable "retention_days" {',
        "secrets",
        "CKV_SECRET",
    ),
    "an attribute that there is not": Mistake(
        own("storage"), "force_destroy               = false", "forse_destroy = false", VALID, "Unsupported argument"
    ),
    "a value that there is not": Mistake(
        own("network"), '"INTERVAL_10_MIN"', '"INTERVAL_11_MIN"', VALID, "expected one of"
    ),
}


def seeded(make_tree, mistake: Mistake):
    """Return a copy of the tree with one mistake in it."""
    tree = make_tree()
    file = tree.terraform / mistake.file
    text = file.read_text()
    assert mistake.there in text, f"{mistake.file} has changed: {mistake.there!r} is not in it"
    file.write_text(text.replace(mistake.there, mistake.instead))
    return tree


def of(kind: str) -> list[str]:
    return [name for name, mistake in MISTAKES.items() if mistake.by == kind]


@pytest.fixture(scope="module")
def found(make_tree, tree, dev, tmp_path_factory) -> dict[str, set[str]]:
    """Which checks each mistake that a scan has to find fails, beyond those of the tree as it is; one scan of all."""
    folder = tmp_path_factory.mktemp("plans")
    for i, mistake in enumerate(of(SCAN)):
        wrong = seeded(make_tree, MISTAKES[mistake])
        for name in (".terraform", ".terraform.lock.hcl"):
            made = tree.terraform / DEV / name
            (shutil.copytree if made.is_dir() else shutil.copy)(made, wrong.terraform / DEV / name)
        folder.joinpath(f"{i}.json").write_text(json.dumps(wrong.plan(DEV)))
    said: dict[str, set[str]] = {name: set() for name in of(SCAN)}
    for each in checkov("--framework", "terraform_plan", "--directory", str(folder)):
        name = of(SCAN)[int(Path(each["file_path"]).stem)]
        resource = re.sub(r"^module\.\w+\.", "", each["resource"])
        if (each["check_id"], resource) not in ACCEPTED:
            said[name].add(each["check_id"])
    return said


@pytest.mark.parametrize("name", of(SCAN))
def test_a_scan_finds(found, name):
    assert MISTAKES[name].word in found[name]


@pytest.mark.parametrize("name", of(TEST))
def test_terraforms_tests_find(make_tree, name):
    mistake = MISTAKES[name]
    tree = seeded(make_tree, mistake)
    folder = str(Path(mistake.file).parent)
    tree.ready(folder)
    ran = tree.run(folder, "test", "-no-color")
    assert ran.returncode != 0
    assert mistake.word in ran.stdout + ran.stderr


@pytest.mark.parametrize("name", of(VALID))
def test_googles_schema_finds(make_tree, name):
    mistake = MISTAKES[name]
    tree = seeded(make_tree, mistake)
    folder = str(Path(mistake.file).parent)
    tree.ready(folder)
    ran = tree.run(folder, "validate", "-no-color")
    assert ran.returncode != 0
    assert mistake.word in ran.stdout + ran.stderr


@pytest.mark.parametrize("name", of("secrets"))
def test_a_scan_for_secrets_finds(make_tree, name):
    tree = seeded(make_tree, MISTAKES[name])
    ((check, file),) = secrets_in(tree.root / "infra")
    assert check.startswith(MISTAKES[name].word)
    assert file == f"terraform/{MISTAKES[name].file}"
