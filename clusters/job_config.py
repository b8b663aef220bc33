"""A job of one function as the message that Dataproc's SubmitJob takes, in plain values; and as gcloud's line. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .dataproc_config import JOB_FILE, MARK
from .errors import SpecError

ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*", re.ASCII)
RUNNERS = ("job_module", "job_function", "git_repo", "git_ref", "git_secret")
"""What the job runner takes for itself: no argument of a function may have such a name."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A function to run as a job.

    Attributes
    ----------
    module, function : str
        Importable on the master: of its packages, of ``git_repo``, or of the file of ``files``.
    arguments : mapping of str to str
        By name, as on a command line; `as_text` makes a value such a text.
    git_repo, git_ref, git_secret : str
        A repository to check out first, at what commit, and Secret Manager's name of its key.
    files : tuple of str
        URLs of Python files that the job can import.
    """

    module: str
    function: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    git_repo: str = ""
    git_ref: str = ""
    git_secret: str = ""
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, given in (("job_module", self.module), ("job_function", self.function)):
            if not NAME.fullmatch(given):
                raise SpecError(
                    f"{name}: {given!r} given, allowed is a Python name", f"--{name.replace('_', '-')} NAME"
                )
        for name in self.arguments:
            if name in RUNNERS or not NAME.fullmatch(name) or "." in name:
                allowed = f"a Python name other than {', '.join(RUNNERS)}"
                raise SpecError(f"arguments: {name!r} given, allowed is {allowed}", "--set day=2026-01-31")
        if not self.git_repo and (self.git_ref or self.git_secret):
            raise SpecError("git_repo: none given, git_ref and git_secret are of one", "--git-repo URL")

    def with_file(self, url: str) -> JobSpec:
        """Return the same with one more file."""
        return replace(self, files=(*self.files, url))

    def words(self) -> list[str]:
        """Return the arguments of the job runner."""
        own = {"job-module": self.module, "job-function": self.function}
        own |= {"git-repo": self.git_repo, "git-ref": self.git_ref, "git-secret": self.git_secret}
        given = {name.replace("_", "-"): value for name, value in self.arguments.items()}
        return [word for name, value in own.items() if value for word in (f"--{name}", value)] + [
            word for name, value in given.items() for word in (f"--{name}", value)
        ]


def job_message(spec: JobSpec, cluster: str, owner: str, job_id: str) -> dict[str, Any]:
    """Return the job as a Job of the v1 API.

    Raises
    ------
    SpecError
        The id is none that Dataproc takes.
    """
    if not ID.fullmatch(job_id):
        raise SpecError(f"job_id: {job_id!r} given, allowed are 1 to 100 of a-z, A-Z, 0-9, _ and -", "--id etl-1")
    return {
        "reference": {"job_id": job_id},
        "placement": {"cluster_name": cluster},
        "labels": {MARK: "job", "owner": owner},
        "pyspark_job": {
            "main_python_file_uri": JOB_FILE,
            "python_file_uris": list(spec.files),
            "args": spec.words(),
        },
    }


def gcloud_line(spec: JobSpec, cluster: str, project: str, region: str) -> str:
    """Return the shell's line that submits the same job with gcloud."""
    words = ["gcloud", "dataproc", "jobs", "submit", "pyspark", JOB_FILE]
    words += [f"--cluster={cluster}", f"--project={project}", f"--region={region}"]
    words += [f"--py-files={','.join(spec.files)}"] if spec.files else []
    return shlex.join([*words, "--", *spec.words()])


def as_text(name: str, value: Any) -> str:
    """Return ``value`` as the job runner reads it back, whatever the function says of its type.

    Raises
    ------
    SpecError
        JSON has no such value.
    """
    if isinstance(value, str) and not _is_json(value):
        return value
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SpecError(f"{name}: {value!r} given, allowed is what JSON has: {error}") from None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
