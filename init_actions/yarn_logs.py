"""What containers wrote, as YARN has kept it: read by Hadoop's own ``yarn logs``, which knows every layout and store.

skein's own reader knows the layout of Hadoop 2 only.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection

from .yarn_errors import YarnError

TIMEOUT = 120.0
"""Seconds that ``yarn logs`` may take."""
_FILE = re.compile(
    r"^Container: (?P<container>\S+) on [^\n]*\n(?:(?!Container: |LogType:)[^\n]*\n)*"
    r"LogType:(?P<name>[^\n]*)\n(?:(?!LogContents:)[^\n]*\n)*LogContents:\n(?P<text>.*?)\n?^End of LogType:(?P=name)",
    re.MULTILINE | re.DOTALL,
)


def container_logs(app_id: str) -> dict[str, dict[str, str]]:
    """Return each container's files of an application, running or ended: ``{container id: {file: text}}``.

    Raises
    ------
    YarnError
        YARN has none, or none yet: it collects them when the application has ended.
    """
    try:
        command = ["yarn", "logs", "-applicationId", app_id]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False, errors="replace")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise YarnError(f"logs of {app_id}: {error}", "`yarn logs` has to be on PATH.") from error
    found = parse(ran.stdout)
    if not found:
        last = (ran.stdout + ran.stderr).strip().splitlines()[-1:] or ["nothing was written"]
        raise YarnError(f"logs of {app_id}: {last[0]}", "They are kept if yarn.log-aggregation-enable is true.")
    return found


def service_logs(app_id: str, services: Collection[str]) -> dict[str, str]:
    """Return the logs of skein's ``services``, by service and container."""
    return {
        f"{service} {container}": files[f"{service}.log"]
        for container, files in container_logs(app_id).items()
        for service in services
        if f"{service}.log" in files
    }


def parse(text: str) -> dict[str, dict[str, str]]:
    """Return the files in what ``yarn logs`` prints."""
    found: dict[str, dict[str, str]] = {}
    for match in _FILE.finditer(text):
        found.setdefault(match["container"], {})[match["name"].strip()] = match["text"]
    return found
