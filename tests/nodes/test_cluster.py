"""%dask_cluster up on three Debian machines: initialization actions make them a cluster, a client computes on it."""

from __future__ import annotations

import json

from dask_dataproc import __version__

from .online import living

JOB = """
import socket
from dask_dataproc import DaskRunner, __version__

def where():
    return socket.gethostname()

def main(n: int):
    with DaskRunner(min_workers=2, max_workers=2).get_client() as client:
        return [__version__, sorted(set(client.gather([client.submit(where, key=str(i)) for i in range(n)])))]
"""


def test_the_machines_compute_as_containers_too(online, shared_cluster):
    with shared_cluster.get_client() as client:
        assert client.submit(sum, [1, 2]).result() == 3
        where = set(client.run(lambda: __import__("socket").gethostname()).values())
        assert where == set(living(online, shared_cluster)[1:])


def test_a_job_on_the_master_computes_on_the_workers_with_the_code_that_it_brings(online, shared_cluster):
    master, *workers = living(online, shared_cluster)
    online.run(master, f"mkdir --parents /tmp/job; cat >/tmp/job/trial_job.py <<'END'\n{JOB}\nEND")
    runner = "/opt/dask-dataproc/job.py --job-module trial_job --job-function main"
    said = online.run(master, f"cd /tmp/job && /usr/bin/python3 {runner} --n 40")
    version, hosts = json.loads(said.strip().splitlines()[-1].removeprefix("dask-dataproc-result: "))
    assert version == __version__
    assert hosts
    assert set(hosts) <= set(workers)
    refused = online.run(master, f"cd /tmp/job && /usr/bin/python3 {runner} --n few 2>&1; echo status $?")
    assert "SpecError: --n: 'few' given, allowed is int" in refused
    assert refused.strip().endswith("status 2")
