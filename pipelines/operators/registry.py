"""MLflow's server, by its REST API: what a run measured, and the registry's versions, tags and aliases.

Spoken with directly and not by MLflow's own client, for that would move packages of Airflow's environment.
"""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from .sdk import AirflowException

CONNECTION = "mlflow_default"
VARIABLE = "mlflow_tracking_uri"
ENVIRONMENT = "MLFLOW_TRACKING_URI"
CALL = 30.0
"""Seconds that one call may take."""
RUN_TAG = "dask_dataproc.run"
"""Which of Airflow's runs a version was registered by: a retry finds it again."""


class RegistryError(AirflowException):
    """The server refused a call, or does not answer.

    Attributes
    ----------
    code : str
        MLflow's, such as RESOURCE_DOES_NOT_EXIST; empty where there is none.
    """

    def __init__(self, message: str, code: str = ""):
        super().__init__(message)
        self.code = code


class Registry:
    """One MLflow server.

    Parameters
    ----------
    uri : str
        Such as ``http://mlflow:5000``.
    login, password : str or None
    token : str or None
        A bearer token, in place of them.
    """

    def __init__(self, uri: str, login: str | None = None, password: str | None = None, token: str | None = None):
        self._uri, self._session = uri.rstrip("/"), requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
        elif login:
            self._session.auth = (login, password or "")

    def run(self, run_id: str) -> Mapping[str, Any]:
        """Return a run: ``info`` and ``data``."""
        return self._call("GET", "runs/get", run_id=run_id)["run"]

    def metrics(self, run_id: str) -> dict[str, float]:
        """Return the last value of each metric of a run."""
        found = self.run(run_id).get("data", {}).get("metrics", [])
        return {metric["key"]: float(metric.get("value", "nan")) for metric in found}

    def version(self, model: str, version: str) -> Mapping[str, Any]:
        """Return a version of a registered model."""
        return self._call("GET", "model-versions/get", name=model, version=version)["model_version"]

    def aliased(self, model: str, alias: str) -> Mapping[str, Any] | None:
        """Return the version that an alias names, None where there is no such model or alias."""
        try:
            found = self._call("GET", "registered-models/alias", name=model, alias=alias)
        except RegistryError as error:
            if error.code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
        return found["model_version"]

    def registered(self, model: str, mark: str) -> str | None:
        """Return the version that was registered under ``mark``, None where there is none."""
        search = f"name='{model}' AND tags.`{RUN_TAG}`='{mark}'"
        found = self._call("GET", "model-versions/search", filter=search, max_results=1).get("model_versions", [])
        return str(found[0]["version"]) if found else None

    def register(self, model: str, source: str, run_id: str, tags: Mapping[str, str], mark: str) -> str:
        """Return the version of ``source`` that this mark has; it is registered if there is none yet."""
        self._have(model)
        if (version := self.registered(model, mark)) is not None:
            return version
        every = [{"key": key, "value": value} for key, value in {**tags, RUN_TAG: mark}.items()]
        made = {"name": model, "source": source, "tags": every} | ({"run_id": run_id} if run_id else {})
        return str(self._call("POST", "model-versions/create", **made)["model_version"]["version"])

    def _have(self, model: str) -> None:
        try:
            self._call("POST", "registered-models/create", name=model)
        except RegistryError as error:
            if error.code != "RESOURCE_ALREADY_EXISTS":
                raise

    def tag(self, model: str, version: str, tags: Mapping[str, str]) -> None:
        """Set tags of a version."""
        for key, value in tags.items():
            self._call("POST", "model-versions/set-tag", name=model, version=version, key=key, value=value)

    def alias(self, model: str, alias: str, version: str) -> None:
        """Let an alias name a version, and no other."""
        self._call("POST", "registered-models/alias", name=model, alias=alias, version=version)

    def page(self, model: str, version: str) -> str:
        """Return where a person sees a version."""
        return f"{self._uri}/#/models/{quote(model, safe='')}/versions/{version}"

    def _call(self, verb: str, path: str, **given: Any) -> dict[str, Any]:
        url = f"{self._uri}/api/2.0/mlflow/{path}"
        query, body = (given, None) if verb == "GET" else (None, given)
        try:
            answer = self._session.request(verb, url, params=query, json=body, timeout=CALL)
        except requests.RequestException as error:
            raise RegistryError(f"MLflow at {self._uri} does not answer: {type(error).__name__}") from error
        found: Any = {}
        with suppress(ValueError):
            found = answer.json()
        if answer.ok and isinstance(found, dict):
            return found
        said = found if isinstance(found, dict) else {}
        why = " ".join(str(said.get("message") or answer.reason).split())
        raise RegistryError(f"MLflow at {self._uri} refused {path}: {why}", said.get("error_code", ""))


def place_of(uri: str, connection: Any, variable: str) -> Registry:
    """Return the server that is told first: by the operator, a connection, a variable, the environment.

    The connection's password and token go to the server that Airflow is told of, and to no other one an operator names.

    Parameters
    ----------
    uri : str
    connection : airflow.models.Connection or None
        Its host is a URL, or with schema and port becomes one; login and password, or ``token`` in its extra.
    variable : str

    Raises
    ------
    AirflowException
        Nobody tells.
    """
    own = _address(connection) or variable or os.environ.get(ENVIRONMENT, "")
    uri = uri or own
    if not uri.startswith(("http://", "https://")):
        hint = f"connection {CONNECTION}, variable {VARIABLE}, or {ENVIRONMENT} with http://HOST:PORT"
        raise AirflowException(f"tracking_uri: {uri!r} given, allowed is the URL of an MLflow server\n  Try:  {hint}")
    if connection is None or _origin(uri) != _origin(own):
        return Registry(uri)
    return Registry(uri, connection.login, connection.password, connection.extra_dejson.get("token"))


def _address(connection: Any) -> str:
    """Return the URL that a connection says, empty where it says none."""
    if connection is None or not connection.host:
        return ""
    host = connection.host if "://" in connection.host else f"{connection.schema or 'http'}://{connection.host}"
    return f"{host}:{connection.port}" if connection.port else host


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
