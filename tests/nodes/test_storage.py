"""configure-storage.sh on Debian nodes: under systemd-nspawn, and with a kernel of its own for NFS and disks."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dask_dataproc.clusters.staging import NODE_PROGRAMS, alone

from .machine import BASE, NETWORK, NFS, NUMBERS, SERVER, Lab, Node, booted, network, until

SCRATCH = "/tmp/dask-worker-space"
FOLDERS = ("spill-directory", "shuffle-data", "temp-downloads")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with network() as lab:
        yield lab


@pytest.fixture
def layer(lab: Lab) -> Path:
    """A folder that lies over the base of a node's root file system, with the script."""
    folder = lab.folder / f"layer-{next(NUMBERS)}"
    (folder / "usr" / "local" / "lib").mkdir(parents=True)
    name = "configure-storage.sh"
    (folder / "usr" / "local" / "lib" / name).write_text(alone(NODE_PROGRAMS / name))
    return folder


@pytest.fixture
def boot(lab: Lab, layer: Path) -> Iterator:
    """Boots a node: ``boot(attributes, disks=[…], disk="2g")``."""
    with contextlib.ExitStack() as ends:

        def start(attributes: dict[str, str], disks: Sequence[str] = (), disk: str = "3g") -> Node:
            return ends.enter_context(booted(lab, layer, attributes, disks, disk))

        yield start


@pytest.fixture
def disks(lab: Lab) -> Iterator[list[str]]:
    """Two local SSDs of 3 GB, empty."""
    loops = []
    for number in range(2):
        image = lab.folder / f"ssd-{next(NUMBERS)}-{number}.img"
        with image.open("wb") as file:
            file.truncate(3 << 30)
        attached = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True, text=True)
        loops.append(attached.stdout.strip())
    yield loops
    for loop in loops:
        subprocess.run(["losetup", "--detach", loop], check=True)


def test_local_ssds_are_formatted_mounted_and_hold_the_scratch_which_a_second_run_keeps(boot, disks):
    node = boot({"dask-runtime": "standalone"}, disks)
    ran = node.configure()
    assert ran.returncode == 0, ran.stderr
    assert "configure-storage: mount the local SSDs: " in ran.stdout
    mounts = node.mounts()
    assert {mounts["/mnt/1"], mounts["/mnt/2"]} == {"/dev/nvme0n1", "/dev/nvme0n2"}
    homes = [mounts[f"{SCRATCH}/{folder}"].partition("[")[0] for folder in FOLDERS]
    assert homes == ["/dev/nvme0n1", "/dev/nvme0n2", "/dev/nvme0n1"]
    owners = node.sh(f"stat --format %U:%a {SCRATCH}/*").stdout.split()
    assert owners == ["dask:700"] * 3
    node.sh(f"runuser -u dask touch {SCRATCH}/spill-directory/kept")
    again = node.configure()
    assert again.returncode == 0, again.stderr
    assert node.mounts() == mounts
    node.sh(f"test -e {SCRATCH}/spill-directory/kept")
    assert node.settings()["TMPDIR"] == f"{SCRATCH}/temp-downloads"


def test_a_disk_that_holds_something_is_left_as_it_is(boot, disks):
    subprocess.run(["mkfs.ext4", "-q", "-L", "theirs", disks[0]], check=True)
    subprocess.run(["mkswap", disks[1]], check=True, stdout=subprocess.DEVNULL)
    before = [beginning(disk) for disk in disks]
    node = boot({"dask-runtime": "standalone"}, disks)
    ran = node.configure()
    assert ran.returncode == 0, ran.stderr
    assert "/dev/nvme0n1 is left alone: it holds ext4" in ran.stdout
    assert "/dev/nvme0n2 is left alone: it holds swap" in ran.stdout
    assert "scratch on the boot disk" in ran.stdout
    assert [beginning(disk) for disk in disks] == before


def beginning(disk: str) -> bytes:
    with open(disk, "rb") as file:
        return file.read(64 << 20)


def test_disks_that_dataproc_has_mounted_are_used_as_they_are(boot, disks):
    subprocess.run(["mkfs.ext4", "-q", disks[0]], check=True)
    node = boot({"dask-runtime": "standalone"}, disks[:1])
    node.sh("mkdir -p /mnt/1 && mount /dev/nvme0n1 /mnt/1 && mkdir /mnt/1/hadoop")
    assert node.configure().returncode == 0
    mounts = node.mounts()
    assert {mounts[f"{SCRATCH}/{folder}"].partition("[")[0] for folder in FOLDERS} == {"/dev/nvme0n1"}
    assert "/mnt/2" not in mounts
    node.sh("test -d /mnt/1/hadoop")


def test_without_local_ssds_scratch_is_on_the_boot_disk_and_spills_less_than_is_free(boot):
    node = boot({"dask-runtime": "standalone"})
    assert "scratch on the boot disk" in node.configure().stdout
    free = int(node.sh(f"df --output=avail --block-size=1 {SCRATCH} | tail -n 1").stdout)
    assert int(node.settings()["DASK_DISTRIBUTED__WORKER__MEMORY__MAX_SPILL"]) == pytest.approx(free * 0.8, rel=0.02)


def test_a_full_disk_is_named(boot):
    node = boot({"dask-runtime": "standalone"}, disk="700m")
    last = node.refused()
    assert last.startswith("configure-storage: could not lay out the scratch: worker_disk_gb: ")
    assert last.endswith("MB free, at least 1073 MB are needed")


def test_containers_of_yarn_may_write_to_the_scratch(boot):
    node = boot({"dask-runtime": "standalone"})
    node.tell({"dask-runtime": "yarn"})
    assert node.configure().returncode == 0
    node.sh(f"runuser -u nobody touch {SCRATCH}/spill-directory/of-a-container")


def test_the_filestore_is_mounted_with_its_folders_and_what_is_there_stays(boot, lab):
    (lab.export / "projects").mkdir(mode=0o750)
    node = boot({"dask-runtime": "standalone", "dask-filestore": f"{SERVER}:/vol1"})
    ran = node.configure()
    assert ran.returncode == 0, ran.stderr
    assert node.sh("systemctl is-active shared.mount").stdout.strip() == "active"
    modes = node.sh("cd /shared && stat --format %n:%a data/input data/output projects dask-tmp dask-state").stdout
    assert modes.split() == ["data/input:1777", "data/output:1777", "projects:750", "dask-tmp:1777", "dask-state:1777"]
    node.sh("runuser -u dask touch /shared/dask-tmp/shared-by-all")
    assert (lab.export / "dask-tmp" / "shared-by-all").exists()
    assert node.configure().returncode == 0


@pytest.mark.parametrize(
    ("filestore", "last"),
    [
        (
            f"{SERVER}:/wrong",
            f"could not mount the Filestore: filestore: {SERVER}:/wrong: mount.nfs: access denied by server "
            f"while mounting {SERVER}:/wrong",
        ),
        (
            f"{NETWORK}.250:/vol1",
            f"could not reach the Filestore: filestore: no NFS server answers at {NETWORK}.250:2049",
        ),
        (SERVER, f"could not read the attributes: filestore: '{SERVER}' given, allowed is HOST:/EXPORT"),
    ],
    ids=["wrong-export", "no-server", "no-export"],
)
def test_a_filestore_that_is_none_is_named_within_a_minute(filestore, last, boot):
    node = boot({"dask-runtime": "standalone", "dask-filestore": filestore})
    assert node.refused() == f"configure-storage: {last}"
    assert node.seconds < 60
    node.tell({"dask-runtime": "standalone", "dask-filestore": f"{SERVER}:/vol1"})
    assert node.configure().returncode == 0  # put right, the same node goes on


def test_a_metadata_server_that_answers_late_or_503_at_first_is_waited_for(boot):
    node = boot({"dask-runtime": "standalone"})
    node.tell({"dask-runtime": "standalone"}, refuse=3, slow=0.5)
    assert node.configure().returncode == 0


WORKER = f"""\
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=findmnt /shared
ExecStart=findmnt {SCRATCH}/spill-directory

[Install]
WantedBy=multi-user.target
"""
"""Stands for Dask's own: it starts only where the storage is."""


def test_a_reboot_makes_the_scratch_and_the_mounts_anew_before_dask_starts(boot, disks):
    node = boot({"dask-runtime": "standalone", "dask-filestore": f"{SERVER}:/vol1"}, disks)
    node.sh(f"cat >/etc/systemd/system/dask-worker.service <<'END'\n{WORKER}END\nsystemctl enable --quiet dask-worker")
    assert node.configure().returncode == 0
    before = node.mounts()
    node.sh(f"runuser -u dask touch {SCRATCH}/spill-directory/stale; systemctl reboot --no-block")
    node.lab.ready(node.name)
    until(lambda: node.sh("systemctl is-active dask-storage.service", check=False).stdout.strip() == "active")
    until(lambda: node.sh("systemctl is-system-running", check=False).stdout.strip() in ("running", "degraded"))
    assert ours(node.mounts()) == ours(before)
    assert node.sh("systemctl is-active dask-worker.service", check=False).stdout.strip() == "active"


def ours(mounts: dict[str, str]) -> dict[str, str]:
    return {path: source for path, source in mounts.items() if path.startswith((SCRATCH, "/mnt", "/shared"))}


FIRST = f"""\
#!/bin/bash
# What the node with a kernel of its own does at its boots; it says so in /report.
boot=$(cat /etc/boot-number)
exec >"/report/boot-$boot.log" 2>&1
if [[ $boot == 1 ]]; then
  bash -c ". /usr/local/lib/configure-storage.sh; trap 'say_the_end \\$?' EXIT; filestore={SERVER}:/wrong
    step 'mount the Filestore' mount_filestore" 2>/report/wrong
  bash /usr/local/lib/configure-storage.sh && bash /usr/local/lib/configure-storage.sh
  echo $? >/report/status
else
  systemctl show --property Result --value dask-storage.service >/report/status
fi
findmnt --json --list --output TARGET,SOURCE,FSTYPE,OPTIONS >"/report/mounts-$boot"
cd {SCRATCH}/spill-directory
file=of-boot-$boot
head --bytes 1M /dev/urandom | tee "/shared/dask-tmp/$file" "$file" | sha256sum >"/report/sum-$boot"
ls >"/report/spilled-$boot"
systemctl poweroff --no-block
"""
UNITS = {
    "lab-network.service": """\
[Unit]
DefaultDependencies=no
Before=network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip link set lo up
ExecStart=ip link set vec0 mtu 1400 up
ExecStart=ip address add ADDRESS/24 dev vec0
ExecStart=ip route add 169.254.169.254 dev vec0
""",
    "lab-first.service": """\
[Unit]
After=network-online.target dask-storage.service
Wants=network-online.target
[Service]
Type=oneshot
ExecStart=/usr/local/lib/first.sh
""",
}
BY_ID = 'KERNEL=="ubda", SYMLINK+="disk/by-id/google-local-nvme-ssd-0"\n'
"""As Google's own rules name a local SSD."""


def furnish(layer: Path, address: str) -> None:
    """Make a layer of a node that boots with a kernel of its own."""
    files = {f"etc/systemd/system/{name}": text.replace("ADDRESS", address) for name, text in UNITS.items()}
    files |= {"usr/local/lib/first.sh": FIRST, "etc/udev/rules.d/65-disks.rules": BY_ID, "etc/hostname": "uml\n"}
    files["etc/hosts"] = "127.0.0.1 localhost\n169.254.169.254 metadata.google.internal\n"
    for name, text in files.items():
        path = layer / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    wanted = layer / "etc" / "systemd" / "system" / "multi-user.target.wants"
    wanted.mkdir()
    for name in UNITS:
        (wanted / name).symlink_to(f"../{name}")
    (wanted.parent / "dataproc-agent.service").symlink_to("/dev/null")


def test_a_real_kernel_mounts_nfs_4_1_and_formats_a_disk_and_has_both_again_after_a_reboot(lab, layer):
    """Debian's kernel in user mode: NFS by its own client, a disk by udev's names; two boots of the same node."""
    address, report = f"{NETWORK}.200", lab.folder / "report"
    report.mkdir()
    furnish(layer, address)
    lab.tell(address, "uml", {"dask-runtime": "standalone", "dask-filestore": f"{SERVER}:/vol1"})
    with (ssd := lab.folder / "ssd.img").open("wb") as file:
        file.truncate(3 << 30)
    environment = {"LAB": str(lab.pid), "LOWER": f"{layer}:{BASE}", "SSD": str(ssd), "REPORT": str(report)}
    (lab.folder / "uml").mkdir()
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", str(NFS / "uml.sh")]
    booting = lab.start(command, "uml/console", cwd=lab.folder / "uml", env=os.environ | environment)
    assert booting.wait(280) == 0, (lab.folder / "uml" / "console.log").read_text()[-2000:]

    said = {path.name: path.read_text() for path in report.iterdir()}
    assert said["status"] == "success\n", said
    wrong = said["wrong"].splitlines()[-1]
    assert wrong.startswith(
        f"configure-storage: could not mount the Filestore: filestore: {SERVER}:/wrong: mount.nfs: "
    )
    for boot in ("1", "2"):
        mounts = {entry["target"]: entry for entry in json.loads(said[f"mounts-{boot}"])["filesystems"]}
        assert mounts["/shared"]["fstype"] == "nfs4"
        assert {"vers=4.1", "hard", "nosuid", "nodev"} <= set(mounts["/shared"]["options"].split(","))
        assert mounts["/mnt/1"]["source"] == "/dev/ubda"
        assert mounts[f"{SCRATCH}/spill-directory"]["source"].startswith("/dev/ubda[")
        written = hashlib.sha256((lab.export / "dask-tmp" / f"of-boot-{boot}").read_bytes()).hexdigest()
        assert said[f"sum-{boot}"].split()[0] == written
    assert said["spilled-2"].split() == ["of-boot-1", "of-boot-2"]  # the same file system, not a new one
