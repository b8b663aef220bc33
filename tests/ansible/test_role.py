"""The role dask-config on a Debian machine that has booted: what it writes, once and again, and beside our script."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from dask_dataproc.clusters.staging import NODE_PROGRAMS, alone
from dask_dataproc.init_actions import settings

from ..nodes.machine import AUTOFS, NUMBERS, SERVER, Lab, Node, booted, network, until

ROOT, HERE = Path(__file__).parents[2], Path(__file__).parent
PLAYBOOKS, TOOLS = ROOT / "infra" / "ansible", ROOT / "build" / "ansible" / "bin"
NODE = settings.NODE
EXPORT = f"{SERVER}:/vol1"
GIVEN: dict[str, Any] = {
    "dask_config_filestore": EXPORT,
    "dask_config_groups": [{"name": "data-team", "gid": 4000}],
    "dask_config_users": [{"name": "ana", "uid": 4001, "groups": ["data-team"]}],
    "dask_config_dataproc": {"dataproc": {"project": "p-1", "region": "europe-west4", "staging": "gs://b/dask"}},
    "dask_config_gcsfs": {"block_size": 16777216},
}
BUSY = "bash -c 'cd /shared && exec sleep 300' >/dev/null 2>&1 & echo $!"


class Outcome:
    """What a run of the playbook came to."""

    def __init__(self, ran: subprocess.CompletedProcess[str]) -> None:
        self.said = ran.stdout + ran.stderr
        recap = re.search(r"ok=\d+ .*", ran.stdout)
        counts = {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", recap[0] if recap else "")}
        self.worked, self.changed = ran.returncode == 0, counts.get("changed", 0)


@dataclass
class Machine:
    """A machine, and the playbook for it."""

    node: Node
    folder: Path
    given: dict[str, Any] = field(default_factory=lambda: dict(GIVEN))

    def apply(self, *options: str, **other: Any) -> Outcome:
        """Apply the playbook with what is given, and with what is to be other for this once."""
        reached = {"ansible_connection": "machine", "ansible_machine_pid": self.node.leader.pid}
        reached |= {"ansible_become": False, "ansible_python_interpreter": "/usr/bin/python3"}
        inventory = self.folder / "inventory.yml"
        hosts = {self.node.name: reached | self.given | other}
        inventory.write_text(yaml.safe_dump({"dask": {"hosts": hosts}}))
        environment = os.environ | {
            "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "plugins"),
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
        }
        command = [TOOLS / "ansible-playbook", "-i", inventory, *options, "dask-nodes.yml"]
        return Outcome(
            subprocess.run(command, cwd=PLAYBOOKS, env=environment, capture_output=True, text=True, timeout=200)
        )

    def state(self) -> dict[str, str]:
        """What role and script both see to, without what is a number of the machine's own."""
        asked = {
            "account": f"getent passwd {NODE['account']} | cut -d: -f1,5-; id -nG {NODE['account']}",
            "scratch": f"stat --format '%n %U:%G %a' {NODE['scratch']} {NODE['scratch']}/*",
            "settings": f"sort {NODE['settings']}; stat --format '%U %a' {NODE['settings']}",
            "mount": f"ls {NODE['shared']} >/dev/null; findmnt --list --noheadings {NODE['shared']}",
        }
        return {name: self.node.sh(command).stdout for name, command in asked.items()}

    def traces(self) -> str:
        """What a run that is to change nothing could have changed."""
        return self.node.sh("find /etc /tmp /var/lib -newer /run/began -type f; cat /etc/passwd /etc/fstab").stdout


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if not (TOOLS.parent / ".installed").exists():
        pytest.fail("Ansible is not installed: bash tests/ansible/setup.sh", pytrace=False)
    if not AUTOFS.exists():
        pytest.fail("the kernel has no automounts: modprobe autofs4", pytrace=False)
    with network() as lab:
        yield lab


@pytest.fixture
def machine(lab: Lab, tmp_path: Path) -> Iterator[Machine]:
    """A machine of its own, with the initialization action's script on it."""
    layer = lab.folder / f"layer-{next(NUMBERS)}"
    place = layer / "usr" / "local" / "lib"
    place.mkdir(parents=True)
    (place / "configure-storage.sh").write_text(alone(NODE_PROGRAMS / "configure-storage.sh"))
    told = {"dask-runtime": "standalone", "dask-filestore": EXPORT}
    with booted(lab, layer, told | {"dask-gcsfs": json.dumps(GIVEN["dask_config_gcsfs"])}) as node:
        yield Machine(node, tmp_path)


def read_by_dask(machine: Machine, folder: Path, script: str) -> Any:
    """What ``script`` prints, as JSON, in a Python whose Dask has the machine's /etc/dask."""
    for name in machine.node.sh("ls /etc/dask").stdout.split():
        (folder / name).write_text(machine.node.sh(f"cat /etc/dask/{name}").stdout)
    environment = {"DASK_ROOT_CONFIG": str(folder), "DASK_CONFIG": str(folder / "nobody's"), "HOME": str(folder)}
    ran = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | environment, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


HAS = """
import json, dask.config, distributed
from dask_dataproc.clusters.config import setting
names = {names}
print(json.dumps([{{n: dask.config.get(n) for n in names}}, setting("region"), setting("staging")]))
"""


def test_it_is_checked_first_applied_and_then_changes_nothing_and_dask_has_what_nodes_have(machine, tmp_path):
    machine.node.sh("touch /run/began")
    before = machine.traces()
    checked = machine.apply("--check", "--diff")
    assert checked.worked, checked.said
    assert "+    worker-ttl: 60s" in checked.said
    assert machine.traces() == before

    applied = machine.apply("--diff")
    assert applied.worked, applied.said
    assert applied.changed == checked.changed + 1  # systemd starts no automount of which it has not read yet
    again = machine.apply("--diff")
    assert (again.worked, again.changed) == (True, 0), again.said

    assert machine.node.sh("id ana").stdout.strip().endswith("groups=4001(ana),4000(data-team)")
    assert "env/bin:" in machine.node.sh("bash --login -c 'echo $PATH'").stdout
    own = {name: value for name, value in settings.DASK.items() if name != "distributed.worker.preload"}
    found, *where = read_by_dask(machine, tmp_path, HAS.format(names=list(own)))
    assert found == own
    assert where == ["europe-west4", "gs://b/dask"]


def test_the_initialization_action_finds_nothing_to_do_after_the_role_nor_the_role_after_it(machine):
    assert (applied := machine.apply()).worked, applied.said
    by_role = machine.state()
    ran = machine.node.configure()
    assert ran.returncode == 0, ran.stderr
    by_both = machine.state()
    spill = re.compile(r"(?<=MAX_SPILL=)\d+")
    assert {name: spill.sub("N", text) for name, text in by_both.items()} == {
        name: spill.sub("N", text) for name, text in by_role.items()
    }
    one, other = (int(spill.search(each["settings"])[0]) for each in (by_role, by_both))
    assert one == pytest.approx(other, rel=0.05)  # of what was free just then
    again = machine.apply("--diff")
    assert (again.worked, again.changed) == (True, 0), again.said
    assert machine.state() == by_both


def test_what_the_initialization_action_has_made_the_role_leaves_as_it_is(machine):
    assert machine.node.configure().returncode == 0
    by_action = machine.state()
    applied = machine.apply("--diff")
    assert applied.worked, applied.said
    assert machine.state() == by_action


def inside(lab: Lab, *command: str) -> None:
    subprocess.run(["nsenter", "--target", str(lab.pid), "--net", *command], check=True, timeout=30)


@contextlib.contextmanager
def away(lab: Lab) -> Iterator[None]:
    """Let nothing through to the NFS server: as behind a firewall that answers nobody."""
    inside(lab, "nft", "add table ip away; add chain ip away in { type filter hook input priority 0; }")
    inside(lab, "nft", "add rule ip away in tcp dport { 111, 2049 } drop; add rule ip away in udp dport 111 drop")
    yield
    inside(lab, "nft", "delete table ip away")


def test_it_boots_while_the_filestore_is_away_and_has_it_once_that_is_back(machine, lab):
    (lab.export / "there").touch()
    assert (applied := machine.apply()).worked, applied.said
    node = machine.node
    node.sh("cat /shared/there")
    # Sooner than in 45 s; and remote-fs.target, which these machines have no use for otherwise.
    node.sh("sed -i s/mount-timeout=45/mount-timeout=3/ /etc/fstab; rm /etc/systemd/system/remote-fs.target")
    with away(lab):
        node.sh("systemctl reboot --no-block")
        lab.ready(node.name)
        until(lambda: node.sh("systemctl is-active multi-user.target", check=False).stdout.strip() == "active")
        assert node.sh("timeout 60 cat /shared/there", check=False).returncode not in (0, 124)
    until(lambda: node.sh("timeout 60 cat /shared/there", check=False).returncode == 0)


def test_another_export_takes_the_place_of_the_first_unless_somebody_is_there(machine):
    assert (applied := machine.apply()).worked, applied.said
    machine.node.sh(f"echo '{SERVER} filestore' >>/etc/hosts")
    busy = machine.node.sh(BUSY).stdout.strip()
    until(lambda: machine.node.sh(f"readlink /proc/{busy}/cwd").stdout.strip() == "/shared")
    before = machine.node.sh("cat /etc/fstab").stdout
    refused = machine.apply(dask_config_filestore="filestore:/vol1")
    assert not refused.worked
    assert machine.node.sh("cat /etc/fstab").stdout == before
    active = machine.node.sh("systemctl is-active shared.automount shared.mount", check=False).stdout.split()
    assert active == ["active", "active"]
    machine.node.sh(f"kill {busy}")
    changed = machine.apply(dask_config_filestore="filestore:/vol1")
    assert changed.worked, changed.said
    (line,) = [line for line in machine.node.sh("cat /etc/fstab").stdout.splitlines() if " /shared " in line]
    assert line.startswith("filestore:/vol1 ")
    machine.node.sh("ls /shared; findmnt /shared")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dask_config_filestore": "10.0.0.2"}, "dask_config_filestore: '10.0.0.2' given, allowed is HOST:/EXPORT"),
        ({"dask_config_users": [{"name": "ana"}]}, "dask_config_users: ana has no uid"),
        ({"dask_config_gcsfs": {"token": "it's"}}, "allowed is any text without '"),
        ({"dask_config_users": [{"uid": 4001}]}, "missing required arguments: name"),
    ],
    ids=["export", "uid", "quote", "name"],
)
def test_what_is_wrong_is_said_before_anything_is_changed(machine, given, said):
    refused = machine.apply(**given)
    assert not refused.worked
    assert said in refused.said
    assert refused.changed == 0
