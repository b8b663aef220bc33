"""Objects of Cloud Storage, changed against their generation; through gcsfs, so that its settings and credentials hold.

gcsfs tries again what Cloud Storage is too busy for (429 above about one write a second to the same object, and 5xx);
a write whose answer was lost is then refused, because it is there.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from .errors import ConfigError, WaitTimeout

CALL = 15.0
"""Seconds that one call may take, with gcsfs's own tries after 1, 2 and 4 s."""
TOLD = 6000
"""Bytes up to which what is put once is told by a listing too: an object's own metadata may have 8 KiB."""
NEW = "0"
"""The generation of what is not there. Source: https://cloud.google.com/storage/docs/request-preconditions"""
ROLE = "roles/storage.objectUser on the bucket"


class BucketObjects:
    """See `store.Objects`. A version is a generation."""

    pauses = (0.05, 2.0)

    def read(self, url: str) -> tuple[bytes | None, str]:
        """Return the object's bytes and its generation, both of one answer."""
        filesystem, bucket, key = _place(url)
        try:
            headers, found = _answer(url, filesystem, "GET", "b/{}/o/{}", bucket, key, alt="media")
        except FileNotFoundError:
            return None, NEW
        return found, headers["X-Goog-Generation"]

    def swap(self, url: str, data: bytes, version: str) -> bool:
        """Upload ``data`` if the object's generation is still ``version``.

        In one request of two parts, name and data, which Cloud Storage does wholly or not at all.
        """
        return _upload(url, data, version, {})

    def put(self, url: str, data: bytes) -> None:
        """Upload ``data`` unless the object is there; in its metadata too, so that a listing has it without a read."""
        _upload(url, data, NEW, {"data": data.decode()} if len(data) <= TOLD else {})

    def contents(self, folder: str) -> dict[str, bytes]:
        """Return the objects, a thousand with each answer."""
        try:
            found = dict(_listed(folder, "items(name,metadata),nextPageToken", delimiter="/"))
        except FileNotFoundError:
            return {}
        told = {name: about.get("metadata", {}).get("data") for name, about in found.items()}
        read = {name: data.encode() if data else self.read(f"{folder}/{name}")[0] for name, data in told.items()}
        return {name: data for name, data in read.items() if data is not None}

    def drop(self, url: str) -> None:
        """Delete the object, whatever its generation."""
        self.remove(url, "")

    def attempt(self, url: str, change: Callable[[bytes | None], bytes | None]) -> tuple[bool, bytes | None]:
        """Read, change and swap."""
        found, version = self.read(url)
        made = change(found)
        return made is None or made == found or self.swap(url, made, version), made

    def remove(self, url: str, version: str) -> bool:
        """Delete the object if its generation is still ``version``, if one is given; return whether it has gone."""
        filesystem, bucket, key = _place(url)
        try:
            only = {"ifGenerationMatch": version} if version else {}
            _answer(url, filesystem, "DELETE", "b/{}/o/{}", bucket, key, **only)
        except FileExistsError:
            return False
        except FileNotFoundError:
            pass
        return True

    def under(self, folder: str) -> dict[str, tuple[str, str]]:
        """Return all objects under ``folder``, by their names in it: the MD5 in hex, empty if unknown, and generation.

        Raises
        ------
        ConfigError
            There is no such bucket, or it cannot be read.
        """
        try:
            found = list(_listed(folder, "items(name,md5Hash,generation),nextPageToken"))
        except FileNotFoundError:
            raise ConfigError(f"{folder}: there is no such bucket", "gs://BUCKET/dags") from None
        return {name: (_hex(item.get("md5Hash", "")), str(item["generation"])) for name, item in found}

    def names(self, folder: str) -> list[str]:
        """Return the names of the objects, asked anew: gcsfs would remember a listing."""
        try:
            return sorted(name for name, _ in _listed(folder, "items(name),nextPageToken", delimiter="/"))
        except FileNotFoundError:
            return []


def _upload(url: str, data: bytes, version: str, metadata: dict[str, str]) -> bool:
    """Upload ``data`` if the object's generation is still ``version``; return whether it was."""
    filesystem, bucket, key = _place(url)
    upload = filesystem.base.replace("/storage/v1/", "/upload/storage/v1/")
    headers, body = _parts({"name": key} | ({"metadata": metadata} if metadata else {}), data)
    asked = {"uploadType": "multipart", "ifGenerationMatch": version, "headers": headers, "data": body}
    try:
        _answer(url, filesystem, "POST", f"{upload}b/{bucket}/o", **asked)
    except FileExistsError:  # as gcsfs calls 412, a precondition that does not hold
        return False
    except FileNotFoundError:
        raise ConfigError(f"{url}: there is no bucket {bucket}", "--staging gs://BUCKET/dask") from None
    return True


def _listed(folder: str, fields: str, **asked: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects under ``folder``: name in it, and what is asked for of each."""
    filesystem, bucket, key = _place(folder)
    prefix, page = f"{key.rstrip('/')}/", None
    while True:
        wanted = asked | {"prefix": prefix, "pageToken": page, "fields": fields}
        listed = _answer(folder, filesystem, "GET", "b/{}/o", bucket, json_out=True, **wanted)
        for item in listed.get("items", []):
            if name := item["name"].removeprefix(prefix):
                yield name, item
        page = listed.get("nextPageToken")
        if not page:
            return


def _hex(md5: str) -> str:
    """Return an MD5 as Cloud Storage writes it, in base64, in hex."""
    return base64.b64decode(md5).hex()


def _place(url: str) -> tuple[Any, str, str]:
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(url)
    bucket, key, _ = filesystem.split_path(path)
    return filesystem, bucket, key


def _answer(url: str, filesystem: Any, *call: str, **asked: Any) -> Any:
    """Return what Cloud Storage answers; 404 and 412 are the caller's."""
    from fsspec.exceptions import FSTimeoutError

    try:
        return filesystem.call(*call, timeout=CALL, **asked)
    except (FileNotFoundError, FileExistsError):
        raise
    except FSTimeoutError:
        raise WaitTimeout(f"{url}: no answer of Cloud Storage for {CALL:g} s", "%dask_cluster doctor") from None
    except Exception as error:  # gcsfs, aiohttp and google-auth each have their own
        said = " ".join(str(error).split()) or type(error).__name__
        hint = ROLE if "Forbidden" in said else "%dask_cluster doctor"
        raise ConfigError(f"{url}: Cloud Storage does not answer as it should: {said}", hint) from error


def _parts(about: dict[str, Any], data: bytes) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a request with what the object is called and its data as its two parts."""
    boundary = hashlib.sha256(data).hexdigest()  # which is not in the data
    line = f"--{boundary}".encode()
    kind = b"Content-Type: application/json"
    body = b"\r\n".join([line, kind, b"", json.dumps(about).encode(), line, kind, b"", data, line + b"--", b""])
    return {"Content-Type": f"multipart/related; boundary={boundary}"}, body
