"""A repository on a node: the right commit, whole, importable, by a key or token that nothing keeps; or a line why."""

from __future__ import annotations

import contextlib
import datetime
import getpass
import importlib
import ipaddress
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dask_dataproc.init_actions import git_access, git_bootstrap
from dask_dataproc.init_actions.git_access import GitError
from dask_dataproc.init_actions.git_bootstrap import bootstrap, make_importable

HERE = Path(__file__).parent
TOKEN = "ghp_t0p/s3cret+of=ana"
SECRET = "projects/p/secrets/etl"
MODULE = "dask_dataproc_trial_etl"


def git(*arguments: str, folder: Path) -> str:
    who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "init.defaultBranch=main"]
    ran = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


class Repository:
    """A bare repository with a history: v1 (a tag), main after it, and a branch ``next`` with its code in src/."""

    def __init__(self, folder: Path) -> None:
        self.work, self.bare = folder / "work", folder / "served" / "etl.git"
        self.work.mkdir(parents=True)
        self.bare.parent.mkdir()
        git("init", "-q", folder=self.work)
        self.first = self.commit("one", f"{MODULE}.py")
        git("tag", "-a", "v1", "-m", "first", folder=self.work)
        self.main = self.commit("two", f"{MODULE}.py")
        git("checkout", "-q", "-b", "next", folder=self.work)
        self.next = self.commit("three", f"src/{MODULE}/__init__.py")
        git("checkout", "-q", "main", folder=self.work)
        git("clone", "-q", "--bare", str(self.work), str(self.bare), folder=folder)
        git("update-server-info", folder=self.bare)

    def commit(self, what: str, file: str) -> str:
        path = self.work / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"SAID = {what!r}\n")
        git("add", ".", folder=self.work)
        git("commit", "-q", "-m", what, folder=self.work)
        return git("rev-parse", "HEAD", folder=self.work)

    def move(self, branch: str, commit: str) -> None:
        git("push", "-q", "--force", str(self.bare), f"{commit}:refs/heads/{branch}", folder=self.work)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@contextlib.contextmanager
def served(*command: str) -> Iterator[int]:
    """Run a server that prints its port."""
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            server.terminate()


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Attributes of a node whose Secret Manager is ours; what it holds is written to ``secrets.json``."""
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({f"{SECRET}/versions/latest": TOKEN, "projects/p/secrets/other/versions/3": None}))
    with served(str(HERE / "secret_manager.py"), "127.0.0.1", str(file)) as port:
        yield {"dask-secret-endpoint": f"127.0.0.1:{port}", "dask-git-secret": SECRET}


@pytest.fixture
def https(tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The repository's URL on a server that asks for the token; its certificate is trusted."""
    pem = tmp_path / "server.pem"
    pem.write_bytes(certificate("127.0.0.1"))
    monkeypatch.setenv("GIT_SSL_CAINFO", str(pem))
    folder = str(repository.bare.parent)
    with served(str(HERE / "git_server.py"), "127.0.0.1", folder, str(pem), f"x-access-token:{TOKEN}") as port:
        yield f"https://127.0.0.1:{port}/etl.git"


def certificate(address: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "git")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM) + private


class Sshd:
    """OpenSSH's own server on loopback, for one deploy key."""

    def __init__(self, folder: Path, path: Path) -> None:
        self.folder = folder
        for name in ("host", "deploy", "other"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
            subprocess.run(command, check=True)
        shutil.copy(folder / "deploy.pub", folder / "authorized_keys")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"

    def key(self, name: str) -> str:
        return (self.folder / name).read_text()

    def known_as(self, name: str) -> str:
        return f"[127.0.0.1]:{self.port} {self.key(f'{name}.pub')}"

    @contextlib.contextmanager
    def running(self) -> Iterator[Sshd]:
        program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
        if not program:
            pytest.fail("sshd is missing: apt-get install openssh-server", pytrace=False)
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        options = {
            "ListenAddress": f"127.0.0.1:{self.port}",
            "HostKey": str(self.folder / "host"),
            "AuthorizedKeysFile": str(self.folder / "authorized_keys"),
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
            "PidFile": "none",
        }
        (self.folder / "config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
        log = str(self.folder / "log")
        with subprocess.Popen([program, "-D", "-f", str(self.folder / "config"), "-E", log]) as server:
            try:
                until(lambda: Path(log).exists() and "Server listening" in Path(log).read_text())
                yield self
            finally:
                server.terminate()


@pytest.fixture
def sshd(tmp_path: Path, repository: Repository) -> Iterator[Sshd]:
    folder = tmp_path / "ssh"
    folder.mkdir()
    with Sshd(folder, repository.bare).running() as server:
        yield server


def until(holds, timeout: float = 20.0) -> None:
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end, f"not so after {timeout} s"
        time.sleep(0.02)


def asked(tmp_path: Path, url: str, ref: str = "", **more: str) -> dict[str, str]:
    """Return the attributes of a node."""
    cluster = {"dask-staging": f"file://{tmp_path}/staging", "dataproc-cluster-uuid": "0b9e5a54"}
    return cluster | {"dask-git-repository": url, "dask-git-ref": ref} | more


def node(tmp_path: Path, name: str = "node") -> Path:
    (tmp_path / name).mkdir(exist_ok=True)
    return tmp_path / name


def head(place: Path) -> str:
    return git("rev-parse", "HEAD", folder=place / "repository")


@pytest.mark.parametrize(
    ("ref", "commit"), [("main", "main"), ("", "main"), ("v1", "first"), ("next", "next"), ("refs/tags/v1", "first")]
)
def test_a_ref_is_checked_out_at_its_commit_which_is_told(ref, commit, repository, tmp_path):
    place = node(tmp_path)
    said = bootstrap(asked(tmp_path, f"file://{repository.bare}", ref), place)
    assert head(place) == getattr(repository, commit)
    assert said.endswith(f"is {getattr(repository, commit)}")
    assert git("status", "--porcelain", folder=place / "repository") == ""


def test_a_commit_in_the_middle_of_history_is_checked_out_by_its_name(repository, tmp_path):
    place = node(tmp_path)
    bootstrap(asked(tmp_path, f"file://{repository.bare}", repository.first), place)
    assert head(place) == repository.first
    assert not (tmp_path / "staging").exists()  # an exact commit needs no agreement


def test_a_server_of_plain_files_does_too(repository, tmp_path):
    serve = "import http.server as h, functools as f; s = h.ThreadingHTTPServer(('127.0.0.1', 0), f.partial("
    serve += f"h.SimpleHTTPRequestHandler, directory={str(repository.bare.parent)!r})); "
    with served("-c", serve + "print(s.server_port, flush=True); s.serve_forever()") as port:
        bootstrap(asked(tmp_path, f"http://127.0.0.1:{port}/etl.git", "v1"), node(tmp_path))
    assert head(node(tmp_path)) == repository.first


@pytest.mark.parametrize(("ref", "said"), [("main", "two"), ("next", "three")])
def test_workers_import_it_from_its_root_or_from_src_and_may_read_it(ref, said, repository, tmp_path):
    place, site = node(tmp_path), node(tmp_path, "site-packages")
    bootstrap(asked(tmp_path, f"file://{repository.bare}", ref), place)
    make_importable(place / "repository", site)
    script = f"import site; site.addsitedir({str(site)!r}); import {MODULE}; print({MODULE}.SAID)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd="/")
    assert ran.stdout == f"{said}\n", ran.stderr
    assert stat.S_IMODE((place / "repository").stat().st_mode) & 0o055 == 0o055


def test_a_second_run_fetches_nothing_and_another_ref_takes_its_place(repository, tmp_path):
    place, url = node(tmp_path), f"file://{repository.bare}"
    bootstrap(asked(tmp_path, url, repository.first), place)
    hidden = repository.bare.rename(tmp_path / "hidden.git")
    bootstrap(asked(tmp_path, url, repository.first), place)
    hidden.rename(repository.bare)
    bootstrap(asked(tmp_path, url, repository.main), place)
    assert head(place) == repository.main


def test_a_node_that_comes_later_gets_the_first_ones_commit_though_the_branch_has_moved(repository, tmp_path):
    given = asked(tmp_path, f"file://{repository.bare}", "main")
    bootstrap(given, node(tmp_path, "first"))
    repository.move("main", repository.next)
    bootstrap(given, node(tmp_path, "later"))
    assert head(node(tmp_path, "later")) == head(node(tmp_path, "first")) == repository.main


def test_nodes_that_boot_at_once_agree(repository, tmp_path):
    given = asked(tmp_path, f"file://{repository.bare}", "main")
    places = [node(tmp_path, f"w-{number}") for number in range(6)]
    booting = [threading.Thread(target=bootstrap, args=(given, place)) for place in places]
    for thread in booting:
        thread.start()
    repository.move("main", repository.next)
    for thread in booting:
        thread.join(60)
    assert len({head(place) for place in places}) == 1


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file into which every git of the node writes its arguments and its environment."""
    log, program = tmp_path / "gits.log", tmp_path / "path" / "git"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n{{ echo "$@"; env; }} >>{log}\nexec {shutil.which("git")} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return log


def private_folders() -> set[str]:
    where = git_access.PRIVATE if os.access(git_access.PRIVATE, os.W_OK) else "/tmp"
    return {path.name for path in Path(where).glob("dask-git-*")}


def test_a_token_opens_the_repository_and_is_nowhere_to_be_found(https, secrets, recorded, repository, tmp_path):
    before = private_folders()
    place = node(tmp_path)
    given = asked(tmp_path, https, "main", **secrets)
    said = bootstrap(given, place)
    assert head(place) == repository.main
    kept = [said, json.dumps(given), recorded.read_text()]
    kept += [path.read_bytes().decode(errors="replace") for path in place.rglob("*") if path.is_file()]
    assert len(recorded.read_text().splitlines()) > 20
    assert not [text for text in kept if TOKEN in text or "ghp_" in text]
    assert private_folders() == before


def test_a_deploy_key_opens_the_repository_and_is_nowhere_to_be_found(sshd, secrets, recorded, repository, tmp_path):
    before = private_folders()
    hold(tmp_path, sshd.key("deploy"))
    place = node(tmp_path)
    bootstrap(asked(tmp_path, sshd.url, "v1", **secrets), place)
    assert head(place) == repository.first
    body = sshd.key("deploy").splitlines()[2]
    assert body not in recorded.read_text()
    assert private_folders() == before


def hold(tmp_path: Path, secret: str) -> None:
    (tmp_path / "secrets.json").write_text(json.dumps({f"{SECRET}/versions/latest": secret}))


def test_known_hosts_beside_the_key_let_no_other_host_give_code(sshd, secrets, repository, tmp_path):
    hold(tmp_path, sshd.key("deploy") + sshd.known_as("host"))
    bootstrap(asked(tmp_path, sshd.url, "v1", **secrets), node(tmp_path))
    assert head(node(tmp_path)) == repository.first
    hold(tmp_path, sshd.key("deploy") + sshd.known_as("other"))
    assert_refused(asked(tmp_path, sshd.url, repository.main, **secrets), tmp_path, "git_secret: ", "Host key verif")


def assert_refused(given: dict[str, str], tmp_path: Path, begin: str, *parts: str) -> None:
    place = node(tmp_path, "refused")
    with pytest.raises(GitError) as error:
        bootstrap(given, place)
    (line,) = str(error.value).splitlines()
    assert line.startswith(begin), line
    assert all(part in line for part in parts), line
    assert not (place / "repository").exists()
    assert not list((place / "checkouts").glob("*")) if (place / "checkouts").exists() else True


def test_a_key_that_is_not_the_deploy_key_is_refused_in_one_line(sshd, secrets, repository, tmp_path):
    hold(tmp_path, sshd.key("other"))
    assert_refused(
        asked(tmp_path, sshd.url, "main", **secrets), tmp_path, "git_secret: ", sshd.url, "Permission denied"
    )


def test_a_wrong_token_is_refused_in_one_line_without_the_token(https, secrets, tmp_path):
    hold(tmp_path, "ghp_wrong")
    assert_refused(asked(tmp_path, https, "main", **secrets), tmp_path, "git_secret: ", https, "Authentication failed")


def test_a_repository_that_asks_for_credentials_says_which_field_is_missing(https, tmp_path):
    assert_refused(asked(tmp_path, https, "main"), tmp_path, "git_secret: ", "could not read Username")


def test_a_token_is_not_sent_in_plain_text(secrets, tmp_path):
    given = asked(tmp_path, "http://127.0.0.1:9/etl.git", "main", **secrets)
    assert_refused(given, tmp_path, "git_secret: ", "a token goes over https alone")


def test_a_key_for_a_url_of_https_says_so(sshd, secrets, tmp_path):
    hold(tmp_path, sshd.key("deploy"))
    given = asked(tmp_path, "https://127.0.0.1:9/etl.git", "main", **secrets)
    assert_refused(given, tmp_path, "git_secret: it holds a private key, and ", "is no SSH URL")


def test_no_such_secret_and_one_that_may_not_be_read_are_told_apart(secrets, tmp_path):
    given = asked(tmp_path, "https://127.0.0.1:9/etl.git", "main", **secrets)
    nothing = given | {"dask-git-secret": "projects/p/secrets/nothing"}
    assert_refused(nothing, tmp_path, "git_secret: no such secret: projects/p/secrets/nothing/versions/latest")
    other = given | {"dask-git-secret": "projects/p/secrets/other/versions/3"}
    assert_refused(other, tmp_path, "git_secret: ", "may not read", "roles/secretmanager.secretAccessor")


def test_a_secret_manager_that_is_away_is_named_within_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr("dask_dataproc.init_actions.secrets_client.LIMIT", 2.0)
    given = asked(tmp_path, "https://127.0.0.1:9/etl.git", "main", **{"dask-git-secret": SECRET})
    began = time.monotonic()
    assert_refused(given | {"dask-secret-endpoint": "127.0.0.1:9"}, tmp_path, "git_secret: ", "cannot be read")
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("ref", ["no-such", "abcdef1", "f" * 40])
def test_a_ref_that_is_none_is_named(ref, repository, tmp_path):
    assert_refused(asked(tmp_path, f"file://{repository.bare}", ref), tmp_path, f"git_ref: '{ref}' given, ")


def test_a_repository_that_is_not_there_is_named(repository, tmp_path):
    assert_refused(asked(tmp_path, "file:///nowhere/etl.git", "main"), tmp_path, "git_repository: file:///nowhere")


def test_a_url_that_would_run_a_program_runs_none(tmp_path):
    mark = tmp_path / "ran"
    assert_refused(asked(tmp_path, f"ext::sh -c touch%20{mark}", "main"), tmp_path, "git_repository: ext::")
    assert not mark.exists()


def test_a_server_that_never_answers_is_left_after_the_bound_with_all_that_was_started(tmp_path, monkeypatch):
    monkeypatch.setattr(git_bootstrap, "LOOK", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/etl.git"
        assert_refused(asked(tmp_path, url, "main"), tmp_path, "git_repository: ", "did not answer in 1 s")
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert url not in listed


KILLED = """
import json, sys
from pathlib import Path
from dask_dataproc.init_actions.git_bootstrap import bootstrap
bootstrap(json.loads(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_node_that_is_cut_off_in_the_middle_has_no_repository_and_gets_it_at_the_next_run(
    repository, tmp_path, monkeypatch
):
    """The checkout's git hangs once everything is fetched; then the power goes."""
    real, hang = os.environ["PATH"], tmp_path / "path" / "git"
    hang.parent.mkdir()
    then = f'case $1 in checkout) echo $$ >{tmp_path}/hangs; exec sleep 60;; *) exec {shutil.which("git")} "$@";; esac'
    hang.write_text(f"#!/bin/sh\n{then}\n")
    hang.chmod(0o755)
    place, given = node(tmp_path), asked(tmp_path, f"file://{repository.bare}", "main")
    command = [sys.executable, "-c", KILLED, json.dumps(given), str(place)]
    with subprocess.Popen(command, env=os.environ | {"PATH": f"{hang.parent}:{real}"}) as running:
        until(lambda: (tmp_path / "hangs").exists() and (tmp_path / "hangs").read_text())
        running.send_signal(signal.SIGKILL)
    os.kill(int((tmp_path / "hangs").read_text()), signal.SIGKILL)
    assert not (place / "repository").exists()
    bootstrap(given, place)
    assert head(place) == repository.main


def test_a_node_without_a_repository_has_nothing_to_do(tmp_path):
    assert bootstrap({"dask-staging": "file:///nowhere"}, node(tmp_path)) == "no repository"
    assert not list(node(tmp_path).iterdir())


def test_the_modules_need_nothing_but_themselves_until_there_is_a_secret():
    importlib.import_module("dask_dataproc.init_actions.git_bootstrap")
    script = "import sys, dask_dataproc.init_actions.git_bootstrap; sys.exit('google.cloud' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
