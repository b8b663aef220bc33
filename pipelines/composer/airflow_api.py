"""A running Airflow through its REST API: v1 of Airflow 2, v2 of Airflow 3, with the few calls that we make of it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ...clusters.config import duration
from ...clusters.errors import AirflowError
from .environment import Secret
from .sign_in import check_address, credentials_for

PLACES = {"variable": ("variables", "key"), "pool": ("pools", "name"), "connection": ("connections", "connection_id")}
"""Kind to its path in the API and the field that is its name."""


class Airflow:
    """An Airflow that somebody is signed in at; a context manager.

    Parameters
    ----------
    url : str
        Its address, as ``https://….composer.googleusercontent.com``.

    Attributes
    ----------
    release : str
        Its version, as ``2.11.2``.
    version : int
        That of its API, 1 or 2.

    Raises
    ------
    ConfigError
        The address, or the credentials for it, cannot be used.
    AirflowError
        It does not answer, or not as an Airflow does.
    """

    def __init__(self, url: str):
        import httpx

        check_address(url)
        self.url = url.rstrip("/")
        self._timeout = float(duration("timeouts.call"))
        self._client = httpx.Client(base_url=self.url, timeout=self._timeout)
        try:
            self.version, self.release = self._versions()
            about = credentials_for(self._client, self.url, self.version)
        except httpx.HTTPError as error:
            raise self._silent(error) from None
        finally:
            self._client.close()
        about |= {"limits": httpx.Limits(max_keepalive_connections=0)}  # Airflow 3 hangs up after each error of its own
        self._client = httpx.Client(base_url=f"{self.url}/api/v{self.version}", timeout=self._timeout, **about)

    def __enter__(self) -> Airflow:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def major(self) -> int:
        """The major number of its version."""
        return int(self.release.partition(".")[0])

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return what there is of a variable, pool or connection; None if there is none of that name."""
        return self._call("GET", _path(kind, name), absent=True)

    def create(self, kind: str, name: str, fields: Mapping[str, Any]) -> None:
        """Make one."""
        folder, key = PLACES[kind]
        self._call("POST", f"/{folder}", json={key: name} | _plain(fields))

    def update(self, kind: str, name: str, fields: Mapping[str, Any], was: Mapping[str, Any]) -> None:
        """Change ``fields`` of one that is as ``was`` says, and leave its others."""
        body = {PLACES[kind][1]: name} | _plain(fields)
        if kind == "variable" and self.version == 1:  # which takes the whole only
            kept = {k: v for k, v in was.items() if k in ("value", "description") and v is not None}
            self._call("PATCH", _path(kind, name), json=kept | body)
            return
        kept = {k: was[k] for k in ("conn_type", "include_deferred") if was.get(k) is not None}
        mask = list(fields) if self.version == 2 else ",".join(fields)
        self._call("PATCH", _path(kind, name), json=kept | body, params={"update_mask": mask})

    def delete(self, kind: str, name: str) -> None:
        """Delete one; that it is gone already is as good."""
        self._call("DELETE", _path(kind, name), absent=True)

    def config(self) -> dict[str, str] | None:
        """Return its settings, ``section.option`` to value; None where the Airflow does not show them."""
        found = self._call("GET", "/config", hidden=True, headers={"Accept": "application/json"})
        if found is None:
            return None
        return {f"{s['name']}.{o['key']}": str(o["value"]) for s in found["sections"] for o in s["options"]}

    def providers(self) -> dict[str, str]:
        """Return the provider packages it has and their versions."""
        listed = self._call("GET", "/providers", params={"limit": 1000}) or {}
        return {each["package_name"]: each["version"] for each in listed.get("providers", [])}

    def health(self) -> dict[str, str]:
        """Return what it says of its parts, as ``scheduler``: ``healthy``; parts that it does not run are left out."""
        said = self._call("GET", "/monitor/health" if self.version == 2 else "/health") or {}
        return {
            part: about["status"] for part, about in said.items() if isinstance(about, dict) and about.get("status")
        }

    def failed_runs(self, since: float) -> list[str]:
        """Return the runs of all DAGs that began since then (unix seconds) and failed, ``DAG RUN``, 100 at most."""
        begun = datetime.datetime.fromtimestamp(since, datetime.UTC).isoformat()
        asked = {"state": "failed", "start_date_gte": begun, "limit": 100}
        found = self._call("GET", "/dags/~/dagRuns", params=asked) or {}
        return [f"{run['dag_id']} {run['dag_run_id']}" for run in found.get("dag_runs", [])]

    def _versions(self) -> tuple[int, str]:
        for version in (2, 1):
            answer = self._client.get(f"/api/v{version}/version")
            if answer.status_code == 200:
                try:
                    return version, str(answer.json()["version"])
                except (ValueError, KeyError, TypeError):
                    break
        raise AirflowError(f"{self.url}: answers, but not as the REST API of an Airflow 2 or 3 does")

    def _call(self, method: str, path: str, *, absent: bool = False, hidden: bool = False, **asked: Any) -> Any:
        import httpx

        try:
            answer = self._client.request(method, path, **asked)
        except httpx.HTTPError as error:
            raise self._silent(error) from None
        if (absent and answer.status_code == 404) or (hidden and answer.status_code in (403, 404)):
            return None
        if not answer.is_success:
            raise self._refused(method, path, answer)
        return answer.json() if answer.content else None

    def _refused(self, method: str, path: str, answer: Any) -> AirflowError:
        line = f"{method} {path} at {self.url}: {answer.status_code} {_said(answer)}".rstrip()
        if answer.status_code in (401, 403):
            return AirflowError(f"{line}: the credentials are wrong, or their role may not", "the role Op or Admin")
        return AirflowError(line)

    def _silent(self, error: Exception) -> AirflowError:
        said = " ".join(str(error).split()) or type(error).__name__
        return NoAnswer(f"{self.url}: no answer: {said}", "environment.url, and the way to it (VPN, web server access)")


class NoAnswer(AirflowError):
    """Nobody is there: whether the call was made is not known, and the next ones need not be tried."""


def _path(kind: str, name: str) -> str:
    return f"/{PLACES[kind][0]}/{quote(name, safe='')}"


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``fields`` as the API takes them, with the secrets' values: what goes out, and is shown to nobody."""
    found = {name: _value(value) for name, value in fields.items() if name != "extra"}
    if "extra" in fields:
        found["extra"] = json.dumps({k: _value(v) for k, v in fields["extra"].items()})
    return found


def _value(given: Any) -> Any:
    return given.value if isinstance(given, Secret) else given


def _said(answer: Any) -> str:
    """Return the reason in a refusal, without what was sent: Airflow 3 repeats it, and it may be a secret."""
    try:
        detail = answer.json().get("detail")
    except ValueError:
        return answer.reason_phrase
    if isinstance(detail, list):
        return "; ".join(f"{'.'.join(map(str, d.get('loc', ())))}: {d.get('msg', '')}" for d in detail)
    return " ".join(str(detail.get("reason", "") if isinstance(detail, dict) else detail or "").split())
