"""Who may do what, by their role: report A02's matrix, as a courtesy of this tool. Pure: settings are given.

Whoever has the credentials for a call can make it without this tool: IAM is what holds. A role here says it earlier,
and in words that name whom to ask; docs/quotas.md says which IAM roles go with which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import PermissionDenied
from .quotas import QUOTAS, quota_section
from .sections import entries, one_of, section

ENGINEER, ADMIN = "data_engineer", "platform_admin"
COMPOSER, SUBMIT, DASHBOARD, CREATE = "composer_access", "job_submit", "dashboard", "cluster_create"
LIST, OWN_SPENDING, SPENDING = "cluster_list", "own_spending", "all_spending"
OTHERS = "others_clusters"
_ALL = frozenset({COMPOSER, SUBMIT, DASHBOARD, LIST, OWN_SPENDING})
ROLES: Mapping[str, frozenset[str]] = {
    "data_scientist": _ALL,
    ENGINEER: _ALL | {CREATE},
    "ml_engineer": _ALL,
    ADMIN: _ALL | {CREATE, SPENDING, OTHERS},
}
"""What each role may. Source: report A02, "User Permissions Matrix"; list, spending and others' clusters are ours.

Everybody sees which clusters there are, whose they are and what they cost an hour, as whoever may list them in Dataproc
does, and what the project has spent in all, since it is everybody's budget. What each of the others has spent is the
platform admins'.
"""
WORDS = {
    COMPOSER: "using Composer",
    SUBMIT: "submitting jobs",
    DASHBOARD: "the dashboard",
    CREATE: "making clusters",
    LIST: "listing clusters",
    OWN_SPENDING: "one's own spending",
    SPENDING: "the spending of others",
    OTHERS: "deleting the clusters of others",
}
"""Each act, as an error calls it."""


def may(role: str, act: str) -> bool:
    """Return whether ``role`` may do ``act``.

    Raises
    ------
    KeyError
        There is no such role.
    """
    return act in ROLES[role]


def role_of(user: str, settings: Any) -> str:
    """Return the role of ``user``, data_engineer unless the settings say otherwise.

    Parameters
    ----------
    user : str
        As the label ``owner`` says it.
    settings : mapping
        The section ``dataproc.quotas``.

    Raises
    ------
    ConfigError
        An unknown role or setting; one line names it.
    """
    common, own = _roles(settings)
    return own.get(user, common)


def require(user: str, act: str, settings: Any) -> None:
    """Refuse ``act`` if the role of ``user`` may not do it.

    Raises
    ------
    PermissionDenied
        One line with the role, who may, and whom to ask.
    ConfigError
        As of `role_of`.
    """
    role = role_of(user, settings)
    if may(role, act):
        return
    able = ", ".join(name for name in ROLES if may(name, act))
    raise PermissionDenied(f"{WORDS[act]}: {user} is a {role}, allowed for {able}", _instead(user, act, settings))


def _roles(settings: Any) -> tuple[str, dict[str, str]]:
    """Return the role of all, and those of some."""
    where = f"{QUOTAS}.roles"
    found = section(quota_section(settings).get("roles"), where, ("default", "users"))
    people = entries(found.get("users"), f"{where}.users")
    own = {who: one_of(role, f"{where}.users.{who}", ROLES, "role") for who, role in people.items()}
    return one_of(found.get("default", ENGINEER), f"{where}.default", ROLES, "role"), own


def _instead(user: str, act: str, settings: Any) -> str:
    """Return what may be done in its place, and whom to ask."""
    admins = [who for who, role in _roles(settings)[1].items() if role == ADMIN]
    whom = f"{', '.join(admins)} ({ADMIN})" if admins else f"a {ADMIN}"
    able = next(name for name in ROLES if may(name, act))
    ask = f"ask {whom} for {QUOTAS}.roles.users.{user}: {able}"
    return f"%dask_cluster attach NAME   (a cluster that is there), or {ask}" if act == CREATE else ask
