"""moto's S3 over HTTP on a loopback address, in front of which requests can go wrong as they are told to."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3  # type: ignore[import-untyped] # botocore's family brings no types
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from integration_tests.support.fake_storage import read_rows

KEYS = ("AKIDEXAMPLE", "secret-example-canary")
REGION = "us-east-1"


@dataclass(frozen=True)
class Fault:
    """What happens to a request in the place of an answer: a status with S3's error, HTML, a reset, or silence."""

    kind: str
    status: int = 503
    code: str = "SlowDown"

    @property
    def body(self) -> bytes:
        """The answer's body."""
        if self.kind == "html":
            return b"<html><body>Bad gateway</body></html>"
        return (
            f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{self.code}</Code><Message>canary message</Message>'
            "</Error>"
        ).encode()


class LocalS3:
    """A server with buckets; `script` says for each write of an object, by its number from 1, what goes wrong.

    `read_script` says it for each time that one is read.
    """

    def __init__(self) -> None:
        self.script: Callable[[int], Fault | None] = lambda _: None
        self.read_script: Callable[[], Fault | None] = lambda: None
        self.writes: list[str] = []
        self._released = threading.Event()
        self._guard = threading.Lock()
        self._inner = DomainDispatcherApplication(create_backend_app)
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", 0, self._answer, threaded=True, request_handler=_QuietHandler
        )
        # A connection that was reset is no error of the server's.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.port}"
        self._client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=KEYS[0],
            aws_secret_access_key=KEYS[1],
        )

    def close(self) -> None:
        """Answer nothing any more."""
        self._released.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
        self._client.close()

    def make_bucket(self, name: str) -> dict[str, Any]:
        """Make a bucket; return the section of a configuration that names it."""
        self._client.create_bucket(Bucket=name)
        return {
            "storage_type": "S3",
            "access_key_id": KEYS[0],
            "secret_access_key": KEYS[1],
            "s3_bucket_name": name,
            "s3_bucket_region": REGION,
            "s3_endpoint": self.url,
            "bucket_path": "refused/intercom/",
        }

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Put an object into a bucket."""
        self._client.put_object(Bucket=bucket, Key=key, Body=body)

    def objects(self, bucket: str) -> dict[str, bytes]:
        """All objects of a bucket."""
        found = {}
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", ()):
                found[entry["Key"]] = self._client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
        return found

    def rows(self, bucket: str) -> list[dict[str, Any]]:
        """All lines of all objects of a bucket, in the order of the records."""
        return sorted(read_rows(self.objects(bucket).items()), key=lambda row: int(row["ordinal"]))

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"].strip("/")
        if environ["REQUEST_METHOD"] in {"PUT", "DELETE"} and "/" in path:
            with self._guard:
                self.writes.append(f"{environ['REQUEST_METHOD']} {path}")
                number = len(self.writes)
            fault = self.script(number)
            if fault is not None:
                return self._fail(fault, environ, start_response)
        if environ["REQUEST_METHOD"] == "GET" and (fault := self.read_script()) is not None:
            return self._fail(fault, environ, start_response)
        return self._inner(environ, start_response)  # type: ignore[no-any-return]

    def _fail(self, fault: Fault, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if fault.kind == "stall":
            self._released.wait(120)
        if fault.kind in {"reset", "stall"}:
            connection: socket.socket = environ["werkzeug.socket"]
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Closed for good: the handler's files keep the socket open otherwise.
            os.close(connection.detach())
            raise ConnectionResetError
        kind = "text/html" if fault.kind == "html" else "application/xml"
        headers = [("Content-Type", kind), ("Content-Length", str(len(fault.body)))]
        if fault.kind != "html":
            headers.append(("x-amz-request-id", "r-1"))
        start_response(f"{fault.status} Fault", headers)
        return [fault.body]


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - as its parent
        pass


logging.getLogger("werkzeug").setLevel(logging.CRITICAL)


@contextlib.contextmanager
def local_s3() -> Iterator[LocalS3]:
    """Run a server."""
    server = LocalS3()
    try:
        yield server
    finally:
        server.close()
