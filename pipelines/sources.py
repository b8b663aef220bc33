"""A job's repository: the exact commit of a ref, checked out once and kept for the next job."""

from __future__ import annotations

from pathlib import Path

from ..clusters.errors import ConfigError
from ..clusters.spec import FIELDS
from ..init_actions.git_access import GitError, git_for
from ..init_actions.git_bootstrap import COMMIT, fetch, resolve
from ..init_actions.secrets_client import SecretError, read_secret


def check_out(url: str, ref: str, secret: str, place: Path) -> tuple[Path, str]:
    """Check ``url`` out below ``place``, unless that commit is there already.

    Parameters
    ----------
    url : str
        The repository, without credentials.
    ref : str
        Commit, tag or branch; empty for the default branch. A branch is what it is at this moment.
    secret : str
        Secret Manager's name of a deploy key or token, or nothing.
    place : Path
        A folder of this user's.

    Returns
    -------
    tuple of Path and str
        The checkout, and its commit.

    Raises
    ------
    SpecError
        One of the three is malformed, or has credentials in it.
    ConfigError
        The repository cannot be reached, or has no such ref.
    """
    given = {"git_repository": url, "git_ref": ref, "git_secret": secret}
    url, ref, secret = (FIELDS[name].parse(value) for name, value in given.items())
    try:
        with git_for(url, read_secret(secret) if secret else "") as git:
            commit = ref if COMMIT.fullmatch(ref) else resolve(git, ref)
            folder = place / commit
            if not folder.exists():
                fetch(git, commit, ref, folder)
    except SecretError as error:
        raise ConfigError(f"git_secret: {error}") from None
    except GitError as error:
        raise ConfigError(str(error), "git ls-remote URL") from None
    return folder, commit


def roots(checkout: Path) -> list[Path]:
    """Return the folders of a checkout in which its modules lie: ``src``, where there is one, and the checkout."""
    return [folder for folder in (checkout / "src", checkout) if folder.is_dir()]
