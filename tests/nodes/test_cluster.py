"""%dask_cluster up on three Debian machines: initialization actions make them a cluster, a client computes on it."""

from __future__ import annotations

import base64
import json

import yaml

from dask_dataproc import __version__
from dask_dataproc.clusters.metric_names import DASK
from dask_dataproc.clusters.staging import NODE_PROGRAMS, alone

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


def test_metrics_are_on_loopback_and_for_nobody_without_keys_elsewhere(online, shared_cluster):
    master, worker, _ = living(online, shared_cluster)
    page = online.run(master, "curl --silent --fail http://127.0.0.1:8787/metrics")
    assert not [metric.name for metric in DASK if metric.name not in page]
    assert f'dask_dataproc_workers{{cluster="{shared_cluster.name}",owner="{shared_cluster.record.owner}"}} 2.0' in page
    address = f"{online.address(master)}:8787/metrics"
    for asked in (f"http://{address}", f"--insecure https://{address}"):
        assert "dask_" not in online.run(worker, f"curl --silent --max-time 5 {asked} || true")


def test_its_metrics_are_in_the_bucket_while_it_lives(online, shared_cluster):
    prefix = f"dask/metrics/{shared_cluster.name}.{shared_cluster.record.uuid}.json"
    (found,) = online.objects(online.bucket, prefix)
    said = json.loads(online.get(f"gs://{online.bucket}/{found}"))
    assert not said["ended"]
    assert {"name", "labels", "value"} == set(said["samples"][0])


def test_an_ops_agent_is_given_the_head_to_scrape(online, shared_cluster):
    master, *_ = living(online, shared_cluster)
    agent, unit = "/etc/google-cloud-ops-agent", "/etc/systemd/system/google-cloud-ops-agent.service"
    script = base64.b64encode(alone(NODE_PROGRAMS / "install-dask.sh").encode()).decode()
    service = "[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\n"
    online.run(master, f"mkdir {agent}; echo '# comments' >{agent}/config.yaml; printf '{service}' >{unit}")
    online.run(
        master, f"base64 -d <<<{script} >/tmp/i.sh; . /tmp/i.sh; work=/tmp; systemctl daemon-reload; offer_metrics"
    )
    placed = yaml.safe_load(online.run(master, f"cat {agent}/config.yaml"))
    (job,) = placed["metrics"]["receivers"]["dask"]["config"]["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["127.0.0.1:8787"], "labels": {"dask_cluster": shared_cluster.name}}]
    assert online.run(master, "systemctl is-active google-cloud-ops-agent") == "active"
    online.run(master, f"rm -r {agent} {unit}; systemctl daemon-reload")
