"""A server on this machine that cuts, stalls and lies as it is told to."""

import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 4096  # 1 MiB
CUT = 300_000


class _Http(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Pass over clients who leave, as those do who have heard enough."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Server:
    """Serves CONTENT on a port of its own; `script` says how to spoil each answer in turn, then it behaves."""

    def __init__(self, *script, etag='"one"', ranges=True, content=CONTENT):
        self.script, self.etag, self.ranges, self.content = list(script), etag, ranges, content
        self.asked = []  # the Range and If-Range of each request
        self.release = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append((self.headers["Range"], self.headers["If-Range"]))
                (server.script.pop(0) if server.script else serve)(server, self)

            def log_message(self, *_):
                pass

        self.http = _Http(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/toy.tar.gz"


@contextmanager
def running(*script, **options):
    server = Server(*script, **options)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.http.shutdown()
        server.http.server_close()
        thread.join()


def offset_of(server, handler):
    asked, wanted = handler.headers["Range"], handler.headers["If-Range"]
    honoured = asked and server.ranges and wanted in (None, server.etag)
    return int(asked.removeprefix("bytes=").removesuffix("-")) if honoured else None


def start(server, handler, **changes):
    """Send the headers of a proper answer, changed by `changes`; return the bytes that should follow."""
    offset, size = offset_of(server, handler), len(server.content)
    rest = server.content[offset or 0 :]
    headers = {"Content-Type": "application/x-gzip", "Content-Length": len(rest), "ETag": server.etag}
    if offset is not None:
        headers["Content-Range"] = f"bytes {offset}-{size - 1}/{size}"
    handler.send_response(200 if offset is None else 206)
    for name, value in (headers | {name.replace("_", "-"): value for name, value in changes.items()}).items():
        if value is not None:
            handler.send_header(name, str(value))
    handler.end_headers()
    return rest


def serve(server, handler):
    handler.wfile.write(start(server, handler))


def cut(server, handler):
    handler.wfile.write(start(server, handler)[:CUT])


def nothing(server, handler):
    start(server, handler)


def stall(server, handler):
    handler.wfile.write(start(server, handler)[:CUT])
    handler.wfile.flush()
    server.release.wait()


def silence(server, handler):
    server.release.wait()


def status(code):
    return lambda _, handler: handler.send_error(code)
