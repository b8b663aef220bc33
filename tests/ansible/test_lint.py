"""The role and the workflows as those read them who look for mistakes: ansible-lint, and a scanner for secrets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLAYBOOKS, TOOLS = ROOT / "infra" / "ansible", ROOT / "build" / "ansible" / "bin"
WORKFLOWS = ROOT / "pipelines" / "composer" / "files"
KEY = "-----BEGIN {} PRIVATE KEY-----\nMIIBVgIBADANBgkqhkiG9w0BAQEFAASCAUAwggE8AgEAAkEA\n".format("RSA")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What is scanned, as it could be changed, with what the role reads of the package."""
    if not (TOOLS.parent / ".installed").exists():
        pytest.fail("Ansible is not installed: bash tests/ansible/setup.sh", pytrace=False)
    shutil.copytree(PLAYBOOKS, tmp_path / "infra" / "ansible", symlinks=True)
    shutil.copytree(WORKFLOWS, tmp_path / "workflows")
    (tmp_path / "init_actions").mkdir()
    shutil.copy(ROOT / "init_actions" / "node.yaml", tmp_path / "init_actions")
    return tmp_path


def run(copy: Path, *command: str, where: str = ".") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}", "HOME": str(copy / "home")}
    environment |= {"ANSIBLE_HOME": str(copy / "home" / "ansible"), "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        command, cwd=copy / where, env=environment, capture_output=True, text=True, timeout=200, check=False
    )


def linted(copy: Path) -> subprocess.CompletedProcess[str]:
    return run(copy, "ansible-lint", "--nocolor", where="infra/ansible")


def test_ansible_lint_has_nothing_to_say_in_its_strictest_profile(copy):
    checked = linted(copy)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Profile 'production' was required, and it passed" in checked.stderr


def test_mistakes_in_the_role_are_found(copy):
    role = copy / "infra" / "ansible" / "roles" / "dask-config"
    seeds = {
        "tasks/dask.yml": ('    mode: "0644"\n', "", "risky-file-permissions"),
        "tasks/accounts.yml": ("ansible.builtin.group:", "group:", "fqcn"),
        "tasks/environment.yml": ("  changed_when: false\n", "", "no-changed-when"),
        "tasks/scratch.yml": ("- name: Make", "- name: make", "name[casing]"),
    }
    for name, (right, wrong, _) in seeds.items():
        text = (role / name).read_text()
        assert right in text
        (role / name).write_text(text.replace(right, wrong))
    checked = linted(copy)
    assert checked.returncode == 2
    assert [rule for _, _, rule in seeds.values() if rule not in checked.stdout + checked.stderr] == []


def secrets(copy: Path) -> dict[str, set[str]]:
    """The kinds of secrets found, by file."""
    ran = run(copy, "detect-secrets", "scan", "--all-files", "--no-verify", "infra", "workflows")
    assert ran.returncode == 0, ran.stderr
    return {name: {each["type"] for each in found} for name, found in json.loads(ran.stdout)["results"].items()}


def test_no_secret_stands_in_the_role_its_inventory_or_a_workflow(copy):
    assert secrets(copy) == {}


def test_a_secret_that_is_put_there_is_found(copy):
    seeds = {
        "infra/ansible/inventory.example.yml": "    smtp_password: tr0ub4dor-and-3\n",
        "infra/ansible/roles/dask-config/files/key": KEY,
        "workflows/sync-to-composer.yml": f"# {KEY}",
        "workflows/check-notebooks.yml": f"env:\n  TOKEN: ghp_{'A1b2C3d4E5f6' * 3}\n",
    }
    for name, text in seeds.items():
        (copy / name).parent.mkdir(exist_ok=True)
        with (copy / name).open("a") as file:
            file.write(text)
    assert set(secrets(copy)) == set(seeds)
