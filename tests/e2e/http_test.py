"""The HTTP endpoints of a running service, whose address is in BASE_URL.

Run by tests/run.py; by hand: BASE_URL=http://127.0.0.1:8000 pytest tests/e2e
"""

import http.client
import json
import os
import re
import socket
import urllib.parse

import pytest

BASE = urllib.parse.urlsplit(os.environ.get("BASE_URL", "http://127.0.0.1:8000"))
QUESTION = "How do I stop Katib from deleting the pods of finished trials?"


def request(path, method="GET", headers=None, body=None):
    """One request on its own connection: (status, headers with lower-case names, body)."""
    connection = http.client.HTTPConnection(BASE.hostname, BASE.port, timeout=30)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return response.status, names, response.read()
    finally:
        connection.close()


def raw(data, until_close=True):
    """Bytes on a plain socket, for what http.client would refuse to send."""
    with socket.create_connection((BASE.hostname, BASE.port), timeout=30) as s:
        s.sendall(data)
        answer = b""
        while part := s.recv(65536):
            answer += part
            if not until_close and b"\r\n\r\n" in answer:
                break
        return answer


def problem(path, status, **kwargs):
    got, headers, body = request(path, **kwargs)
    assert got == status
    assert headers["content-type"] == "application/problem+json"
    document = json.loads(body)
    assert document["status"] == status
    assert document["title"] and document["detail"] and document["type"] == "about:blank"
    assert document["request_id"] == headers["x-request-id"]
    return document, headers


def search(**params):
    status, headers, body = request("/api/search?" + urllib.parse.urlencode(params))
    assert status == 200, body
    assert headers["content-type"] == "application/json"
    return json.loads(body)


def test_health():
    assert request("/healthz")[0::2] == (200, b'{"status":"ok"}')
    status, headers, body = request("/health")
    assert (status, body) == (200, b"OK")
    assert headers["content-type"].startswith("text/plain")


def test_ready():
    status, _, body = request("/readyz")
    assert status == 200, body
    ready = json.loads(body)
    assert ready["status"] == "ready"
    assert ready["index"]["pending"] == 0 and ready["index"]["percent"] == 100
    assert ready["index"]["chunks"] > 0 and ready["index"]["generation"] > 0


def test_page_and_assets():
    status, headers, page = request("/")
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    names = re.findall(rb'(?:src|href)="(/assets/[^"]+)"', page)
    assert names
    for name in names:
        status, headers, body = request(name.decode())
        assert status == 200 and body, name
        kind = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
        assert headers["content-type"].startswith(kind[name.decode().split("?")[0].rsplit(".")[-1]])
    assert b"<script>" not in page and b"<style" not in page and b" onclick" not in page


def test_query_of_an_asset_is_ignored():
    assert request("/assets/app.js?v=12")[2] == request("/assets/app.js")[2]


def test_etag():
    _, headers, body = request("/assets/app.js")
    status, again, empty = request("/assets/app.js", headers={"If-None-Match": headers["etag"]})
    assert (status, empty) == (304, b"")
    assert again["etag"] == headers["etag"]
    assert request("/assets/app.js", headers={"If-None-Match": '"other"'})[0::2] == (200, body)


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../serve.h",
        "/assets/%2e%2e/serve.h",
        "/assets/..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/assets/",
        "/assets/app.js/",
        "/assets/APP.JS",
        "/nothing",
        "/api",
    ],
)
def test_unknown_paths(path):
    problem(path, 404)


@pytest.mark.parametrize("path", ["/", "/healthz", "/assets/app.js", "/nothing", "/metrics"])
def test_headers_of_every_response(path):
    _, headers, _ = request(path)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", headers["x-request-id"])
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"]
    assert "libwebsockets" not in headers.get("server", "")


def test_request_id_of_the_client():
    assert request("/healthz", headers={"X-Request-Id": "abc-1.2_3"})[1]["x-request-id"] == "abc-1.2_3"
    for bad in ["a b", "x" * 65, "<script>"]:
        assert request("/healthz", headers={"X-Request-Id": bad})[1]["x-request-id"] != bad
    assert request("/healthz")[1]["x-request-id"] != request("/healthz")[1]["x-request-id"]


@pytest.mark.parametrize("path", ["/", "/healthz", "/assets/app.js", "/api/search?q=katib"])
def test_head(path):
    status, headers, body = request(path, method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


def test_head_keeps_the_connection_usable():
    connection = http.client.HTTPConnection(BASE.hostname, BASE.port, timeout=30)
    connection.request("HEAD", "/")
    assert connection.getresponse().read() == b""
    connection.request("GET", "/healthz")
    assert connection.getresponse().read() == b'{"status":"ok"}'
    connection.request("GET", "/api/search?q=katib&top_k=1")
    assert len(json.loads(connection.getresponse().read())["results"]) == 1
    connection.close()


def test_pipelined_requests():
    one = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = raw(one + one + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.endswith(b"OK")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_methods(method):
    document, headers = problem("/api/search?q=x", 405, method=method)
    assert headers["allow"] == "GET, HEAD"


def test_bodies_are_refused():
    problem("/healthz", 413, body=b"x" * 10)
    problem("/", 405, method="POST", body=b"x" * 100_000)
    smuggled = (
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    answer = raw(smuggled)
    assert answer.startswith(b"HTTP/1.1 413") and answer.count(b"HTTP/1.1") == 1


def test_search():
    result = search(q=QUESTION, top_k=5)
    assert result["query"] == QUESTION
    assert 0 < result["took_ms"] < 30_000
    assert 0 < len(result["results"]) <= 5
    assert [r["rank"] for r in result["results"]] == list(range(1, len(result["results"]) + 1))
    scores = [r["score"] for r in result["results"]]
    assert scores == sorted(scores, reverse=True)
    for r in result["results"]:
        assert set(r) >= {"rank", "score", "type", "title", "section", "url", "path", "repo", "text"}
        assert r["type"] == "doc"


def test_search_finds_the_page():
    result = search(q=QUESTION, top_k=5)
    assert any("katib" in r["path"] and "retain" in r["text"] for r in result["results"])


def test_pages_of_documents_without_an_address():
    """Without a base URL the service shows the documents itself, under their paths."""
    for r in search(q=QUESTION, top_k=5)["results"]:
        address = urllib.parse.urlsplit(r["url"])
        if address.scheme:
            problem("/pages/" + urllib.parse.quote(r["path"]), 404)
            continue
        status, headers, body = request(address.path)
        assert status == 200
        assert headers["content-type"] == "text/html; charset=utf-8"
        if address.fragment:
            assert f'id="{urllib.parse.unquote(address.fragment)}"' in body.decode()
    problem("/pages/nothing.md", 404)
    problem("/pages/", 404)


def test_search_types():
    assert search(q="katib", type="doc", top_k=3)["results"]
    assert search(q="katib", type="issue", top_k=3)["results"] == []
    assert len(search(q="katib")["results"]) <= 10


def test_search_decodes_the_query():
    text = "pods & trials + 100% “ünïcode” a=b"
    assert search(q=text, top_k=1)["query"] == text


@pytest.mark.parametrize(
    "query",
    ["", "q=", "q=%20%09", "other=x", "q=x&top_k=0", "q=x&top_k=101", "q=x&top_k=-1",
     "q=x&top_k=1.5", "q=x&top_k=", "q=x&top_k=99999999999999999999", "q=x&type=pdf", "q=%ff%fe"],
)
def test_search_bad_requests(query):
    problem("/api/search?" + query, 400)


def test_search_query_too_long():
    document, _ = problem("/api/search?q=" + "a" * 20_000, 413)
    assert "limit" in document["detail"]


def test_search_long_query():
    text = "why are the pods of my trials gone " * 100
    assert search(q=text, top_k=1)["query"] == text.strip()


def test_url_too_long():
    """Over the size of all headers the library answers by itself, or hangs up."""
    answer = raw(b"GET /api/search?q=" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer == b"" or re.match(rb"HTTP/1\.[01] 4(00|13|14|31)", answer)
    assert request("/healthz")[0] == 200


@pytest.mark.parametrize(
    "data",
    [b"\x00\x01\x02\x03\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
     b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
     b"GET /api/search?q=a%00b HTTP/1.1\r\nHost: x\r\n\r\n"],
)
def test_garbage(data):
    with socket.create_connection((BASE.hostname, BASE.port), timeout=5) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        try:
            while s.recv(65536):
                pass
        except (ConnectionResetError, socket.timeout):
            pass
    assert request("/healthz")[0] == 200


def test_metrics():
    search(q="katib", top_k=1)
    status, headers, body = request("/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    text = body.decode()
    values = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            assert re.fullmatch(r'[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+', line)
            name, value = line.rsplit(" ", 1)
            values[name] = float(value)
    assert values['docs_bot_requests_total{route="search",status="200"}'] >= 1
    assert values["docs_bot_connections"] >= 1
    assert values["docs_bot_queue_depth"] >= 0
    assert values['docs_bot_search_seconds_bucket{le="+Inf"}'] == values["docs_bot_search_seconds_count"]
    assert any(name.startswith("docs_bot_build_info{version=") for name in values)
    search(q="katib", top_k=1)
    after = request("/metrics")[2].decode()
    count = re.search(r"^docs_bot_search_seconds_count (\d+)$", after, re.M)
    assert int(count.group(1)) > values["docs_bot_search_seconds_count"]


def test_many_at_once():
    """More connections than workers: each gets an answer or an honest 503."""
    sockets = []
    line = b"GET /api/search?q=katib&top_k=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    for _ in range(40):
        s = socket.create_connection((BASE.hostname, BASE.port), timeout=60)
        s.sendall(line)
        sockets.append(s)
    statuses = []
    for s in sockets:
        answer = b""
        while part := s.recv(65536):
            answer += part
        s.close()
        statuses.append(answer.split(b" ")[1])
        if statuses[-1] == b"503":
            assert b"retry-after" in answer.lower()
    assert set(statuses) <= {b"200", b"503"}
    assert b"200" in statuses


@pytest.mark.parametrize("query", ["&q=pods", "x=1&&q=pods", "q=pods&", "top_k=1&&&q=pods"])
def test_empty_parts_of_the_query(query):
    status, _, body = request("/api/search?" + query)
    assert status == 200, body
    assert json.loads(body)["query"] == "pods"


# ---- POST /chat ----


def chat(body, **headers):
    return request("/chat", "POST", {"Content-Type": "application/json", **headers},
                   json.dumps(body) if not isinstance(body, (str, bytes)) else body)


def test_chat_as_one_document():
    status, headers, body = chat({"message": QUESTION, "stream": False})
    assert status == 200 and headers["content-type"] == "application/json"
    answer = json.loads(body)
    assert answer["response"] and answer["route"] == "docs"
    assert answer["citations"] == list(dict.fromkeys(s["url"] for s in answer["sources"]))
    assert answer["answer_id"] == headers["x-request-id"]
    nothing = json.loads(chat({"message": "Hello!", "stream": False})[2])
    assert nothing["citations"] is None and nothing["route"] == "smalltalk"


@pytest.mark.parametrize("extra", [{}, {"stream": True}])
def test_chat_as_events(extra):
    status, headers, body = chat({"message": QUESTION, **extra})
    assert status == 200 and headers["content-type"] == "text/event-stream"
    assert headers["cache-control"] == "no-cache"
    events = body.decode().split("\n\n")
    assert events.pop() == ""
    frames = []
    for event in events:
        assert event.startswith("data: ") and "\n" not in event
        frames.append(json.loads(event[len("data: "):]))
    types = [f["type"] for f in frames]
    assert types[:2] == ["status", "status"] and types[-3:] == ["sources", "citations", "done"]
    assert set(types[2:-3]) == {"content"}


@pytest.mark.parametrize("body", ["", "no json", "[]", "{}", '{"message": 7}', '{"message": "  "}',
                                  '{"message": "x", "stream": 1}', b"\xff{"])
def test_chat_that_is_none(body):
    got, headers, answer = chat(body)
    assert got == 422 and headers["content-type"] == "application/problem+json", answer


def test_chat_bodies_have_a_limit():
    got, _, _ = chat({"message": "x" * 300000})
    assert got == 413
    got, _, _ = chat({"message": "x " * 10000})  # fits the body, but is no question any more
    assert got == 422


def test_chat_wants_a_length():
    answer = raw(b"POST /chat HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                 b"5\r\nhello\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 411 ")


def test_chat_that_does_not_wait_for_its_turn():
    """A second request on the connection before the first is answered: neither may be mixed up."""
    body = json.dumps({"message": QUESTION, "stream": False}).encode()
    one = (b"POST /chat HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)) + body
    answer = raw(one + one)
    assert answer.count(b"HTTP/1.1 ") in (0, 1, 2)
    assert answer.count(b"HTTP/1.1 200 OK") == answer.count(b"HTTP/1.1 ")
    assert request("/healthz")[0] == 200


def test_chat_keeps_the_connection_for_documents():
    connection = http.client.HTTPConnection(BASE.hostname, BASE.port, timeout=60)
    for question in (QUESTION, "Hello!"):
        connection.request("POST", "/chat", json.dumps({"message": question, "stream": False}))
        response = connection.getresponse()
        assert response.status == 200 and json.loads(response.read())["response"]
    connection.close()


def test_pages_of_other_origins_may_not_chat():
    problem("/chat", 403, method="POST", headers={"Origin": "https://evil.test"},
            body=json.dumps({"message": "x"}))
    own = f"http://{BASE.netloc}"
    status, headers, _ = chat({"message": "Hello!", "stream": False}, Origin=own)
    assert status == 200 and headers["access-control-allow-origin"] == own
    status, headers, body = request("/chat", "OPTIONS", {"Origin": own})
    assert status == 200 and json.loads(body) == {"message": "OK"}
    assert "POST" in headers["access-control-allow-methods"]
    assert request("/chat", "OPTIONS", {"Origin": "https://evil.test"})[0] == 403


def test_chat_is_only_posted():
    document, headers = problem("/chat", 405)
    assert headers["allow"] == "POST"
