"""Who asks an Airflow: Google's credentials at Composer's web server, a user's name and password at others.

Google's token goes to Composer's own addresses and nowhere else, and nothing goes over plain HTTP but to this machine.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from ...clusters.config import setting
from ...clusters.errors import AirflowError, ConfigError

COMPOSER = ".composer.googleusercontent.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
PASSWORD = "DASK_DATAPROC__COMPOSER__PASSWORD"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def check_address(url: str) -> None:
    """Refuse an address that credentials must not be sent to.

    Raises
    ------
    ConfigError
        It is no http address, holds a password, or is plain HTTP to another machine.
    """
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ConfigError("url: has a user or a password in it, allowed is https://HOST", f"export {PASSWORD}=…")
    local = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or (parts.scheme != "https" and not local):
        raise ConfigError(f"url: {url!r} given, allowed is https://HOST (or http:// on this machine)")


def credentials_for(client: Any, url: str, version: int) -> dict[str, Any]:
    """Return how ``client``, an ``httpx.Client``, is to authenticate: keywords of its constructor.

    Raises
    ------
    ConfigError
        There are no credentials.
    AirflowError
        The Airflow does not take them.
    """
    host = urlsplit(url).hostname or ""
    if host.endswith(COMPOSER):
        return _bearer(_google_token())
    user, password = setting("composer.user"), os.environ.get(PASSWORD) or setting("composer.password")
    if not user or not password:
        raise ConfigError(
            f"composer: no user and password for {host}, which is not Composer's",
            f"export DASK_DATAPROC__COMPOSER__USER=… {PASSWORD}=…",
        )
    if version == 1:
        return {"auth": (str(user), str(password))}
    answer = client.post("/auth/token", json={"username": str(user), "password": str(password)})
    if answer.status_code not in (200, 201):
        raise AirflowError(f"{url}: user {user} is not let in ({answer.status_code})", f"export {PASSWORD}=…")
    return _bearer(answer.json()["access_token"])


def _bearer(token: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {token}"}}


def _google_token() -> str:
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
        credentials.refresh(Request())
    except GoogleAuthError as error:
        said = " ".join(str(error).split())
        raise ConfigError(f"Google's credentials: {said}", "gcloud auth application-default login") from None
    return str(credentials.token)
