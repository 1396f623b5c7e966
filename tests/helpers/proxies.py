"""Reverse proxies that serve everything below a path: one of a few lines, nginx and Caddy."""

from __future__ import annotations

import http.client
import http.server
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CADDY = shutil.which("caddy")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
PATIENCE = 120.0  # seconds that something may take on a busy machine
HOP = ("connection", "keep-alive", "transfer-encoding", "te", "upgrade")  # of one connection only


@contextmanager
def stripping_proxy(upstream: int, prefix: str) -> Iterator[str]:
    """Take ``prefix`` away, answer 404 to all else, and yield the proxy's address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            self.close_connection = True
            if not self.path.startswith(f"{prefix}/"):
                self.send_error(404)
                return
            length = int(self.headers.get("Content-Length", 0))
            kept = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
            server = http.client.HTTPConnection("127.0.0.1", upstream, timeout=PATIENCE)
            server.request(
                self.command, self.path.removeprefix(prefix), self.rfile.read(length), kept
            )
            answer = server.getresponse()
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            with suppress(OSError):  # a client that leaves
                while piece := answer.read1():
                    self.wfile.write(piece)
            server.close()

        do_GET = do_HEAD = do_POST = do_DELETE = forward  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}"
        finally:
            listening.shutdown()
            thread.join()


@contextmanager
def nginx(server: str, folder: Path) -> Iterator[str]:
    """Run nginx with the inside of a ``server`` block, and yield its address."""
    port = free_port()
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"{name}_temp_path {folder}/{name};" for name in places)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;\n"
        "events {}\n"
        f"http {{ access_log off; {temporary}\n"
        f"server {{ listen 127.0.0.1:{port};\n{server}\n}} }}\n"
    )
    assert NGINX is not None
    command = [NGINX, "-p", str(folder), "-e", str(folder / "errors"), "-c", "nginx.conf"]
    with _listening(command, folder, port) as address:
        yield address


@contextmanager
def caddy(site: str, folder: Path) -> Iterator[str]:
    """Run Caddy with the inside of a site's block, and yield its address."""
    port = free_port()
    start = "{\n admin off\n auto_https off\n}\n"
    (folder / "Caddyfile").write_text(f"{start}http://127.0.0.1:{port} {{\n{site}\n}}\n")
    assert CADDY is not None
    command = [CADDY, "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
    with _listening(command, folder, port) as address:
        yield address


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def _listening(command: list[str], folder: Path, port: int) -> Iterator[str]:
    """Run a proxy in a folder, wait until it listens, and yield its address."""
    said = folder / "said"
    environment = {
        **os.environ,
        **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(folder)),
    }
    with said.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=stream, stderr=stream
        )
    try:
        end = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.02)
        assert process.poll() is None, said.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE)
