"""What the last check of infra/ has found, as the dated text that is committed: infra/check/last.txt.

python -m tests.infra_check RESULT.xml...      after pytest has written them, with --junitxml
"""

from __future__ import annotations

import datetime
import hashlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
LAST = ROOT / "infra" / "check" / "last.txt"
CHECKED = (
    "infra/terraform/**/*",
    "infra/ansible/**/*",
    "clusters/data/firewall.json",
    "clusters/data/permissions.json",
    "init_actions/node.yaml",
)
"""What the check is of; what else it compares with (figures of the package, alerts) has tests that run each time."""
HEADINGS = {
    "terraform.test_terraform": "formatted, valid, modules' own tests",
    "terraform.test_plan": "the plan of dev: private, encrypted, least",
    "terraform.test_agrees": "figures are the package's",
    "terraform.test_laws": "laws for clusters, by Google's CEL",
    "terraform.test_scan": "scans: the tree is clean, seeded mistakes are found",
    "ansible.test_lint": "the role: ansible-lint's strictest profile, no secrets, seeded mistakes are found",
    "ansible.test_role": "the role on Debian machines that have booted: once, again, beside the init action",
}


def digest(root: Path) -> str:
    """Return a digest of what git has, or would have, of the tree that is checked."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *(f":(glob){each}" for each in CHECKED)]
    listed = subprocess.run(listing, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()
    made = hashlib.sha256()
    for name in sorted(set(listed)):
        if (root / name).is_file():
            made.update(f"{name}\0".encode() + (root / name).read_bytes() + b"\0")
    return made.hexdigest()[:16]


def text(results: Iterable[Path]) -> str:
    """Return the text for results that pytest has written."""
    from .terraform.terraform_tree import MADE

    cases = [case for result in results for case in ET.parse(result).iter("testcase")]
    failed = {case for case in cases if len(case)}
    passed = Counter(case.get("classname", "").removeprefix("tests.") for case in cases if case not in failed)
    schema = next((MADE / "mirror").rglob("schema.json")).parents[1].name
    (cdktf,) = re.findall(r"cdktf=(\S+)", (ROOT / "tests" / "terraform" / "setup.sh").read_text())
    lines = [
        "make infra-check, of infra/terraform and infra/ansible: written by tests/infra_check.py",
        "",
        f"date {datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        f"tree {digest(ROOT)}",
        f"by   {'; '.join(tools())}",
        f"     the schema of hashicorp/google {schema}, as published in @cdktf/provider-google {cdktf}",
        "     never applied: no call of Google's has been made",
        "",
        *(f"{passed[name]:4} passed  {what}" for name, what in HEADINGS.items()),
        f"{len(failed):4} failed",
    ]
    return "\n".join(lines) + "\n"


def tools() -> list[str]:
    """Return what checked, each with its version."""
    from .terraform.terraform_tree import program

    said = subprocess.run([program(), "version"], capture_output=True, text=True, check=True).stdout
    locked = {name: (ROOT / "tests" / name / "requirements.txt").read_text() for name in ("terraform", "ansible")}
    pins = dict(re.findall(r"^(\S+)==([^\s;\\]+)", "\n".join(locked.values()), re.M))
    named = [*re.findall(r"^(\S+)==", locked["terraform"], re.M), "ansible-core", "ansible-lint", "detect-secrets"]
    return [said.split("\n")[0], *(f"{name} {pins[name]}" for name in named)]


if __name__ == "__main__":
    LAST.parent.mkdir(exist_ok=True)
    LAST.write_text(text(map(Path, sys.argv[1:])))
    print(LAST.read_text(), end="")
