"""Random fault schedules over working sessions: how each ends, and that after one lease nothing is left of any.

``python benchmarks/fault_schedules.py [--schedules 200] [--json FILE]``. The sessions are those of
`tests/chaos/schedules.py`, by seed, and `tests/chaos/test_random_faults.py` judges them: this counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TEST = "tests/chaos/test_random_faults.py"
LAST = 1500
"""Characters of a failed run that are shown."""


def main() -> None:
    """Run the sessions and print what came of them; status 1 if anything was left."""
    given = arguments()
    command = [sys.executable, "-m", "pytest", "-q", "-s", TEST, "--schedules", str(given.schedules)]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    sessions, other = [], ""
    for line in run.stdout or ():
        if line.startswith('{"seed"'):
            sessions.append(json.loads(line))
            print(f"{len(sessions)} of {given.schedules}", file=sys.stderr)
            if given.json:
                given.json.write_text(json.dumps(sessions, indent=1))
        else:
            other += line
    print("\n".join(report(sessions)) if sessions else "")
    print("After one lease: nothing is left" if run.wait() == 0 else f"FAILED\n{other[-LAST:]}")
    sys.exit(run.returncode)


def report(sessions: Sequence[dict[str, Any]]) -> list[str]:
    """Return what is worth saying of ``sessions``."""
    seconds = [each["seconds"] for each in sessions]
    faults = Counter(fault["kind"] for each in sessions for fault in each["faults"])
    endings = Counter(each["ended"].partition(":")[0] for each in sessions)
    p95 = quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]
    return [
        f"{len(sessions)} sessions, {faults.total()} faults: {_counted(faults)}",
        f"seconds a session: median {median(seconds):.1f}, p95 {p95:.1f}, longest {max(seconds):.1f}",
        f"they ended: {_counted(endings)}",
    ]


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counter.most_common())


def arguments() -> argparse.Namespace:
    """Return what was typed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--schedules", type=int, default=200, help="how many")
    parser.add_argument("--json", type=Path, help="where each session is written down")
    return parser.parse_args()


if __name__ == "__main__":
    main()
