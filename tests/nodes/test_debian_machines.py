"""Debian nodes as the emulator's VMs: they boot, know each other, run initialization actions, and leave nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
import requests
from google.api_core import exceptions

from dask_dataproc.clusters.errors import EmulatorError
from dask_dataproc.clusters.local import emulator_start, emulator_status, emulator_stop

INSTANCE = "http://metadata.google.internal/computeMetadata/v1/instance"
ASK = f"curl -sf -H Metadata-Flavor:Google {INSTANCE}"
RESIZED = 3


@pytest.fixture
def cluster(lab) -> str:
    """A name of this test's own; the cluster is deleted after it."""
    return f"c{uuid.uuid4().hex[:6]}"


def actions(*urls: str, seconds: int = 30) -> list[dict[str, object]]:
    return [{"executable_file": url, "execution_timeout": {"seconds": seconds}} for url in urls]


def nodes_of(cluster: str, workers: int = 2) -> list[str]:
    return [f"{cluster}-m", *(f"{cluster}-w-{i}" for i in range(workers))]


def traces(host: str) -> dict[str, str]:
    """What there is of a lab on the host, each kind of it as the system's own tools list it."""
    number = host.split(".")[1]
    commands = {
        "links": f"ip -brief link | grep '^dask-lab{number}@'",
        "routes": f"ip route | grep '^10.{number}.0.0/24'",
        "mounts": "grep -E '^node-(disk|root|notes) ' /proc/self/mounts",
        "tables": f"nft list tables | grep dask_lab{number}",
        "groups": f"find /sys/fs/cgroup -maxdepth 2 -name 'dask-lab{number}-*'",
    }
    found = {}
    for kind, command in commands.items():
        found[kind] = subprocess.run(["sh", "-c", command], capture_output=True, text=True).stdout
    return {kind: text for kind, text in found.items() if text}


def test_three_nodes_boot_with_addresses_names_and_metadata_of_their_own(lab, cluster):
    began = time.monotonic()
    lab.create(cluster)
    print(f"three nodes: {time.monotonic() - began:.2f} s")
    master, *workers = nodes_of(cluster)
    addresses = {node: lab.address(node) for node in (master, *workers)}
    assert len(set(addresses.values())) == 3
    for node in (master, *workers):
        assert lab.run(node, "hostname; hostname --fqdn").split() == [node, f"{node}.c.local.internal"]
        assert lab.run(node, f"{ASK}/name; echo; {ASK}/network-interfaces/0/ip").split() == [node, addresses[node]]
        assert lab.run(node, ". /etc/os-release; echo $VERSION_CODENAME; cat /proc/1/comm").split() == [
            "bookworm",
            "systemd",
        ]
        for other, address in addresses.items():
            assert lab.run(node, f"ping -c 1 -W 5 {other} | head -1").startswith(
                f"PING {other}.c.local.internal ({address}"
            )
    assert lab.run(workers[0], f"{ASK}/attributes/dataproc-role") == "Worker"
    assert json.loads(lab.run(master, f"{ASK}/attributes/?recursive=true"))["dataproc-worker-count"] == "2"
    assert "access_token" in json.loads(lab.run(master, f"{ASK}/service-accounts/default/token"))
    assert lab.run(master, f"curl -s -o /dev/null -w '%{{http_code}}' {INSTANCE}/name") == "403"
    assert requests.get(f"{lab.storage}/storage/v1/b?project=test", timeout=5).ok
    assert (
        lab.run(master, f"curl -sf '{lab.storage}/storage/v1/b?project=test' >/dev/null && echo reached") == "reached"
    )
    assert lab.run(master, "curl -s -m 2 https://192.0.2.99 >/dev/null || echo no way out") == "no way out"


def test_an_initialization_action_runs_once_as_root_and_what_it_enabled_comes_back_at_a_reboot(lab, bucket, cluster):
    script = """#!/bin/bash
    echo "run by $(id -un) in $PWD with $(cat /sys/class/net/ens4/mtu)" | tee -a /var/lib/runs
    printf '%s\\n' [Service] 'ExecStart=/bin/sleep infinity' [Install] WantedBy=multi-user.target \\
      >/etc/systemd/system/kept.service
    systemctl enable --now kept.service
    """
    uri = lab.put(bucket, "init/once.sh", script)
    second = lab.put(bucket, "init/second run.sh", "#!/usr/bin/env python3\nprint('in Python')\n")
    created = lab.create(cluster, initialization_actions=actions(uri, second), config_bucket=bucket)
    node = f"{cluster}-w-0"
    assert lab.run(node, "cat /var/lib/runs") == "run by root in / with 1400"
    metainfo = (
        f"gs://{bucket}/google-cloud-dataproc-metainfo/{created.cluster_uuid}/{node}/dataproc-initialization-script"
    )
    assert lab.get(f"{metainfo}-0_output").splitlines()[0] == "run by root in / with 1400"
    assert lab.get(f"{metainfo}-1_output") == "in Python\n"
    assert "in Python" in lab.log(node)
    lab.reboot(node)
    assert lab.run(node, "cat /var/lib/runs") == "run by root in / with 1400"
    assert lab.run(node, "systemctl is-active kept.service") == "active"
    assert len(lab.run(node, "journalctl --list-boots --output=json").split("boot_id")) == 3, "two boots of one disk"
    assert lab.status(cluster) == "RUNNING"


def test_a_stopped_clusters_disks_are_there_again_at_its_start_and_no_action_runs_twice(lab, bucket, cluster):
    action = lab.put(bucket, "init/once.sh", "#!/bin/bash\necho ran >>/var/lib/ran\nrm /etc/issue\n")
    lab.create(cluster, initialization_actions=actions(action), config_bucket=bucket)
    for node in nodes_of(cluster):
        lab.run(node, f"echo {node} >/var/lib/note")
    lab.stop(cluster)
    assert lab.status(cluster) == "STOPPED"
    lab.start(cluster)
    for node in nodes_of(cluster):
        assert lab.run(node, "cat /var/lib/note /var/lib/ran").splitlines() == [node, "ran"]
        assert "No such file" in lab.run(node, "ls /etc/issue", check=False), "what it had removed is back"
    lab.delete(cluster)
    assert not list((lab.laptop.state / "emulator" / "machines").glob("*/*/disk.tar"))


def test_a_failed_initialization_action_is_the_operations_error_and_its_output_is_in_the_bucket(lab, bucket, cluster):
    uri = lab.put(bucket, "init/fails.sh", "#!/bin/bash\necho 'install-dask: could not be done: reason' >&2\nexit 3\n")
    with pytest.raises(exceptions.GoogleAPICallError) as failed:
        lab.create(cluster, initialization_actions=actions(uri), config_bucket=bucket)
    assert f"Initialization action failed. Failed action '{uri}', see output in: gs://{bucket}/" in failed.value.message
    output = failed.value.message.partition("see output in: ")[2].split(";")[0].strip()
    assert lab.get(output) == "install-dask: could not be done: reason\n"
    assert lab.status(cluster) == "ERROR"
    assert "could not be done" in lab.log(f"{cluster}-m")


def test_without_a_bucket_for_it_the_error_shows_what_the_action_said(lab, bucket, cluster):
    uri = lab.put(bucket, "init/fails.sh", "#!/bin/bash\necho nothing works today\nexit 1\n")
    with pytest.raises(exceptions.GoogleAPICallError, match="nothing works today"):
        lab.create(cluster, initialization_actions=actions(uri))


def test_an_initialization_action_that_takes_too_long_is_ended(lab, bucket, cluster):
    uri = lab.put(bucket, "init/hangs.sh", "#!/bin/bash\nexec sleep infinity\n")
    with pytest.raises(
        exceptions.GoogleAPICallError, match=rf"Initialization action timed out\. Failed action '{uri}'"
    ):
        lab.create(cluster, initialization_actions=actions(uri, seconds=1), config_bucket=bucket)


def test_an_initialization_action_that_cannot_be_read_is_the_error(lab, bucket, cluster):
    uri = f"gs://{bucket}/init/not-there.sh"
    with pytest.raises(exceptions.GoogleAPICallError) as failed:
        lab.create(cluster, initialization_actions=actions(uri), config_bucket=bucket)
    output = failed.value.message.partition("see output in: ")[2].split(";")[0].strip()
    assert lab.get(output).splitlines()[-1] == f"{uri} cannot be read"


@pytest.mark.parametrize("trouble", [{"lab-metadata-refuse": "4"}, {"lab-metadata-slow": "0.5"}])
def test_a_metadata_server_that_answers_503_at_first_or_is_slow_only_costs_time(lab, bucket, cluster, trouble):
    uri = lab.put(bucket, "init/touch.sh", "#!/bin/bash\ntouch /var/lib/ran\n")
    lab.create(cluster, trouble, initialization_actions=actions(uri), config_bucket=bucket)
    for node in nodes_of(cluster):
        lab.run(node, "test -e /var/lib/ran")


def test_a_node_without_power_is_gone_at_once_and_the_next_gets_its_name(lab, cluster, runs):
    lab.create(cluster)
    node = f"{cluster}-w-1"
    running = lab.processes(node)
    assert "systemd" in {process.info["name"] for process in running}
    lab.cut_power(node)
    lab.until(lambda: not any(map(runs, running)), 5)
    lab.resize(cluster, RESIZED)
    assert lab.run(f"{cluster}-m", f"ping -c 1 -W 5 {node} >/dev/null && echo back") == "back"
    assert lab.run(f"{cluster}-m", f"getent hosts {node} | wc -l") == "1"
    lab.cut_power(f"{cluster}-m")
    lab.until(lambda: lab.status(cluster) == "ERROR")


def test_a_preempted_node_reads_the_notice_and_its_services_are_stopped_in_order(lab, bucket, cluster):
    script = """#!/bin/bash
    cat >/etc/systemd/system/leaves.service <<END
    [Service]
    Type=oneshot
    RemainAfterExit=yes
    ExecStart=/bin/true
    ExecStop=/bin/sh -c 'curl -sf -H Metadata-Flavor:Google METADATA/preempted >/hadoop-fs/$(hostname).left'
    END
    systemctl start leaves
    """.replace("METADATA", INSTANCE)
    uri = lab.put(bucket, "init/leaves.sh", script.replace("\n    ", "\n"))
    lab.create(cluster, initialization_actions=actions(uri))
    node = f"{cluster}-w-0"
    watcher = f'nohup sh -c "{ASK}/preempted?wait_for_change=true >/hadoop-fs/{node}.seen" >/dev/null 2>&1 &'
    lab.run(node, watcher)
    shared = lab.laptop.state / "emulator" / "lab" / "hadoop-fs"
    assert lab.run(node, f"{ASK}/preempted") == "FALSE"
    began = time.monotonic()
    lab.preempt(node)
    assert time.monotonic() - began < 15
    assert (shared / f"{node}.left").read_text() == "TRUE"
    lab.laptop.until(lambda: (shared / f"{node}.seen").read_text() == "TRUE")


def test_nodes_outlive_a_killed_emulator_and_the_next_adopts_them(new_lab):
    lab = new_lab()
    with lab.laptop.here():
        lab.create("adopted")
        before = {node: (lab.vm(node).pid, lab.address(node)) for node in nodes_of("adopted")}
        os.kill(emulator_status()["pid"], signal.SIGKILL)
        lab.until(lambda: emulator_status() is None)
        assert lab.run("adopted-m", f"{ASK}/name") == "adopted-m", "they need it for nothing"
        emulator_start()
        del lab.client
        lab.until(lambda: lab.status("adopted") == "RUNNING")
        lab.resize("adopted", RESIZED)
        assert before == {node: (lab.vm(node).pid, lab.address(node)) for node in nodes_of("adopted")}
        assert lab.run("adopted-m", "ping -c 1 -W 5 adopted-w-2 >/dev/null && echo reached") == "reached"
        lab.delete("adopted")
        emulator_stop()
    lab.until(lambda: not lab.laptop.processes(), 5)
    assert not traces(lab.host)


def test_a_deleted_cluster_leaves_nothing_and_a_stopped_emulator_no_network(new_lab, runs):
    forwarding = Path("/proc/sys/net/ipv4/ip_forward").read_text()
    lab = new_lab(emulator__internet="true")
    with lab.laptop.here():
        lab.create("gone")
        assert "links" in traces(lab.host)
        assert "tables" in traces(lab.host)
        running = lab.processes(*nodes_of("gone"))
        assert len(running) > 9
        lab.delete("gone")
        lab.until(lambda: not any(map(runs, running)), 5)
        assert set(traces(lab.host)) == {"links", "routes", "tables"}
        emulator_stop()
    lab.until(lambda: not lab.laptop.processes(), 5)
    assert not traces(lab.host)
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == forwarding


def test_yarn_runs_where_the_cluster_asks_for_it(lab, cluster):
    if not (Path(__file__).parents[2] / "build" / "nodes" / "hadoop").is_dir():
        pytest.fail("Hadoop's jars are missing: bash tests/yarn/setup.sh && bash tests/nodes/setup.sh", pytrace=False)
    lab.create(cluster, {"dask-runtime": "yarn"})
    metrics = f"http://{lab.address(f'{cluster}-m')}:8088/ws/v1/cluster/metrics"

    memory = int(lab.run(f"{cluster}-w-0", f"{ASK}/attributes/dask-memory")) // (1 << 20) - 2048

    def complete() -> bool:
        try:
            told = requests.get(metrics, timeout=5).json()["clusterMetrics"]
        except (requests.RequestException, ValueError):
            return False
        return (told["activeNodes"], told["totalMB"]) == (2, 2 * memory)  # the scheduler counts one by one, and later

    lab.until(complete, 60)
    assert lab.run(f"{cluster}-m", "systemctl is-active hadoop-yarn-nodemanager", check=False) == "inactive"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--image="], "emulator.image: '' given, needed is a folder made by: bash "),
        ([f"--image={Path.cwd()}"], "given, needed is a folder made by: bash "),
    ],
)
def test_without_a_root_file_system_the_emulator_says_how_to_make_one(arguments, says, tmp_path):
    assert says in refusal(tmp_path, *arguments)


def test_without_root_the_emulator_says_so(tmp_path):
    assert refusal(tmp_path, user=True) == "emulator.nodes: debian needs Linux and root, this is linux and user 65534\n"


def test_without_the_programs_the_emulator_names_their_packages(tmp_path):
    assert "apt-get install dnsmasq-base" in refusal(tmp_path, path="/nowhere")


def refusal(folder: Path, *arguments: str, user: bool = False, path: str = "") -> str:
    """What an emulator says that cannot run; it has made nothing."""
    command = [sys.executable, "-m", "dask_dataproc.emulator", "--runtime", folder / "r", "--state", folder / "s"]
    environment = os.environ | ({"PATH": path} if path else {})
    command = [*["unshare", "--user"] * user, *command, "--nodes=debian", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/")
    assert ran.returncode == 2, ran.stderr
    assert list(folder.iterdir()) == []
    return ran.stderr


def test_a_person_reads_in_one_line_why_there_are_no_nodes(new_laptop):
    laptop = new_laptop(emulator__nodes="debian", emulator__image="/nowhere")
    with (
        laptop.here(),
        pytest.raises(EmulatorError, match=r"^the emulator cannot run: emulator.image: '/nowhere' given"),
    ):
        emulator_start()
