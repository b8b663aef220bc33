"""What emulated machines are forked from has done all that would start a program."""

import subprocess
import sys

ASKED = """
import subprocess
from dask_dataproc.emulator import zygote

zygote._warm_up()
subprocess.Popen = None
from distributed.versions import get_versions

print(get_versions()["host"]["machine"])
"""


def test_a_machine_starts_no_program_when_dask_asks_what_it_runs_on():
    """One that did, while a nanny's thread forked its worker, waited without end."""
    ran = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()
