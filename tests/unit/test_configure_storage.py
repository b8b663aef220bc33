"""configure-storage.sh, as far as it can be told without a node; tests/nodes/test_storage.py has it on real ones."""

import json
import os
import shlex
import shutil
import subprocess
import sys

import pytest

from dask_dataproc.clusters.gcs_options import gcsfs_options
from dask_dataproc.clusters.staging import NODE_PROGRAMS

SCRIPT = NODE_PROGRAMS / "configure-storage.sh"


def sourced(command: str) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in a shell that knows the script's functions."""
    return subprocess.run(["bash", "-c", f". {SCRIPT}; {command}"], capture_output=True, text=True, timeout=60)


def attributes(**given: str) -> str:
    """A shell function that answers for the metadata server."""
    cases = " ".join(f"dask-{name}) echo {shlex.quote(value)};;" for name, value in given.items())
    return f"attribute() {{ case $1 in {cases} *) ;; esac; }}"


def settings(free: int, gcsfs: str = "") -> dict[str, str]:
    said = sourced(f"free={free} gcsfs={shlex.quote(gcsfs)}; settings")
    return dict(line.split("=", 1) for line in said.stdout.splitlines())


@pytest.mark.parametrize("missing", [["dask-filestore"], ["dask-filestore", "dask-gcsfs"]])
def test_a_node_without_a_filestore_or_options_has_none(missing):
    said = sourced(f'{attributes(runtime="standalone")}; step read read_attributes; echo "<$filestore$gcsfs>"')
    assert said.stdout.splitlines()[-1] == "<>", said.stderr


@pytest.mark.parametrize("filestore", ["10.0.0.2", "10.0.0.2:vol1", "10.0.0.2:/vol 1", ":/vol1"])
def test_an_export_that_is_none_is_named_before_anything_is_done(filestore):
    said = sourced(f"{attributes(filestore=filestore)}; trap 'say_the_end $?' EXIT; step 'read' read_attributes")
    assert said.returncode != 0
    allowed = f"filestore: '{filestore}' given, allowed is HOST:/EXPORT"
    assert said.stderr.splitlines()[-1] == f"configure-storage: could not read: {allowed}"


@pytest.mark.parametrize("gcsfs", ["hello", "{'a': 1}", '{"a":\n1}'])
def test_options_that_would_break_the_file_of_settings_are_refused(gcsfs):
    said = sourced(f"{attributes(gcsfs=gcsfs)}; trap 'say_the_end $?' EXIT; step 'read' read_attributes")
    assert said.stderr.splitlines()[-1].endswith("dask-gcsfs is no JSON object on one line")


@pytest.mark.parametrize(("free", "spill"), [(10**12, 50 * 10**9), (20 * 10**9, 16 * 10**9)])
def test_a_worker_spills_50_gb_at_most_and_less_where_less_is_free(free, spill):
    assert int(settings(free)["DASK_DISTRIBUTED__WORKER__MEMORY__MAX_SPILL"]) == spill


def test_what_gcsfs_is_told_is_quoted_as_systemd_reads_it():
    options = gcsfs_options({"block_size": "16MiB", "requester_pays": "my-project"})
    written = settings(10**12, json.dumps(options))["FSSPEC_GS"]
    assert json.loads(*shlex.split(written)) == options


def test_settings_of_others_stay_and_ours_are_written_once(tmp_path):
    file = tmp_path / "etc" / "node.env"
    file.parent.mkdir()
    file.write_text("THEIRS=a=b\nTMPDIR=/old\n")
    given = f"SETTINGS={file}; free=1 gcsfs=; write_settings; write_settings"
    said = subprocess.run(
        ["bash", "-c", f'readonly() {{ declare -g "$@"; }}; . {SCRIPT}; {given}'], capture_output=True
    )
    assert said.returncode == 0, said.stderr
    lines = file.read_text().splitlines()
    assert lines[0] == "THEIRS=a=b"
    assert [line for line in lines if line.startswith("TMPDIR=")] == ["TMPDIR=/tmp/dask-worker-space/temp-downloads"]
    assert len(lines) == len(set(lines)) == 5


def test_a_failing_command_is_the_reason_in_one_line():
    failing = "trap 'say_the_end $?' EXIT; step 'make it' run ls /nowhere/at/all"
    said = sourced(failing)
    assert said.returncode != 0
    (line,) = said.stderr.splitlines()
    assert line.startswith("configure-storage: could not make it: ls: ")
    assert "/nowhere/at/all" in line


def test_a_server_that_does_not_answer_is_named_after_a_bounded_number_of_tries():
    away = "sleep() { echo slept $1; }; timeout() { false; }; filestore=127.0.0.9:/vol1"
    said = sourced(f"trap 'say_the_end $?' EXIT; {away}; step 'reach the Filestore' reach_filestore")
    assert said.stdout.split("\n")[:-1] == ["slept 2", "slept 4", "slept 8"]
    assert said.stderr.splitlines()[-1].endswith("filestore: no NFS server answers at 127.0.0.9:2049")


def test_systemd_understands_the_service_and_runs_it_before_dask(tmp_path):
    assert shutil.which("systemd-analyze"), "systemd-analyze is missing: apt-get install systemd"
    text = sourced("unit").stdout
    assert "Before=dask-head.service dask-worker.service" in text
    file = tmp_path / "dask-storage.service"
    file.write_text(text.replace("ExecStart=/usr/local/sbin/dask-configure-storage", "ExecStart=/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")


FULL = """
import asyncio, json, os, pathlib
from distributed import Client, Scheduler, Worker, wait
from dask_dataproc.init_actions.spill import spill_to

async def main(folder):
    async with Scheduler(dashboard=False, port=0) as scheduler:
        data = (spill_to, {"memory_limit": 400_000_000})
        async with Worker(scheduler.address, local_directory=folder, memory_limit="400MB", nthreads=1, data=data):
            async with Client(scheduler.address, asynchronous=True) as client:
                made = client.map(os.urandom, [5_000_000] * 40, pure=False)  # 200 MB, where 120 MB are the target
                await wait(made)
                spilled = sum(f.stat().st_size for f in pathlib.Path(folder).rglob("storage/*") if f.is_file())
                lengths = await client.gather(client.map(len, made))
                print(json.dumps([spilled, sum(lengths)]))

asyncio.run(main(os.environ["WORKER_SPACE"]))
"""


def test_a_worker_keeps_to_the_bound_of_what_it_spills_and_loses_nothing(tmp_path):
    """With the variables that a node's services are started with, and less room than there is to spill."""
    written = settings(25_000_000)
    assert written["DASK_DISTRIBUTED__WORKER__MEMORY__MAX_SPILL"] == "20000000"
    here = {name: value.replace("/tmp/dask-worker-space", str(tmp_path)) for name, value in written.items()}
    for folder in ("shuffle-data", "temp-downloads"):
        (tmp_path / folder).mkdir()
    fractions = {"DASK_DISTRIBUTED__WORKER__MEMORY__TARGET": "0.3", "DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE": "False"}
    fractions |= {"DASK_DISTRIBUTED__WORKER__MEMORY__SPILL": "False"}
    ran = subprocess.run(
        [sys.executable, "-c", FULL], env=os.environ | here | fractions, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    spilled, kept = json.loads(ran.stdout.splitlines()[-1])
    assert 0 < spilled <= 20_000_000
    assert kept == 40 * 5_000_000
