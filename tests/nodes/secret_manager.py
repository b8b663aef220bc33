"""Secret Manager on loopback: the real API's one call that nodes make, in plain text.

    python secret_manager.py HOST SECRETS.json

SECRETS.json maps names of versions to their texts; null is a secret that the caller may not read. The port is printed.
"""

from __future__ import annotations

import json
import sys
from concurrent import futures
from pathlib import Path

import grpc
from google.cloud.secretmanager_v1 import types

SERVICE = "google.cloud.secretmanager.v1.SecretManagerService"


def serve(host: str, secrets: Path) -> None:
    """Answer until the process is ended; the file is read anew at each call."""

    def access(request, context):
        known = json.loads(secrets.read_text())
        if request.name not in known:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Secret Version [{request.name}] not found.")
        if known[request.name] is None:
            permission = "Permission 'secretmanager.versions.access' denied"
            context.abort(grpc.StatusCode.PERMISSION_DENIED, f"{permission} for resource '{request.name}'.")
        return types.AccessSecretVersionResponse(name=request.name, payload={"data": known[request.name].encode()})

    handler = grpc.unary_unary_rpc_method_handler(
        access,
        types.AccessSecretVersionRequest.deserialize,
        types.AccessSecretVersionResponse.serialize,
    )
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {"AccessSecretVersion": handler})])
    print(server.add_insecure_port(f"{host}:0"), flush=True)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
