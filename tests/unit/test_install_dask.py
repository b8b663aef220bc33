"""install-dask.sh, as far as it can be told without a node."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dask_dataproc.clusters.staging import NODE_PROGRAMS, alone
from dask_dataproc.init_actions import settings

SCRIPT = NODE_PROGRAMS / "install-dask.sh"
SHELLCHECK = Path(sys.executable).with_name("shellcheck")


def sourced(command: str) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in a shell that knows the script's functions."""
    return subprocess.run(["bash", "-c", f". {SCRIPT}; {command}"], capture_output=True, text=True, timeout=60)


def attributes(role: str, workers: str, runtime: str = "standalone") -> str:
    """A shell function that stands in for the metadata server."""
    said = {"dask-nodes": "gs://b/n", "dask-environment": "gs://b/e", "dask-runtime": runtime}
    said |= {"dataproc-role": role, "dataproc-worker-count": workers}
    cases = " ".join(f"{name}) echo {value};;" for name, value in said.items())
    return f"attribute() {{ case $1 in {cases} esac; }}"


def unit(service: str) -> dict[str, str]:
    """The settings of the unit of ``service``."""
    return dict(re.findall(r"^(\w+)=(.*)$", sourced(f"storage=; unit {service}").stdout, re.MULTILINE))


def test_shellcheck_has_nothing_to_say_of_any_script():
    root = NODE_PROGRAMS.parent
    scripts = [*root.glob("init_actions/*.sh"), *root.glob("pipelines/templates/*.sh"), *root.glob("tests/*/*.sh")]
    scripts.append(root / ".ci" / "run")
    checked = subprocess.run([SHELLCHECK, *scripts], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("service", ["head", "worker", "departure"])
@pytest.mark.skipif(sys.platform != "linux" and not os.environ.get("CI"), reason="systemd is Linux's")
def test_systemd_understands_the_units(service, tmp_path):
    assert shutil.which("systemd-analyze"), "systemd-analyze is missing: apt-get install systemd"
    text = sourced(f"storage=; unit {service}").stdout
    # What systemd-analyze looks for on this machine is there on a node alone.
    here = text.replace("/opt/dask-dataproc/env/bin/python", sys.executable).replace("User=dask", "User=root")
    file = tmp_path / f"dask-{service}.service"
    file.write_text(here)
    verified = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.parametrize("service", ["head", "worker", "departure"])
def test_a_service_is_no_root_and_has_time_to_find_its_scheduler_and_to_hand_on_its_data(service):
    said = unit(service)
    assert said["ExecStart"].endswith(f"-m dask_dataproc_node.{service}")
    assert (said["Type"], said["User"], said["KillMode"]) == ("notify", "dask", "mixed")
    assert float(said["TimeoutStartSec"]) > settings.HEAD_TIMEOUT
    assert float(said["TimeoutStopSec"]) > 120  # the grace that `scale` asks Dataproc for


@pytest.mark.parametrize(
    ("role", "workers", "runtime", "services"),
    [
        ("Master", "2", "standalone", "head"),
        ("Master", "0", "standalone", "head worker"),
        ("Worker", "2", "standalone", "worker"),
        ("Master", "2", "yarn", "head"),
        ("Worker", "2", "yarn", "departure"),
    ],
)
def test_each_node_starts_what_its_role_needs(role, workers, runtime, services):
    said = sourced(f'{attributes(role, workers, runtime)}; read_attributes; echo "${{services[@]}}"')
    assert said.stdout.strip() == services, said.stderr


def test_a_machine_of_containers_is_stopped_before_yarn_ends_them():
    assert "hadoop-yarn-nodemanager.service" in unit("departure")["After"]
    assert "hadoop-yarn-nodemanager.service" not in unit("worker")["After"], "a worker need not wait for YARN"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("gs://b/dask/nodes/1.0/node.zip", "storage/v1/b/b/o/dask%2Fnodes%2F1.0%2Fnode.zip"),
        ("gs://b/with space/ä+b", "storage/v1/b/b/o/with%20space%2F%C3%A4%2Bb"),
    ],
)
def test_any_object_can_be_named(url, path):
    assert sourced(f"object '{url}'").stdout.strip() == path


def test_a_failed_step_is_named_with_its_reason_on_the_last_line():
    failing = (
        "trap 'say_the_end $?' EXIT; broken() { REASON='package x==1'; false; }; step 'install the packages' broken"
    )
    said = sourced(failing)
    assert said.returncode == 1
    assert said.stderr.splitlines()[-1] == "install-dask: could not install the packages: package x==1"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Because nothing-at-all was not found in the registry", "package nothing.at_all==9.1 cannot be installed: {}"),
        ("Failed to build /w/ours_two-1.0-py3-none-any.whl: no zip", "package ours_two==1.0 cannot be installed: {}"),
        ("Because google-auth has no wheels and alpha", "package google-auth==2 cannot be installed: {}"),
        ("Failed to fetch alpha: client error (Connect)", "an index cannot be reached: {}"),
        ("alpha: No space left on device (os error 28)", "{}"),
        ("something else", "package in the lock cannot be installed: {}"),
    ],
)
def test_the_package_that_cannot_be_installed_is_named_unless_none_is_to_blame(said, told, tmp_path):
    lock = tmp_path / "lock" / "requirements.txt"
    lock.parent.mkdir()
    wheel = f"{tmp_path}/lock/wheels/ours_two-1.0-py3-none-any.whl"
    lock.write_text(
        f"--index-url https://x/google\nalpha==1\ngoogle==1\ngoogle-auth==2\n{wheel}\nnothing.at_all==9.1\n"
    )
    failing = f"run() {{ REASON='{said}'; return 1; }}; work={tmp_path} new=/n; install_lock || echo \"$REASON\""
    assert sourced(failing).stdout.strip() == told.format(said)


def test_credentials_of_an_index_are_root_s_alone_and_go_also_if_the_packages_cannot_be_installed(tmp_path):
    file, secret = tmp_path / "netrc", base64.b64encode(b"machine pypi.example login us password s3cret").decode()
    answer = json.dumps({"name": "projects/1/secrets/index/versions/3", "payload": {"data": secret}}, indent=2)
    stand_ins = f"token() {{ :; }}; curl() {{ echo '{answer}'; }}; index_secret=projects/1/secrets/index"
    look = f"stat --format=%a {file}; cat $NETRC; echo; false"
    script = f"{stand_ins}; trap 'say_the_end $?' EXIT; use() {{ write_netrc; {look}; }}; step 'use it' use"
    kept = f'readonly() {{ declare -g "$@"; }}; . {SCRIPT}; CREDENTIALS={file}; {script}'
    ran = subprocess.run(["bash", "-c", kept], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1
    assert ran.stdout.splitlines() == ["600", "machine pypi.example login us password s3cret"], ran.stderr
    assert "s3cret" not in ran.stderr
    assert not file.exists()


def test_on_a_machine_that_is_no_node_it_says_so_and_leaves_nothing(tmp_path):
    (tmp_path / "script").write_text(alone(SCRIPT).replace("--retry 8", "--retry 0"))
    ran = subprocess.run(
        ["bash", "script"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)},
        timeout=60,
    )
    assert ran.returncode != 0
    assert ran.stderr.splitlines()[-1] == (
        "install-dask: could not read the attributes: the metadata server does not answer"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["script"]


@pytest.mark.parametrize(
    ("text", "others"),
    [(None, False), ("# nothing\n\n", False), ("# Of dask-dataproc: x\nmetrics: {}\n", False), ("logging: {}\n", True)],
)
def test_an_ops_agents_configuration_is_left_alone_if_somebody_else_has_written_one(text, others, tmp_path):
    file = tmp_path / "config.yaml"
    if text is not None:
        file.write_text(text)
    assert (sourced(f"is_of_others {file}").returncode == 0) == others
