"""What the last check of infra/terraform has found, as the dated text that is committed: infra/check/last.txt.

python report.py RESULT.xml      after pytest has written it, with --junitxml
"""

from __future__ import annotations

import datetime
import hashlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAST = ROOT / "infra" / "check" / "last.txt"
CHECKED = ("infra/terraform/**/*", "clusters/data/firewall.json", "clusters/data/permissions.json")
"""What the check is of; what else it compares with (figures of the package, alerts) has tests that run each time."""
HEADINGS = {
    "test_terraform": "formatted, valid, modules' own tests",
    "test_plan": "the plan of dev: private, encrypted, least",
    "test_agrees": "figures are the package's",
    "test_laws": "laws for clusters, by Google's CEL",
    "test_scan": "scans: the tree is clean, seeded mistakes are found",
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


def text(result: Path) -> str:
    """Return the text for a result that pytest has written."""
    from terraform_tree import MADE, program

    cases = list(ET.parse(result).iter("testcase"))
    failed = {case for case in cases if len(case)}
    passed = Counter(case.get("classname", "").rpartition(".")[2] for case in cases if case not in failed)
    version = subprocess.run([program(), "version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    pins = re.findall(r"^(\S+)==(\S+)$", (Path(__file__).parent / "requirements.txt").read_text(), re.M)
    schema = next((MADE / "mirror").rglob("schema.json")).parents[1].name
    (cdktf,) = re.findall(r"cdktf=(\S+)", (Path(__file__).parent / "setup.sh").read_text())
    lines = [
        "make infra-check, of infra/terraform: written by tests/terraform/report.py",
        "",
        f"date {datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        f"tree {digest(ROOT)}",
        f"by   {version}; " + "; ".join(f"{name} {pin}" for name, pin in pins),
        f"     the schema of hashicorp/google {schema}, as published in @cdktf/provider-google {cdktf}",
        "     never applied: no call of Google's has been made",
        "",
        *(f"{passed[name]:4} passed  {what}" for name, what in HEADINGS.items()),
        f"{len(failed):4} failed",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    LAST.parent.mkdir(exist_ok=True)
    LAST.write_text(text(Path(sys.argv[1])))
    print(LAST.read_text(), end="")
