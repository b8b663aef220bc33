"""Checks that checkov has none for, of resources of infra/terraform; test_scan.py seeds a mistake for each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckCategories, CheckResult
from checkov.terraform.checks.resource.base_resource_check import BaseResourceCheck

WORLD = {"0.0.0.0/0", "::/0"}
PUBLIC = {"allUsers", "allAuthenticatedUsers"}
PRIMITIVE = {"roles/owner", "roles/editor", "roles/viewer"}
BROAD = re.compile(r"roles/(iam\.(serviceAccountUser|serviceAccountTokenCreator|securityAdmin)|.*\.admin)")
"""Roles that nobody but administrators may have on a whole project."""
ADMINISTRATORS = re.compile(r"group:")


class Own(BaseResourceCheck):
    """A check by a function of a resource's attributes, which returns whether it is good."""

    def __init__(self, name: str, identifier: str, resources: list[str], good: Any) -> None:
        categories = [CheckCategories.GENERAL_SECURITY]
        super().__init__(name=name, id=identifier, categories=categories, supported_resources=resources)
        self.good = good

    def scan_resource_conf(self, conf: dict[str, Any]) -> CheckResult:
        """Return checkov's verdict."""
        return CheckResult.PASSED if self.good(conf) else CheckResult.FAILED


def values(conf: Any, name: str) -> list[Any]:
    """Return what ``name`` is, in however many lists checkov has wrapped it."""
    return list(_flat(conf.get(name))) if isinstance(conf, dict) else []


def _flat(given: Any) -> Iterator[Any]:
    if isinstance(given, list):
        for each in given:
            yield from _flat(each)
    elif given is not None:
        yield given


def bucket_encrypted(conf: dict[str, Any]) -> bool:
    return bool(values(conf, "encryption"))


def composer_encrypted(conf: dict[str, Any]) -> bool:
    return any(values(config, "encryption_config") for config in values(conf, "config"))


def composer_private(conf: dict[str, Any]) -> bool:
    configs = values(conf, "config")
    by_3 = any(True in values(config, "enable_private_environment") for config in configs)
    blocks = [block for config in configs for block in values(config, "private_environment_config")]
    return by_3 or any(True in values(block, "enable_private_endpoint") for block in blocks)


def logs_encrypted(conf: dict[str, Any]) -> bool:
    return bool(values(conf, "cmek_settings"))


def closed(conf: dict[str, Any]) -> bool:
    """Whether no way in is open to the world, at whatever port."""
    ingress = "EGRESS" not in values(conf, "direction")
    return not (ingress and values(conf, "allow") and WORLD & set(values(conf, "source_ranges")))


def of_known_people(conf: dict[str, Any]) -> bool:
    return not PUBLIC & set(values(conf, "member") + values(conf, "members"))


def least(conf: dict[str, Any]) -> bool:
    roles, members = values(conf, "role"), values(conf, "member") + values(conf, "members")
    if PRIMITIVE & set(roles):
        return False
    people = all(ADMINISTRATORS.match(str(member)) for member in members) and bool(members)
    return people or not any(BROAD.fullmatch(str(role)) for role in roles)


def no_key(_conf: dict[str, Any]) -> bool:
    return False


WIDE = [f"google_{what}_iam_{how}" for what in ("project", "folder", "organization") for how in ("member", "binding")]
NARROW = ("storage_bucket", "service_account", "kms_crypto_key", "secret_manager_secret", "billing_account")
GRANTS = WIDE + [f"google_{what}_iam_{how}" for what in NARROW for how in ("member", "binding")]
CHECKS = [
    Own("A bucket is encrypted with our key", "CKV_DASK_1", ["google_storage_bucket"], bucket_encrypted),
    Own("Composer is encrypted with our key", "CKV_DASK_2", ["google_composer_environment"], composer_encrypted),
    Own("Composer is private", "CKV_DASK_3", ["google_composer_environment"], composer_private),
    Own("Logs are encrypted with our key", "CKV_DASK_4", ["google_logging_project_bucket_config"], logs_encrypted),
    Own("No way in is open to the world", "CKV_DASK_5", ["google_compute_firewall"], closed),
    Own("Nothing is anybody's", "CKV_DASK_6", GRANTS, of_known_people),
    Own("Roles of a whole project are the least", "CKV_DASK_7", WIDE, least),
    Own("No account has a key", "CKV_DASK_8", ["google_service_account_key"], no_key),
]
