"""The cluster's repository on a node: the same commit everywhere, where the workers' Python finds it.

``python -m dask_dataproc_node.git_bootstrap`` reads the node's attributes dask-git-repository, dask-git-ref and
dask-git-secret, and leaves the checkout at ``/opt/dask-dataproc/repository``: whole, or not at all. A branch may move
while a cluster lives; the first node's commit counts for all of them, also for those that come later. Submodules and
Git LFS are not fetched, and the repository's requirements are not installed: the kernel's lock decides on packages.
"""

from __future__ import annotations

import json
import os
import re
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

from .git_access import Git, GitError, git_for
from .metadata import read_metadata
from .secrets_client import SecretError, read_secret

PLACE = Path("/opt/dask-dataproc")
PATHS = "dask-dataproc-repository.pth"
"""The file in site-packages that makes the checkout importable, after what is installed: it can shadow no package."""
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
WHOLE = re.compile(r"not our ref|unadvertised object|dumb http")
"""What servers say that give away the tips of branches alone, or that cannot shorten history."""
LOOK, FETCH, WRITE = 60.0, 300.0, 120.0
"""Seconds for the list of refs, for what is fetched, and for the files of the checkout."""
NOTED = 5.0
"""Seconds from a note's being there to its having been written."""


def bootstrap(metadata: dict[str, str], place: Path = PLACE) -> str:
    """Check the repository of ``metadata`` out below ``place``, and return what was done, in words.

    Raises
    ------
    GitError
        One line that begins with the field that is wrong.
    """
    url, ref = metadata.get("dask-git-repository", ""), metadata.get("dask-git-ref", "")
    if not url:
        return "no repository"
    with git_for(url, _secret(metadata)) as git:
        commit = ref if COMMIT.fullmatch(ref) else _agreed(metadata, git, ref)
        folder = place / "checkouts" / commit
        if not folder.exists():
            fetch(git, commit, ref, folder)
    _point(place / "repository", folder)
    return f"{url} at {ref or 'its default branch'} is {commit}"


def make_importable(repository: Path, site: Path) -> None:
    """Have every interpreter of site-packages ``site`` find the modules of ``repository`` and of its ``src``."""
    (site / PATHS).write_text(f"{repository / 'src'}\n{repository}\n")  # a folder that is not there is passed over


def _secret(metadata: dict[str, str]) -> str:
    name = metadata.get("dask-git-secret", "")
    try:
        return read_secret(name, metadata.get("dask-secret-endpoint", "")) if name else ""
    except SecretError as error:
        raise GitError(f"git_secret: {error}") from None


def _agreed(metadata: dict[str, str], git: Git, ref: str) -> str:
    """Return the commit that ``ref`` was when the first node of the cluster asked."""
    import fsspec

    file = f"{metadata['dask-staging'].rstrip('/')}/clusters/{metadata['dataproc-cluster-uuid']}/repository.json"
    filesystem, path = fsspec.core.url_to_fs(file)
    try:
        found = _noted(filesystem, path)
    except FileNotFoundError:
        found = {"url": git.url, "ref": ref, "commit": resolve(git, ref)}
        filesystem.makedirs(filesystem._parent(path), exist_ok=True)
        try:
            filesystem.pipe_file(path, json.dumps(found).encode(), mode="create")
        except FileExistsError:  # another node was first
            found = _noted(filesystem, path)
    if not COMMIT.fullmatch(found["commit"]):
        raise GitError(f"git_ref: {file} names no commit")
    return found["commit"]


def _noted(filesystem: Any, path: str) -> dict[str, str]:
    """Return what the first node noted; on a plain file system its file is there a moment before what is in it."""
    end = time.monotonic() + NOTED
    while not (text := filesystem.cat_file(path)):
        if time.monotonic() > end:
            raise GitError(f"git_ref: {path} is empty")
        time.sleep(0.01)
    return json.loads(text)


def resolve(git: Git, ref: str) -> str:
    """Return the commit of a tag or branch as the repository has it now; a tag goes before a branch, as git has it.

    Raises
    ------
    GitError
        The repository cannot be reached, or has neither.
    """
    listed = (line.split("\t") for line in git("ls-remote", "--", git.url, timeout=LOOK).splitlines())
    commits = {name: commit for commit, name in listed}
    for name in (f"refs/tags/{ref}", f"refs/heads/{ref}", ref or "HEAD"):
        if name in commits:
            return commits.get(f"{name}^{{}}", commits[name])  # what an annotated tag is of
    raise GitError(f"git_ref: '{ref}' given, allowed is a branch, a tag or a whole commit of {git.url}")


def fetch(git: Git, commit: str, ref: str, folder: Path) -> None:
    """Have ``commit``, which ``ref`` was given for, checked out at ``folder``: whole, or not at all.

    Raises
    ------
    GitError
        The repository cannot be reached, or has no such commit.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as name:
        new = Path(name) / commit
        git("init", "--quiet", "--", str(new), timeout=WRITE)
        try:
            git("fetch", "--quiet", "--no-tags", "--depth=1", "--", git.url, commit, folder=new, timeout=FETCH)
        except GitError as error:
            if not WHOLE.search(str(error)):
                raise
            every = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
            git("fetch", "--quiet", "--", git.url, *every, folder=new, timeout=FETCH)
        try:
            git("checkout", "--quiet", "--detach", commit, folder=new, timeout=WRITE)
        except GitError as error:
            if "reference is not a tree" not in str(error):
                raise
            raise GitError(f"git_ref: '{ref}' given, {git.url} has no such commit") from None
        try:
            new.rename(folder)
        except OSError:
            if not folder.exists():  # else another run was first
                raise


def _point(link: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=link.parent, prefix=".new-") as name:
        new = Path(name) / link.name
        new.symlink_to(os.path.relpath(folder, link.parent))
        new.replace(link)


def main() -> None:
    """Do it all; a failure is one line on stderr and status 1."""
    os.umask(0o022)  # whoever runs a worker reads it
    try:
        said = bootstrap(read_metadata())
        make_importable(PLACE / "repository", Path(sysconfig.get_path("purelib")))
    except GitError as error:
        sys.exit(str(error))
    sys.stdout.write(f"git: {said}\n")


if __name__ == "__main__":
    main()
