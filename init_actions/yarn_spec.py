"""From YarnCluster's options to skein's specification: resources, environment, scripts. Pure but for the keys' file."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import dask.config
from dask.utils import parse_bytes
from distributed.security import Security

from . import yarn_container
from .yarn_container import ADDRESS, KEYS
from .yarn_master import make_quick
from .yarn_skein import skein

WORKER, SCHEDULER = "dask.worker", "dask.scheduler"
PROGRAM = "dask-container.py"
"""Name of yarn_container.py in a container's folder."""

DEFAULTS: dict[str, Any] = {
    "specification": None,
    "name": "dask",
    "queue": "default",
    "deploy-mode": "remote",
    "environment": None,
    "tags": [],
    "user": "",
    "host": "0.0.0.0",
    "port": 0,
    "dashboard-address": ":0",
    "queue-timeout": "1h",
    "scheduler": {"vcores": 1, "memory": "2GiB", "gpus": 0},
    "worker": {
        "vcores": 1,
        "memory": "2GiB",
        "count": 0,
        "restarts": -1,
        "env": {},
        "gpus": 0,
        "worker_class": "dask.distributed.Nanny",
        "worker_options": {},
    },
    "client": {"vcores": 1, "memory": "2GiB", "gpus": 0, "env": {}},
}
"""The ``yarn`` section of Dask's configuration: dask-yarn's keys, and ``queue-timeout``."""
dask.config.update_defaults({"yarn": DEFAULTS})

# Ends when the scheduler does, and with it the application. A connection is held, so that a killed scheduler is noticed
# at once; every ten minutes a new one is tried (124: time is up), for a machine that vanishes says no goodbye.
_WATCH = """\
connect() {{ timeout "$1" bash -c "exec 3<>/dev/tcp/{host}/{port} && $2" 2>/dev/null; }}
while connect 600 'cat <&3 >/dev/null' || {{ [ $? = 124 ] && connect 10 true; }}; do sleep 0.2; done
"""
_ACTIVATE_CONDA = """\
export CONDA_PREFIX={path} PATH={path}/bin:"$PATH"
for each in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh; do [ -e "$each" ] && source "$each"; done
"""


def configured(key: str) -> Any:
    """Return what Dask's configuration says of ``yarn.<key>``, also where somebody has replaced the whole section."""
    default: Any = DEFAULTS
    for part in key.split("."):
        default = default[part]
    return dask.config.get(f"yarn.{key}", default)


def _from(key: str) -> Any:
    """A field whose default is the configuration's ``yarn.<key>``, looked up when the options are made."""
    return field(default=None, metadata={"config": key})


@dataclass
class Options:
    """What YarnCluster's constructor may say of the application; what it does not say comes from the configuration.

    The names are the constructor's, described there.
    """

    environment: str | None = _from("environment")
    n_workers: int = _from("worker.count")
    worker_vcores: int = _from("worker.vcores")
    worker_memory: str | int = _from("worker.memory")
    worker_restarts: int = _from("worker.restarts")
    worker_env: Mapping[str, str] = _from("worker.env")
    worker_class: str | type = _from("worker.worker_class")
    worker_options: Mapping[str, Any] = _from("worker.worker_options")
    worker_gpus: int = _from("worker.gpus")
    worker_script: str | None = None
    scheduler_vcores: int = _from("scheduler.vcores")
    scheduler_memory: str | int = _from("scheduler.memory")
    scheduler_gpus: int = _from("scheduler.gpus")
    scheduler_class: str | type | None = None
    scheduler_options: Mapping[str, Any] | None = None
    deploy_mode: str = _from("deploy-mode")
    name: str = _from("name")
    queue: str = _from("queue")
    tags: Any = _from("tags")
    user: str = _from("user")

    def __post_init__(self) -> None:
        for each in fields(self):
            if getattr(self, each.name) is None and "config" in each.metadata:
                setattr(self, each.name, configured(each.metadata["config"]))
        if self.deploy_mode not in ("remote", "local"):
            raise ValueError(f"deploy_mode: 'remote' or 'local' expected, got {self.deploy_mode!r}")


def make_specification(options: Options) -> Any:
    """Return the ``skein.ApplicationSpec`` of a cluster, without what is only known when it is submitted."""
    files, activate, python = resolve_environment(options.environment)
    services = {WORKER: _worker(options, files, activate, python)}
    if options.deploy_mode == "remote":
        services[SCHEDULER] = _scheduler(options, files, activate, python)
        services[WORKER].depends = {SCHEDULER}
    return skein.ApplicationSpec(
        name=options.name,
        queue=options.queue,
        tags=set(options.tags),
        user=options.user,
        services=services,
    )


def _worker(options: Options, files: dict[str, Any], activate: str, python: str) -> Any:
    command = [python, PROGRAM, "services", "worker", "--worker-class", _dotted(options.worker_class)]
    if options.worker_options:
        command += ["--worker-options", json.dumps(dict(options.worker_options))]
    return skein.Service(
        instances=options.n_workers,
        max_restarts=options.worker_restarts,
        resources=_resources(options.worker_memory, options.worker_vcores, options.worker_gpus),
        files=files,
        env={name: str(value) for name, value in options.worker_env.items()},
        script=activate + (options.worker_script or f"exec {shlex.join(command)}\n"),
    )


def _scheduler(options: Options, files: dict[str, Any], activate: str, python: str) -> Any:
    command = [python, PROGRAM, "services", "scheduler"]
    if options.scheduler_class:
        command += ["--scheduler-class", _dotted(options.scheduler_class)]
    if options.scheduler_options:
        command += ["--scheduler-options", json.dumps(dict(options.scheduler_options))]
    return skein.Service(
        instances=1,
        resources=_resources(options.scheduler_memory, options.scheduler_vcores, options.scheduler_gpus),
        files=dict(files),
        script=f"{activate}exec {shlex.join(command)}\n",
    )


def resolve_environment(environment: str | None) -> tuple[dict[str, Any], str, str]:
    """Return what of ``environment`` is to be distributed, the lines that activate it, and its interpreter.

    Parameters
    ----------
    environment : str
        Path or URL of an archive (``.tar.gz``, ``.tgz``, ``.tar`` or ``.zip``, as conda-pack and venv-pack make them),
        or ``conda://``, ``venv://`` or ``python://`` with a path that is there on every node.

    Raises
    ------
    ValueError
        None was given, or it is none of these.
    FileNotFoundError
        There is no such archive.
    """
    if not environment:
        raise ValueError(
            "environment: none was given, but workers need a Python\n"
            "  Try:  environment='env.tar.gz' (conda-pack, venv-pack), 'venv:///path', 'conda:///path', 'python:///path'"
        )
    scheme, _, path = environment.partition("://")
    quoted = shlex.quote(path)
    if scheme == "python":
        return {}, "", path
    if scheme == "venv":
        return {}, f"source {quoted}/bin/activate\n", "python"
    if scheme == "conda":
        return {}, _ACTIVATE_CONDA.format(path=quoted), "python"
    return {"environment": _archive(environment)}, "source environment/bin/activate\n", "python"


def _archive(environment: str) -> Any:
    if not environment.endswith((".tar.gz", ".tgz", ".tar", ".zip")):
        raise ValueError(
            f"environment: {environment!r} is neither an archive (.tar.gz, .tgz, .tar, .zip) nor conda://, venv:// "
            "or python:// and a path"
        )
    if "://" not in environment:
        environment = str(Path(environment).expanduser().absolute())
        if not Path(environment).is_file():
            raise FileNotFoundError(f"environment: there is no archive {environment}")
    return skein.File(source=environment, type="archive")


def _resources(memory: str | int, vcores: int, gpus: int) -> Any:
    mib = -(-parse_bytes(memory) // 2**20)
    return skein.Resources(memory=mib, vcores=vcores, gpus=gpus)


def _dotted(cls: str | type) -> str:
    return cls if isinstance(cls, str) else f"{cls.__module__}.{cls.__qualname__}"


@contextlib.contextmanager
def ready_to_submit(spec: Any, security: Security, address: str = "") -> Iterator[Any]:
    """Yield a copy of ``spec`` with what its containers need besides: our program, the keys, the scheduler's address.

    The keys are in a file that only its owner can read; skein copies it to a folder of the application's that only the
    user can read, YARN from there into the containers, and here it is gone at the end.

    Parameters
    ----------
    spec : skein.ApplicationSpec
        Of ``make_specification``, or a user's own.
    security : distributed.Security
        Keys for scheduler, workers and clients.
    address : str
        Of a scheduler that runs already, outside of YARN; the application ends with it.
    """
    spec = skein.ApplicationSpec.from_dict(spec.to_dict())
    with tempfile.TemporaryDirectory(prefix="dask-yarn-") as folder:
        make_quick(spec.master, Path(folder))
        keys = _write_keys(Path(folder, KEYS), security)
        for service in (spec.services[name] for name in (WORKER, SCHEDULER) if name in spec.services):
            service.files[PROGRAM] = skein.File(source=yarn_container.__file__, type="file")
            if keys:
                service.files[KEYS] = skein.File(source=str(keys), type="file")
            service.script = _with_command(service.script)
            if address:
                service.env[ADDRESS] = address
        if address:
            host, _, port = address.partition("://")[2].rpartition(":")
            spec.master.script = _WATCH.format(host=host.strip("[]"), port=port)
        yield spec


def _with_command(script: str) -> str:
    """Let ``script`` call ``dask-yarn``, as dask-yarn's own specifications do."""
    return f'dask-yarn() {{ python {PROGRAM} "$@"; }}\n{script}' if "dask-yarn " in script else script


def _write_keys(path: Path, security: Security) -> Path | None:
    """Write all of ``security`` that is set; what is a file's path, as that file's text."""
    said = {name: getattr(security, name) for name in Security.__slots__ if name.startswith("tls_")}
    texts = {name: _text(value) for name, value in said.items() if isinstance(value, str)}
    if not any(name != "tls_ciphers" for name in texts):
        return None
    content = texts | {"require_encryption": bool(security.require_encryption)}
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
    return path


def _text(value: str) -> str:
    return value if "\n" in value or not Path(value).is_file() else Path(value).read_text()
