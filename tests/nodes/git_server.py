"""Git over HTTPS on loopback: git's own http-backend, for whoever shows the token.

    python git_server.py HOST FOLDER CERTIFICATE_AND_KEY.pem USER:TOKEN

It serves the bare repositories of FOLDER. The port is printed.
"""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def handler(folder: str, allowed: str) -> type[BaseHTTPRequestHandler]:
    """Return the handler of requests for the repositories of ``folder``."""
    authorization = "Basic " + base64.b64encode(allowed.encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != authorization:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._backend(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        do_POST = do_GET

        def _backend(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            said = {
                "GIT_PROJECT_ROOT": folder,
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": "node",
            }
            ran = subprocess.run(["git", "http-backend"], input=body, env=os.environ | said, stdout=subprocess.PIPE)
            head, _, content = ran.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self.send_response(int(fields.pop("Status", "200").split()[0]))
            for name, value in (fields | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


if __name__ == "__main__":
    host, folder, pem, allowed = sys.argv[1:]
    server = ThreadingHTTPServer((host, 0), handler(folder, allowed))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever()
