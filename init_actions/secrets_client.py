"""The text of a secret, read from Secret Manager by Google's own client with the node's own credentials."""

from __future__ import annotations

from typing import Any

ATTEMPT, LIMIT = 10.0, 30.0
"""Seconds of one call, and of all of them."""


class SecretError(Exception):
    """A secret cannot be read; one line that says which and why."""


def read_secret(name: str, endpoint: str = "") -> str:
    """Return the text of a secret.

    Parameters
    ----------
    name : str
        ``projects/P/secrets/S``, of which it is the latest version, or ``projects/P/secrets/S/versions/V``.
    endpoint : str
        ``HOST:PORT`` of a Secret Manager that speaks plain text; for tests. Otherwise Google's.

    Raises
    ------
    SecretError
        There is no such secret, it may not be read, or nobody answers in 30 s.
    """
    import google.auth.exceptions
    from google.api_core import exceptions as google_errors

    version = name if "/versions/" in name else f"{name}/versions/latest"
    try:
        return _access(version, endpoint)
    except google_errors.NotFound:
        raise SecretError(f"no such secret: {version}") from None
    except (google_errors.PermissionDenied, google_errors.Unauthenticated):
        raise SecretError(
            f"the nodes' service account may not read {version}: it needs roles/secretmanager.secretAccessor there"
        ) from None
    except google_errors.FailedPrecondition as error:
        raise SecretError(f"{version}: {error.message}") from None
    except (google_errors.GoogleAPIError, google.auth.exceptions.GoogleAuthError) as error:
        raise SecretError(f"{version} cannot be read: {' '.join(str(error).split())}") from None


def _access(version: str, endpoint: str) -> str:
    from google.api_core.exceptions import ServiceUnavailable
    from google.api_core.retry import Retry, if_exception_type

    again = Retry(if_exception_type(ServiceUnavailable), initial=0.5, maximum=5.0, timeout=LIMIT)
    with _client(endpoint) as client:
        found = client.access_secret_version(name=version, retry=again, timeout=ATTEMPT)
    return found.payload.data.decode()


def _client(endpoint: str) -> Any:
    from google.cloud import secretmanager_v1

    if not endpoint:
        return secretmanager_v1.SecretManagerServiceClient()
    import grpc
    from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
        SecretManagerServiceGrpcTransport,
    )

    channel = grpc.insecure_channel(endpoint)
    return secretmanager_v1.SecretManagerServiceClient(transport=SecretManagerServiceGrpcTransport(channel=channel))
