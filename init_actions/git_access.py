"""How git on a node reaches a repository: by a deploy key or a token that lies in a private folder, and then goes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

PRIVATE = "/run"
"""Where the credentials lie for as long as git needs them: memory, on a node."""
KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)
BY_SSH = re.compile(r"ssh://|(?![a-z0-9+.-]+://)[^/:]+:")
TOKEN_USER = "x-access-token"
"""The name beside a token that names none: what GitHub's apps want, and others do not look at."""
REFUSED = re.compile(
    r"Permission denied|Authentication failed|could not read (?:Username|Password)|HTTP Basic: Access denied"
    r"|The requested URL returned error: 40[13]|Host key verification failed|Load key|error in libcrypto"
)
CONFIG = {
    "advice.detachedHead": "false",
    "core.hooksPath": "/dev/null",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
}
SAID = 300
"""Characters that are told of what git said."""


class GitError(Exception):
    """Git, or what it needs to reach the repository, failed: one line that begins with the field to change."""


class Git:
    """Git with one repository's credentials.

    Parameters
    ----------
    url : str
        The repository.
    environment : dict
        What git is run with.
    """

    def __init__(self, url: str, environment: dict[str, str]):
        self.url, self._environment = url, environment

    def __call__(self, *arguments: str, folder: Path | None = None, timeout: float) -> str:
        """Return what ``git *arguments`` prints.

        Raises
        ------
        GitError
            It failed, or was not done after ``timeout`` seconds; nothing of it runs on.
        """
        try:
            process = subprocess.Popen(
                ["git", *arguments],
                cwd=folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # so that ssh and the helpers go with it
            )
        except FileNotFoundError:
            raise GitError("git_repository: the image of the nodes has no git") from None
        with process:
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise GitError(f"git_repository: {self.url} did not answer in {timeout:.0f} s") from None
        if process.returncode:
            raise GitError(self._told(err))
        return out

    def _told(self, said: str) -> str:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        refusal = next((line for line in lines if REFUSED.search(line)), "")
        fatal = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "")
        if refusal:
            return f"git_secret: {self.url} refuses what it is shown: {refusal[:SAID]}"
        return f"git_repository: {self.url}: {fatal[:SAID]}"


@contextlib.contextmanager
def git_for(url: str, secret: str) -> Iterator[Git]:
    """Give git for ``url`` with ``secret``: an SSH private key, a token, ``user:token``, or nothing.

    A key may be followed by lines of known_hosts: then no other host is spoken to. Without them the host's key is taken
    as it comes. The key is never shown to the host, but whose code it is depends on the host.

    Raises
    ------
    GitError
        The secret does not fit the URL.
    """
    where = PRIVATE if os.access(PRIVATE, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where, prefix="dask-git-") as private:  # 0700
        config, environment = dict(CONFIG), {}
        if key := KEY.search(secret):
            environment = _with_key(url, key[0], secret[key.end() :], Path(private))
        elif secret.strip():
            config["credential.helper"] = _with_token(url, secret.strip(), Path(private))
        yield Git(url, _environment(private, config) | environment)


def _environment(home: str, config: dict[str, str]) -> dict[str, str]:
    """Return an environment in which git reads no configuration of the machine, asks nobody and runs no helper."""
    kept = ("PATH", "LANG", "GIT_SSL_CAINFO", "SSL_CERT_FILE", "https_proxy", "no_proxy")
    given = {name: os.environ[name] for name in kept if name in os.environ}
    given |= {"HOME": home, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}
    given |= {"GIT_ALLOW_PROTOCOL": "https:http:ssh:file", "GIT_CONFIG_COUNT": str(len(config)), "LC_ALL": "C"}
    for number, (name, value) in enumerate(config.items()):
        given |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return given


def _with_key(url: str, key: str, hosts: str, private: Path) -> dict[str, str]:
    if not BY_SSH.match(url):
        raise GitError(
            f"git_secret: it holds a private key, and {url} is no SSH URL such as git@github.com:ana/etl.git"
        )
    _write(private / "key", key.replace("\r", "") + "\n")
    _write(private / "known_hosts", hosts.strip() + "\n")
    options = {
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
        "ConnectTimeout": "15",
        "StrictHostKeyChecking": "yes" if hosts.strip() else "accept-new",
        "UserKnownHostsFile": str(private / "known_hosts"),
        "GlobalKnownHostsFile": "/dev/null",
    }
    told = " ".join(f"-o {name}={value}" for name, value in options.items())
    return {"GIT_SSH_COMMAND": f"ssh -F /dev/null -i {private / 'key'} {told}", "GIT_SSH_VARIANT": "ssh"}


def _with_token(url: str, token: str, private: Path) -> str:
    """Return the credential helper that knows ``token``: git's own, of a file, so that it is in no argument or URL."""
    if not url.startswith("https://"):
        raise GitError(f"git_secret: it holds no private key, and a token goes over https alone, not to {url}")
    user, colon, password = token.partition(":")
    user, password = (user, password) if colon else (TOKEN_USER, token)
    quoted = f"{urllib.parse.quote(user, safe='')}:{urllib.parse.quote(password, safe='')}"
    _write(private / "credentials", f"https://{quoted}@{urllib.parse.urlsplit(url).netloc}\n")
    return f"store --file={private / 'credentials'}"


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
