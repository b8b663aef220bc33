"""install-dask.sh on Debian nodes without internet: where an environment comes from, and what happens if it cannot."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from uv import find_uv_bin

from dask_dataproc.clusters.staging import NODE_PROGRAMS, alone

from .staged import Staging, cutting

CLUSTER, FIRST, SECOND = "install", "install-w-0", "install-w-1"
PLACE, SCRIPT = "/opt/dask-dataproc", "/opt/install-dask.sh"
PACKAGES = {"alpha": "1.0", "beta": "2.0"}
OTHER_PYTHONS = ("3.12", "3.13", "3.10", "3.14")


@dataclass(frozen=True)
class Ran:
    """How a run of the script ended, in how many seconds."""

    status: int
    said: str
    seconds: float

    @property
    def last_line(self) -> str:
        return self.said.splitlines()[-1]


IDLE = """\
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=
ExecStart=/bin/true
"""
"""What takes the place of the one program of such a node, for which these environments are too small."""


class Node:
    """A node on which install-dask.sh is run by hand: of runtime yarn, where a worker has no Dask to start."""

    def __init__(self, lab, name: str) -> None:
        self.lab, self.name, self.address = lab, name, lab.address(name)
        text = base64.b64encode(alone(NODE_PROGRAMS / "install-dask.sh").encode()).decode()
        self.sh(f"umount -q {PLACE}; rm -rf {PLACE}; base64 -d <<<{text} >{SCRIPT}", check=False)
        drop_in = "/etc/systemd/system/dask-departure.service.d"
        self.sh(f"mkdir -p {drop_in}; echo '{IDLE}' >{drop_in}/idle.conf")

    def sh(self, command: str, check: bool = True) -> str:
        return self.lab.run(self.name, command, check=check)

    def tell(self, attributes: dict[str, str], **misbehaviour: float) -> None:
        """Change the node's metadata, and how its server behaves."""
        change = {"metadata": {"instance": {"attributes": attributes}}} | misbehaviour
        self.lab.machines.lab.change(self.address, change)

    def install(self, environment: str, command: str = "", **attributes: str) -> Ran:
        """Run the init action, or one of its commands."""
        told = {"dask-environment": environment, "dask-nodes": re.sub("/environments/.*", "/nodes/1.0", environment)}
        self.tell(told | {name.replace("_", "-"): value for name, value in attributes.items()})
        began = time.monotonic()
        said, _, status = self.sh(f"bash {SCRIPT} {command}; echo status=$?", check=False).rpartition("status=")
        return Ran(int(status), said.strip(), time.monotonic() - began)

    def packages(self) -> dict[str, str]:
        """What its environment has."""
        code = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
        return json.loads(self.sh(f"{PLACE}/env/bin/python -c '{code}'"))

    def left_over(self) -> str:
        """What is there besides what an installed node has."""
        return self.sh(
            f"find {PLACE} -mindepth 1 -maxdepth 1 ! -name env ! -name node ! -name python ! -name job.py; "
            "find /tmp /run -maxdepth 1 -name 'tmp.*' -o -maxdepth 1 -name '*.netrc'"
        )


@pytest.fixture(scope="module")
def cluster(shared_lab) -> Iterator[None]:
    """Three nodes, on which nothing is installed."""
    with shared_lab.laptop.here():
        shared_lab.create(CLUSTER)
        yield
        shared_lab.delete(CLUSTER)


@pytest.fixture
def node(cluster, lab) -> Iterator[Node]:
    yield from _fresh(lab, FIRST)


@pytest.fixture
def second(cluster, lab) -> Iterator[Node]:
    yield from _fresh(lab, SECOND)


def _fresh(lab, name: str) -> Iterator[Node]:
    node = Node(lab, name)
    node.tell({"dask-runtime": "yarn", "dask-storage-endpoint": lab.storage})
    yield node
    node.tell({"dask-storage-endpoint": lab.storage, "dask-python-downloads": ""}, slow=0, refuse=0)


@pytest.fixture
def staging(lab, bucket) -> Staging:
    return Staging(lab, bucket)


@pytest.fixture
def published(staging, node) -> str:
    """An environment with an archive that a node has made."""
    environment = staging.environment("published", PACKAGES)
    built = node.install(environment)
    assert built.status == 0, built.said
    said = node.install(environment, "publish")
    assert said.status == 0, said.said
    return environment


def test_the_first_node_builds_what_the_lock_says(staging, node):
    ran = node.install(staging.environment("cold", PACKAGES))
    assert ran.status == 0, ran.said
    assert node.packages() == PACKAGES
    assert "unpacked" not in ran.said
    assert set(re.findall(r"^install-dask: (.+): [\d.]+ s$", ran.said, re.M)) >= {
        "read the attributes",
        "get the environment",
        "install the node programs",
        "make the account",
    }
    assert node.left_over() == ""
    assert node.sh("bash -lc 'command -v python'") == f"{PLACE}/env/bin/python"


def test_later_nodes_unpack_the_archive_and_need_no_lock(staging, lab, published, second):
    for name in ("requirements.txt", "wheels/alpha-1.0-py3-none-any.whl"):
        lab.put(staging.bucket, f"dask/environments/published/{name}", "not to be read")
    ran = second.install(published)
    assert ran.status == 0, ran.said
    assert "unpacked from its archive" in ran.said
    assert second.packages() == PACKAGES
    assert second.left_over() == ""


def test_nodes_that_race_leave_one_archive(staging, node, second):
    environment = staging.environment("raced", PACKAGES)
    with ThreadPoolExecutor() as pool:
        nodes = (node, second)
        built = list(pool.map(lambda each: each.install(environment), nodes))
        offered = list(pool.map(lambda each: each.install(environment, "publish"), nodes))
    assert [ran.status for ran in built + offered] == [0] * 4, [ran.said for ran in built + offered]
    known = staging.archive(environment).rpartition("/")[2]
    assert staging.names(environment) == sorted(["about.json", "environment.json", "requirements.txt", known])


def test_a_second_run_changes_nothing_and_fetches_no_environment(published, node):
    seen = node.sh(f"find {PLACE}/env | xargs stat --format '%n %i %y'")
    ran = node.install(published)
    assert ran.status == 0, ran.said
    assert "is there already" in ran.said
    assert node.sh(f"find {PLACE}/env | xargs stat --format '%n %i %y'") == seen


def test_a_run_that_was_killed_is_no_obstacle_to_the_next(published, second):
    second.sh(f"mkdir -p {PLACE}/new/env/bin && touch {PLACE}/new/env/half")
    assert second.install(published).status == 0
    assert (second.packages(), second.left_over()) == (PACKAGES, "")


def test_one_package_more_is_installed_onto_the_archive_of_the_rest(staging, published, second):
    more = staging.environment("more", {"alpha": "1.0", "gamma": "3.0"}, base="published")
    ran = second.install(more)
    assert ran.status == 0, ran.said
    assert "built on environment published" in ran.said
    assert second.packages() == {"alpha": "1.0", "gamma": "3.0"}, "beta is not in the lock any more"


@pytest.mark.parametrize("times", [1, 9])
def test_a_download_that_breaks_off_is_tried_again_and_then_done_without(lab, published, second, times):
    with cutting(lab, times) as (storage, cut):
        ran = second.install(published, dask_storage_endpoint=storage)
    assert ran.status == 0, ran.said
    assert ran.said.count("is not whole") == len(cut) == min(times, 3)
    assert ("unpacked from its archive" in ran.said) == (times == 1)
    assert (second.packages(), second.left_over()) == (PACKAGES, "")


def test_an_archive_that_is_not_what_was_published_is_not_used(staging, lab, published, second):
    lab.put(staging.bucket, staging.archive(published), b"\x28\xb5\x2f\xfd somebody else's bytes")
    ran = second.install(published)
    assert ran.status == 0, ran.said
    assert "is not whole" in ran.said
    assert "unpacked from its archive" not in ran.said
    assert (second.packages(), second.left_over()) == (PACKAGES, "")


def test_the_next_master_that_builds_replaces_an_archive_that_is_broken(staging, lab, published, node, second):
    lab.put(staging.bucket, staging.archive(published), b"broken")
    seen = json.loads(lab.get(f"{published}/environment.json"))
    node.sh(f"rm -rf {PLACE}/env")
    rebuilt = node.install(published)
    assert rebuilt.status == 0, rebuilt.said
    generation = node.sh(f". {SCRIPT}; storage={lab.storage}; generation {published}/environment.json")
    assert node.install(published, "publish 0").status == 0
    assert json.loads(lab.get(f"{published}/environment.json")) == seen, (
        "what is there stays, unless it is known broken"
    )
    assert node.install(published, f"publish {generation}").status == 0
    ran = second.install(published)
    assert "unpacked from its archive" in ran.said


def test_an_archive_with_another_hash_than_was_published_is_not_used(staging, lab, published, second):
    known = json.loads(lab.get(f"{published}/environment.json")) | {"sha256": hashlib.sha256(b"").hexdigest()}
    lab.put(staging.bucket, "dask/environments/published/environment.json", json.dumps(known))
    ran = second.install(published)
    assert ran.status == 0, ran.said
    assert "unpacked from its archive" not in ran.said
    assert second.packages() == PACKAGES


@pytest.mark.parametrize(
    ("line", "named"),
    [("nothing-at-all==9.1\n", "nothing-at-all==9.1"), ("./wheels/broken-1.0-py3-none-any.whl\n", "broken==1.0")],
)
def test_a_package_that_cannot_be_installed_is_named_on_the_last_line(staging, lab, node, line, named):
    index = f"--index-url {lab.storage}/{staging.bucket}/simple/\n"  # has nothing
    environment = staging.environment("bad", PACKAGES, extra=index + line)
    lab.put(staging.bucket, "dask/environments/bad/wheels/broken-1.0-py3-none-any.whl", "no wheel")
    ran = node.install(environment)
    assert ran.status != 0, ran.said
    assert ran.last_line.startswith(f"install-dask: could not get the environment: package {named}"), ran.said
    assert "cannot be installed" in ran.last_line
    assert ran.seconds < 90
    assert node.sh(f"ls {PLACE}/env", check=False).endswith("No such file or directory")


def test_an_index_that_cannot_be_reached_is_told_from_a_package_that_is_not_there(staging, node):
    ran = node.install(staging.environment("far", PACKAGES, extra="nothing-at-all==9.1\n"))
    assert ran.status != 0
    assert ran.last_line.startswith("install-dask: could not get the environment: an index cannot be reached"), ran.said
    assert ran.seconds < 60


@pytest.mark.parametrize("there", ["archive", "lock"])
def test_a_full_disk_is_named(staging, published, second, there):
    second.sh(f"mkdir -p {PLACE} && mount -t tmpfs -o size=16k full {PLACE}")
    environment = published if there == "archive" else staging.environment("large", PACKAGES)
    ran = second.install(environment)
    assert ran.status != 0, ran.said
    assert re.match("install-dask: could not get the environment: .*No space left on device", ran.last_line), ran.said
    assert "package" not in ran.last_line, "no package is to blame"
    assert ran.seconds < 60


def test_a_place_that_cannot_be_written_to_is_named(staging, node):
    node.sh(f"mkdir -p {PLACE} && mount -t tmpfs -o ro none {PLACE}")
    ran = node.install(staging.environment("readonly", PACKAGES))
    assert ran.status != 0
    assert re.match("install-dask: could not get the environment: .*Read-only file system", ran.last_line), ran.said


def test_a_metadata_server_that_is_busy_at_first_is_asked_again(staging, node):
    environment = staging.environment("busy", PACKAGES)
    node.tell({}, refuse=3, slow=0.2)
    ran = node.install(environment)
    assert ran.status == 0, ran.said
    assert node.packages() == PACKAGES
    assert ran.seconds < 60


def test_a_python_that_the_node_lacks_is_brought_and_travels_in_the_archive(staging, lab, node, second):
    version, interpreter = other_python()
    minor = ".".join(version.split(".")[:2])
    environment = staging.environment("other", PACKAGES, python=minor)
    url = downloads(lab, staging.bucket, version, interpreter)
    built = node.install(environment, dask_python_downloads=url)
    assert built.status == 0, built.said
    assert node.install(environment, "publish").status == 0
    unpacked = second.install(environment)
    assert unpacked.status == 0, unpacked.said
    assert "unpacked from its archive" in unpacked.said
    for each in (node, second):
        assert each.sh(f"{PLACE}/env/bin/python --version") == f"Python {version}"
        assert each.packages() == PACKAGES
        assert each.sh(f"{PLACE}/env/bin/python -c 'import sys; print(sys.base_prefix)'").startswith(f"{PLACE}/python/")


def other_python() -> tuple[str, Path]:
    """A Python of this machine that Debian 12 does not have: its version and its interpreter."""
    pyenv = Path.home() / ".pyenv" / "versions"
    for minor in OTHER_PYTHONS:
        find = [find_uv_bin(), "python", "find", "--no-project", minor]
        said = subprocess.run(find, capture_output=True, text=True).stdout.strip()
        for found in [*pyenv.glob(f"{minor}.*/bin/python{minor}"), *([Path(said)] if said else [])]:
            version = subprocess.check_output([found, "--version"], text=True).split()[1]
            return version, found.resolve()
    pytest.fail(f"no other Python than 3.11 is here: uv python install {OTHER_PYTHONS[0]}", pytrace=False)


def downloads(lab, bucket: str, version: str, interpreter: Path) -> str:
    """A mirror of Pythons in the lab's Cloud Storage: the URL of uv's list of what it has."""
    packed = _packed(interpreter)
    name = f"cpython-{version}-x86_64-unknown-linux-gnu-install_only.tar.gz"
    lab.put(bucket, f"pythons/{name}", packed)
    major, minor, patch = map(int, version.split("."))
    about = {
        "name": "cpython",
        "arch": {"family": "x86_64", "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "url": f"{lab.storage}/{bucket}/pythons/{name}",
        "sha256": hashlib.sha256(packed).hexdigest(),
        "variant": None,
        "build": "20260101",
    }
    lab.put(bucket, "pythons/list.json", json.dumps({f"cpython-{version}-linux-x86_64-gnu": about}))
    return f"{lab.storage}/{bucket}/pythons/list.json"


def _packed(interpreter: Path) -> bytes:
    """An installation as python-build-standalone packs it, without what no program needs."""
    home, packed = interpreter.parents[1], io.BytesIO()
    minor = re.sub(r"^python", "", interpreter.name)
    skipped = re.compile(r"/(test|tests|idlelib|ensurepip|site-packages|config-3[^/]*|__pycache__)(/|$)|\.(a|pyc)$")

    def wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if skipped.search(member.name) else member

    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        archive.addfile(*_movable(interpreter, home, f"python/bin/python{minor}"))
        for folder in (f"lib/python{minor}", f"include/python{minor}"):
            archive.add(home / folder, f"python/{folder}", filter=wanted)
        for library in (home / "lib").glob("libpython*.so*"):
            archive.add(library, f"python/lib/{library.name}")
        for link in ("python3", "python"):
            member = tarfile.TarInfo(f"python/bin/{link}")
            member.type, member.linkname = tarfile.SYMTYPE, f"python{minor}"
            archive.addfile(member)
    return packed.getvalue()


def _movable(interpreter: Path, home: Path, name: str) -> tuple[tarfile.TarInfo, io.BytesIO]:
    """The interpreter, which looks for its library beside itself and not where it was built."""
    built = f"{home}/lib\0".encode()
    content = interpreter.read_bytes().replace(built, b"$ORIGIN/../lib".ljust(len(built), b"\0"))
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o755
    return member, io.BytesIO(content)
