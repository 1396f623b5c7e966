"""An HTTP server on this machine whose failures can be chosen."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class FileServer:
    """What is served and how it fails; change the fields while it runs."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    # Bytes sent before the connection is cut, one entry per request; then everything is sent.
    cuts: list[int] = field(default_factory=list)
    # Status codes answered instead of the file, one entry per request.
    refusals: list[int] = field(default_factory=list)
    # What the next requests get instead of the true bytes, one entry per request.
    replacements: list[bytes] = field(default_factory=list)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    sent: int = 0
    address: str = ""


@contextmanager
def serving(server: FileServer) -> Iterator[FileServer]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            server.requests.append((self.path, wanted))
            if server.refusals:
                self.send_error(server.refusals.pop(0))
                return
            name = self.path.lstrip("/")
            if name not in server.files:
                self.send_error(404)
                return
            body = server.replacements.pop(0) if server.replacements else server.files[name]
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
            if server.ranges and start >= len(body) and wanted:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            partial = server.ranges and wanted is not None
            rest = body[start:] if partial else body
            self.send_response(206 if partial else 200)
            if partial:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            if server.cuts:
                rest = rest[: server.cuts.pop(0)]
            server.sent += len(rest)  # before a client that has it all can look
            self.wfile.write(rest)
            self.close_connection = True

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        server.address = f"http://127.0.0.1:{listening.server_port}/"
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()
