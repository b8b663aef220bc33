"""configure-storage.sh on Debian nodes: under systemd-nspawn, and with a kernel of its own for NFS and disks."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
BASE, IMAGE, NFS = ROOT / "build" / "nodes" / "base", ROOT / "emulator" / "image", Path(__file__).parent / "nfs"
SCRIPT = ROOT / "init_actions" / "configure-storage.sh"
NETWORK, SERVER = "10.97.64", "10.97.64.1"
NEEDED = {
    "systemd-nspawn": "apt-get install systemd-container",
    "dnsmasq": "apt-get install dnsmasq-base",
    "ganesha.nfsd": "bash tests/nodes/nfs/setup.sh",
    "linux.uml": "bash tests/nodes/nfs/setup.sh",
}
SCRATCH, SETTINGS = "/tmp/dask-worker-space", "/etc/dask-dataproc/node.env"
FOLDERS = ("spill-directory", "shuffle-data", "temp-downloads")


class Lab:
    """The network of the nodes with its metadata server, and a folder for their files; all of it goes at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.nodes, self.export = folder, folder / "metadata", folder / "export"
        for each in (self.nodes, self.export, folder / "hosts"):
            each.mkdir()
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(folder / "notify"))
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> Lab:
        server = [sys.executable, "-m", "dask_dataproc.emulator.metadata_server", *[str(self.nodes)]]
        server += [str(self.folder / "notify")] * 2
        network = ["bash", str(IMAGE / "lab.sh"), NETWORK, str(self.folder / "hosts"), "", *server]
        self.pid = self.start(["unshare", "--net", *network], "lab").pid
        self.ready("lab")
        return self

    def __exit__(self, *_: object) -> None:
        inside = [p for p in psutil.process_iter() if _network(p.pid) == _network(self.pid)]
        self._ends.close()
        for process in inside:  # servers that have changed their user outlive whoever started them
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(inside, timeout=30)
        self._notify.close()

    def start(self, command: list[str], name: str, **how: object) -> subprocess.Popen[bytes]:
        """Start a process that is killed at the end; what it says goes to ``name``.log."""
        log = (self.folder / f"{name}.log").open("wb")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **how)  # pyright: ignore

        def end() -> None:
            process.kill()
            process.wait(30)
            log.close()

        self._ends.callback(end)
        return process

    def ready(self, name: str, timeout: float = 120) -> None:
        """Wait until ``name`` says that it is."""
        self._notify.settimeout(timeout)
        while f"X_VM={name}\n" not in (said := self._notify.recv(4096).decode()) or "READY=1" not in said:
            pass

    def serve_nfs(self) -> None:
        """Export the lab's folder as /vol1."""
        inside = ["nsenter", "--target", str(self.pid), "--net", "unshare", "--mount"]
        self.start([*inside, str(NFS / "serve.sh"), SERVER, str(self.export)], "nfs")
        probe = ["nsenter", "--target", str(self.pid), "--net", "bash", "-c", f": <>/dev/tcp/{SERVER}/2049"]
        until(lambda: subprocess.run(probe, stderr=subprocess.DEVNULL).returncode == 0)
        until(lambda: "NFS SERVER INITIALIZED" in (self.folder / "nfs.log").read_text())

    def tell(self, address: str, name: str, attributes: dict[str, str], **misbehaviour: float) -> None:
        """Set a node's metadata."""
        metadata = {"instance": {"name": name, "attributes": attributes, "network-interfaces": {"0": {"ip": address}}}}
        new = self.nodes / "new"
        new.write_text(json.dumps({"vm": name, "metadata": metadata} | misbehaviour))
        new.rename(self.nodes / f"{address}.json")


def _leads(process: psutil.Process) -> bool:
    """Whether it is a node's first process; others come and go."""
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = process.parent()
        return process.name() == "systemd" and parent is not None and parent.name() == "systemd-nspawn"
    return False


@dataclass
class Node:
    """A Debian node that runs."""

    lab: Lab
    name: str
    address: str
    process: psutil.Process
    script: str = "/usr/local/lib/configure-storage.sh"
    seconds: float = field(default=0.0)

    def tell(self, attributes: dict[str, str], **misbehaviour: float) -> None:
        self.lab.tell(self.address, self.name, attributes, **misbehaviour)

    def sh(self, command: str, *, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run ``command`` as root on the node."""
        leader = next(filter(_leads, self.process.children(recursive=True)))
        spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--wdns=/"]
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "bash", "-c", command]
        return subprocess.run(
            ["nsenter", "--target", str(leader.pid), *spaces, *clean],
            check=check,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def configure(self) -> subprocess.CompletedProcess[str]:
        """Run the init action."""
        began = time.monotonic()
        ran = self.sh(f"bash {self.script}", check=False)
        self.seconds = time.monotonic() - began
        return ran

    def refused(self) -> str:
        """Run the init action, which fails, and return its last line."""
        ran = self.configure()
        assert ran.returncode != 0, ran.stdout
        return ran.stderr.splitlines()[-1]

    def settings(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.sh(f"cat {SETTINGS}").stdout.splitlines())

    def mounts(self) -> dict[str, str]:
        """What is mounted where."""
        said = self.sh("findmnt --json --list --output TARGET,SOURCE").stdout
        return {entry["target"]: entry["source"] for entry in json.loads(said)["filesystems"]}


def _network(pid: int) -> str:
    """The network that a process is in."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return f"none of {pid}"


def until(holds, timeout: float = 60.0) -> None:
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end, f"not so after {timeout} s"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    missing = {name: how for name, how in NEEDED.items() if not shutil.which(name, path="/usr/sbin:/usr/bin")}
    if missing:
        pytest.fail(f"{', '.join(missing)} missing: {'; '.join(sorted(set(missing.values())))}", pytrace=False)
    if not (BASE / "etc" / "lab-base").exists():
        pytest.fail(f"{BASE} is missing: bash tests/nodes/setup.sh", pytrace=False)
    with tempfile.TemporaryDirectory(prefix="dd-storage-", dir="/var/tmp") as folder, Lab(Path(folder)) as network:
        network.serve_nfs()
        yield network


@pytest.fixture
def layer(lab: Lab) -> Path:
    """A folder that lies over the base of a node's root file system, with the script."""
    folder = lab.folder / f"layer-{next(NUMBERS)}"
    (folder / "usr" / "local" / "lib").mkdir(parents=True)
    shutil.copy(SCRIPT, folder / "usr" / "local" / "lib")
    return folder


@pytest.fixture
def boot(lab: Lab, layer: Path) -> Iterator:
    """Boots a node: ``boot(attributes, disks=[…], disk="2g")``."""
    with contextlib.ExitStack() as ends:

        def start(attributes: dict[str, str], disks: list[str] | None = None, disk: str = "3g") -> Node:
            name, address = f"node-{next(NUMBERS)}", f"{NETWORK}.{next(NUMBERS) + 20}"
            lab.tell(address, name, attributes)
            (layer / "usr" / "sbin").mkdir(exist_ok=True)
            shutil.copy(NFS / "mount.nfs", layer / "usr" / "sbin")
            binds = [f"--bind={disk}:/dev/nvme0n{at}" for at, disk in enumerate(disks or [], 1)]
            environment = {
                "NAME": name,
                "ADDRESS": address,
                "DOMAIN": "c.p.internal",
                "NETWORK": NETWORK,
                "LAB": str(lab.pid),
                "LOWER": f"{layer}:{BASE}",
                "GROUP": f"dd-{name}-{os.getpid()}",
                "DISK": disk,
                "ARGUMENTS": " ".join([*binds, f"--bind={lab.export}:/run/exports/vol1"]),
            }
            folder = lab.folder / name
            folder.mkdir()
            command = ["unshare", "--mount", "--net", "bash", str(IMAGE / "node.sh")]
            process = lab.start(
                command, f"{name}/console", cwd=folder, env=os.environ | environment, start_new_session=True
            )
            ends.callback(_power_off, process, environment["GROUP"])
            lab.ready(name)
            return Node(lab, name, address, psutil.Process(process.pid))

        yield start


NUMBERS = iter(range(1, 200))


def _power_off(process: subprocess.Popen[bytes], group: str) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    until(lambda: not _groups(group))


def _groups(group: str) -> list[Path]:
    """Remove a node's control groups, and return those that are busy still."""
    tops = [top for at in ("", "systemd", "unified") if (top := Path("/sys/fs/cgroup", at, group)).exists()]
    for top in tops:
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
    return [top for top in tops if top.exists()]


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
