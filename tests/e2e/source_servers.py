"""Servers on loopback for the tests of sources: git's own smart HTTP, and a website that misbehaves."""

import base64
import gzip
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent.parent
LIST_SOURCE = Path(os.environ.get("DOCS_BOT_LIST_SOURCE")
                   or ROOT / "build" / "dev" / "tests" / "list_source")


class Listing:
    def __init__(self, done):
        self.code = done.returncode
        self.raw = done.stdout + done.stderr
        self.json = json.loads(done.stdout)
        self.error = self.json.get("error", "")
        self.items = {i["path"]: i for i in self.json.get("items", [])}
        self.texts = {p: i["text"] for p, i in self.items.items()}
        self.ids = {p: i["id"] for p, i in self.items.items()}
        self.skipped = {s["path"]: s["reason"] for s in self.json.get("skipped", [])}


def environment():
    """Without what would send requests for loopback elsewhere."""
    return {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}


def command(kind, address, cache, *keys):
    return [str(LIST_SOURCE), kind, str(address), str(cache), *keys]


def list_source(kind, address, cache, *keys, timeout=120, env=None):
    """Lists and reads with docs-bot's own code; a crash or a hang fails the test."""
    done = subprocess.run(command(kind, address, cache, *keys), capture_output=True, text=True,
                          errors="surrogateescape", timeout=timeout,
                          env={**environment(), **(env or {})})
    assert done.returncode in (0, 1), f"exit {done.returncode}: {done.stderr[-2000:]}"
    return Listing(done)


class Server:
    """A server of the standard library in a thread; `handler` is a class."""

    def __init__(self, handler):
        class Quiet(handler):
            server_state = self
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass
        self.requests, self.lock = [], threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def note(self, request):
        with self.lock:
            self.requests.append(request)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class GitHandler(BaseHTTPRequestHandler):
    """git http-backend below server.root; with server.token only for those who send it."""

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def serve(self):
        state, parts = self.server_state, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        state.note((self.command, self.path, self.headers.get("Authorization")))
        if state.fail_next:
            status, headers = state.fail_next.pop(0)
            return self.answer(status, **headers)
        for old, new in state.redirects.items():
            if parts.path.startswith(old):
                return self.answer(301, Location=new + self.path[len(old):])
        if state.hang:
            state.release.wait(30)
            self.close_connection = True
            return None
        if state.token:
            sent = self.headers.get("Authorization") or ""
            good = base64.b64encode(f"x-access-token:{state.token}".encode()).decode()
            if sent != f"Basic {good}":
                return self.answer(401, WWW_Authenticate="Basic realm=git")
        env = {**os.environ, "GIT_PROJECT_ROOT": str(state.root), "GIT_HTTP_EXPORT_ALL": "1",
               "PATH_INFO": unquote(parts.path), "QUERY_STRING": parts.query,
               "REQUEST_METHOD": self.command, "REMOTE_ADDR": "127.0.0.1",
               "CONTENT_TYPE": self.headers.get("Content-Type") or "",
               "CONTENT_LENGTH": str(len(body)),
               "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or ""}
        out = subprocess.run(["git", "http-backend"], input=body, env=env,
                             capture_output=True).stdout
        head, _, content = out.partition(b"\r\n\r\n")
        fields = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n"))
        status = int(fields.pop("Status", "200").split()[0])
        if state.cut and self.command == "POST":
            self.send_response(200)
            self.send_header("Content-Type", fields["Content-Type"])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:len(content) // 2])
            self.close_connection = True
            state.cut -= 1
            return None
        return self.answer(status, content, **fields)

    do_GET = do_POST = serve


def git_server(root, token=None):
    server = Server(GitHandler)
    server.root, server.token, server.hang, server.cut = root, token, False, 0
    server.redirects, server.fail_next, server.release = {}, [], threading.Event()
    return server


class SiteHandler(BaseHTTPRequestHandler):
    """Pages of server.pages: path → dict(body, status, type, etag, headers, do)."""

    def do_GET(self):
        state = self.server_state
        page = state.pages.get(self.path)
        state.note((self.path, dict(self.headers)))
        if callable(page):
            page = page(self)
            if page is None:
                return
        if page is None:
            page = {"status": 404, "body": "nothing here"}
        body = page.get("body", b"")
        body = body.encode() if isinstance(body, str) else body
        status = page.get("status", 200)
        if page.get("etag") and self.headers.get("If-None-Match") == page["etag"]:
            status, body = 304, b""
        if page.get("modified") and self.headers.get("If-Modified-Since") == page["modified"]:
            status, body = 304, b""
        if page.get("gzip") and status == 200:
            body = gzip.compress(body)
        self.send_response(status)
        if page.get("type", True) is not None:
            self.send_header("Content-Type", page.get("type", "text/html; charset=utf-8"))
        for name, key in (("ETag", "etag"), ("Last-Modified", "modified"),
                          ("Location", "location")):
            if page.get(key):
                self.send_header(name, page[key])
        for name, value in page.get("headers", {}).items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(page.get("length", len(body))))
        self.end_headers()
        if status != 304:
            self.wfile.write(body)
        if page.get("length"):
            self.close_connection = True


def site_server(pages):
    server = Server(SiteHandler)
    server.pages, server.release = pages, threading.Event()
    return server
