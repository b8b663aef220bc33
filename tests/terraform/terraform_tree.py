"""Terraform in a copy of infra/terraform, what a plan holds, and what checkov and Google's CEL say of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MADE = ROOT / "build" / "terraform"
PARTS = ("infra/terraform", "infra/monitoring", "clusters/data", "pipelines/composer/files")
"""What Terraform reads of the repository."""
DEV = "environments/dev"
TIME = 180
"""Seconds that any one program may take."""
CLUSTERS = {
    "project": "my-project-1",
    "region": "us-central1",
    "organization": "123456789012",
    "service_account": "sa-dataproc-runtime@my-project-1.iam.gserviceaccount.com",
    "subnetwork": "subnet-dataproc",
    "tag": "dataproc-cluster",
    "kms_key": "projects/my-project-1/locations/us-central1/keyRings/sec-core/cryptoKeys/dataproc-cmek",
}
"""What module dataproc is given where it is looked at alone."""


def program() -> str:
    """Return Terraform's path, or OpenTofu's."""
    return shutil.which("terraform") or str(MADE / "tofu")


@dataclass(frozen=True)
class Tree:
    """A copy of infra/terraform, with what it reads beside it, in which Terraform may write."""

    root: Path

    @property
    def terraform(self) -> Path:
        """The copy of infra/terraform."""
        return self.root / "infra" / "terraform"

    def run(self, folder: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run Terraform in ``folder`` of infra/terraform."""
        own = {"TF_CLI_CONFIG_FILE": str(MADE / "terraform.rc"), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "GOOGLE_"))}
        return subprocess.run(
            [program(), f"-chdir={self.terraform / folder}", *words],
            env=clean | own,
            capture_output=True,
            text=True,
            timeout=TIME,
        )

    def done(self, folder: str, *words: str) -> str:
        """Return what Terraform prints, which is to succeed."""
        ran = self.run(folder, *words)
        assert ran.returncode == 0, f"{' '.join(words)} in {folder}:\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def ready(self, folder: str) -> None:
        """Have ``folder`` initialised, if it is not."""
        if not (self.terraform / folder / ".terraform").exists():
            self.done(folder, "init", "-backend=false" if folder != DEV else "-reconfigure", "-no-color")

    def plan(self, folder: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the plan of ``folder`` as JSON, with ``variables``."""
        self.ready(folder)
        given = self.terraform / folder / "given.json"
        given.write_text(json.dumps(dict(variables or {})))
        words = ["-refresh=false", "-input=false", "-no-color", "-out=planned", f"-var-file={given}"]
        self.done(folder, "plan", *words)
        return json.loads(self.done(folder, "show", "-json", "planned"))


def outputs(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs of a plan that are known."""
    return {name: each["value"] for name, each in plan["planned_values"]["outputs"].items() if "value" in each}


def resources(plan: Mapping[str, Any], kind: str = "") -> dict[str, dict[str, Any]]:
    """Return the values of a plan's resources by their addresses, of one kind or all."""
    found: dict[str, dict[str, Any]] = {}

    def walk(module: Mapping[str, Any]) -> None:
        for each in module.get("resources", []):
            if each["mode"] == "managed" and kind in ("", each["type"]):
                found[each["address"]] = each["values"]
        for child in module.get("child_modules", []):
            walk(child)

    walk(plan["planned_values"]["root_module"])
    return found


def copy_tree(into: Path) -> Tree:
    """Return a copy of the tree under ``into``, whose state stays there."""
    for part in PARTS:
        if (ROOT / part).exists():
            shutil.copytree(
                ROOT / part, into / part, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "terraform.tfvars")
            )
    tree = Tree(into)
    dev = tree.terraform / DEV
    shutil.copy(dev / "terraform.tfvars.example", dev / "terraform.tfvars")
    (dev / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    return tree


def checkov(*words: str) -> list[dict[str, Any]]:
    """Return what checkov finds, with our own checks: each with ``check_id``, ``resource`` and ``file_path``."""
    command = [str(MADE / "venv" / "bin" / "checkov"), "--external-checks-dir", str(HERE / "checks")]
    command += ["--skip-download", "--quiet", "--compact", "--output", "json", "--soft-fail", *words]
    environment = os.environ | {"CHECKOV_RUN_SCA_PACKAGE_SCAN_V2": "false"}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=TIME, env=environment)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = json.loads(ran.stdout)
    reports = said if isinstance(said, list) else [said]
    return [found for report in reports for found in report.get("results", {}).get("failed_checks", [])]


def refused(constraints: Mapping[str, Any], clusters: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return which constraints refuse which clusters, by Google's CEL (laws.py)."""
    ran = subprocess.run(
        [str(MADE / "venv" / "bin" / "python"), str(HERE / "laws.py")],
        input=json.dumps({"constraints": constraints, "clusters": clusters}),
        capture_output=True,
        text=True,
        timeout=TIME,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout)
