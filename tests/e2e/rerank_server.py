"""Reranking servers on loopback that keep to the published contracts, and can be made to fail.

text-embeddings-inference: docs/openapi.json of its repository (RerankRequest, Rank, ErrorResponse),
at most 32 texts and 2,000,000 bytes. vLLM: /v1/rerank. Whatever a request has that the contract does
not know is a broken request, which the test sees in `broken`.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEI_BATCH, TEI_BYTES = 32, 2_000_000


class RerankServer:
    """Scores a text by `score(query, text)`. `fault`: None, a status, "garbage" or "hang"."""

    def __init__(self, score, api="tei", key=None):
        self.score, self.api, self.key, self.fault = score, api, key, None
        self.requests, self.broken, self.released = [], [], threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                outer.answer(self)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    @staticmethod
    def send(handler, status, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def problem_with(self, handler, request):
        members = ({"query": str, "texts": list, "raw_scores": bool, "truncate": bool}
                   if self.api == "tei" else
                   {"model": str, "query": str, "documents": list, "truncate_prompt_tokens": int})
        if handler.path != ("/rerank" if self.api == "tei" else "/v1/rerank"):
            return f"path {handler.path}"
        if handler.headers["Content-Type"] != "application/json":
            return f"content type {handler.headers['Content-Type']}"
        if handler.headers["Authorization"] != (self.key and f"Bearer {self.key}"):
            return "another key"
        if not isinstance(request, dict) or set(request) != set(members):
            return f"members {request if not isinstance(request, dict) else sorted(request)}"
        for name, kind in members.items():
            if not isinstance(request[name], kind):
                return f"{name} is a {type(request[name]).__name__}"
        texts = request["texts" if self.api == "tei" else "documents"]
        if not texts or not all(isinstance(t, str) for t in texts):
            return "texts must be strings, at least one"
        return None

    def answer(self, handler):
        data = handler.rfile.read(int(handler.headers["Content-Length"]))
        try:
            request = json.loads(data)
        except ValueError:
            request = None
        problem = self.problem_with(handler, request)
        if problem:
            self.broken.append(problem)
            return self.send(handler, 422, {"error": problem, "error_type": "Validation"})
        self.requests.append(request)
        if self.fault == "hang":
            self.released.wait(60)
            handler.close_connection = True
            return None
        if self.fault == "garbage":
            return self.send(handler, 200, b"[{\"index\": 0")
        if self.fault:
            return self.send(handler, self.fault,
                             {"error": "out of order", "error_type": "Backend"})
        texts = request["texts" if self.api == "tei" else "documents"]
        if self.api == "tei" and (len(texts) > TEI_BATCH or len(data) > TEI_BYTES):
            return self.send(handler, 413, {"error": "batch size error",
                                            "error_type": "Validation"})
        scores = [(self.score(request["query"], t), i) for i, t in enumerate(texts)]
        ranked = sorted(scores, key=lambda s: (-s[0], s[1]))
        if self.api == "tei":
            return self.send(handler, 200, [{"index": i, "score": s} for s, i in ranked])
        return self.send(handler, 200, {
            "id": "rerank-1", "model": request["model"], "usage": {"total_tokens": 1},
            "results": [{"index": i, "document": {"text": texts[i]}, "relevance_score": s}
                        for s, i in ranked]})
