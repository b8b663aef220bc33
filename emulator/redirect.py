"""Takes unmodified clients in by two environment variables: a proxy for Google's host names, and a root to trust.

The proxy answers CONNECT for Dataproc's hosts only, plays that host with a certificate of its own, and passes the plain
HTTP/2 on to the unix socket. Loopback TCP is open to every user of the machine: hence the token, which only those can
know who can read the announcement (0600).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import hmac
import logging
import os
import re
import secrets
import ssl
import time
from pathlib import Path

USER = "dataproc"
PROXY_AUTH = b"proxy-authorization"
HOSTS = re.compile(rb"(?:[a-z0-9-]+-)?dataproc\.googleapis\.com(?::443)?")
CERTIFIED = ("dataproc.googleapis.com", "*.googleapis.com")
VALID = datetime.timedelta(days=30)
ROOTS = "roots.pem"
MAX_HEAD = 16 << 10
HEAD_TIMEOUT = 10.0
CHUNK = 64 << 10
log = logging.getLogger(__name__)


class Redirect:
    """The proxy, open inside ``async with``.

    Parameters
    ----------
    runtime : Path
        Where the certificate is left.
    target : Path
        The unix socket of the API.
    """

    def __init__(self, runtime: Path, target: Path) -> None:
        self._roots = runtime / ROOTS
        self._target = target
        token = secrets.token_urlsafe(24)
        self._expected = b"Basic " + base64.b64encode(f"{USER}:{token}".encode())
        self._token = token
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Redirect:
        self._context = certified_context(self._roots)
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=MAX_HEAD)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        self._roots.unlink(missing_ok=True)

    def environment(self) -> dict[str, str]:
        """Return what a client's ``grpc_proxy`` and ``GRPC_DEFAULT_SSL_ROOTS_FILE_PATH`` are to be set to."""
        port = self._server.sockets[0].getsockname()[1]
        return {"grpc_proxy": f"http://{USER}:{self._token}@127.0.0.1:{port}", "roots": str(self._roots)}

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            await self._serve(reader, writer)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError) as error:
            log.info("redirect: connection ended: %s", error)
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_TIMEOUT)
        refusal = self._refusal(head)
        writer.write(refusal or b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        if refusal:
            return
        await writer.start_tls(self._context)
        inner_reader, inner_writer = await asyncio.open_unix_connection(str(self._target))
        await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))

    def _refusal(self, head: bytes) -> bytes:
        """Return the answer to a request that is not let in, b'' for one that is."""
        request, *headers = head.split(b"\r\n")
        given = [value.strip() for name, _, value in (h.partition(b":") for h in headers) if name.lower() == PROXY_AUTH]
        if len(given) != 1 or not hmac.compare_digest(given[0], self._expected):
            return b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="emulator"\r\n\r\n'
        method, _, rest = request.partition(b" ")
        if method != b"CONNECT" or not HOSTS.fullmatch(rest.partition(b" ")[0]):
            return b"HTTP/1.1 403 Forbidden\r\n\r\n"
        return b""


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes until its end, then end the other side too."""
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def certified_context(roots: Path) -> ssl.SSLContext:
    """Make a key and its self-signed certificate; leave the certificate in ``roots``, return the server's TLS."""
    key, certificate = _self_signed()
    _write(roots, certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2"])
    pair = roots.with_suffix(".pair")
    try:
        _write(pair, key + certificate)
        context.load_cert_chain(pair)
    finally:
        pair.unlink()
    return context


def _self_signed() -> tuple[bytes, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Dataproc emulator")])
    begin = datetime.datetime.fromtimestamp(time.time(), datetime.UTC) - datetime.timedelta(minutes=5)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + VALID)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in CERTIFIED]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, certificate.public_bytes(pem)


def _write(path: Path, data: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
