"""MCP over HTTP at a running service (BASE_URL): the official client, FastMCP's, and plain requests."""

import asyncio
import http.client
import json
import os
import re
import urllib.parse

import fastmcp
import jsonschema
import pytest
from mcp import Client

BASE_URL = os.environ.get("BASE_URL", "http://127.0.0.1:8000")
BASE = urllib.parse.urlsplit(BASE_URL)
URL = BASE_URL + "/mcp"
TOOLS = ["search_kubeflow_docs", "search_github_issues", "search_kubeflow_code"]
QUERY = "How do I install it?"
PREFIX = "io.modelcontextprotocol/"
MODERN = "2026-07-28"
LEGACY = ["2025-11-25", "2025-06-18", "2025-03-26"]
ACCEPT = "application/json, text/event-stream"


def post(message, method="POST", **headers):
    """(status, headers, JSON of the body or None) of one message, bytes as they are."""
    body = message if isinstance(message, (bytes, type(None))) else json.dumps(message)
    names = {"Content-Type": "application/json", "Accept": ACCEPT}
    names.update({k.replace("_", "-"): v for k, v in headers.items() if v is not None})
    connection = http.client.HTTPConnection(BASE.hostname, BASE.port, timeout=60)
    try:
        connection.request(method, "/mcp", body=body,
                           headers={k: v for k, v in names.items() if v})
        response = connection.getresponse()
        content = response.read()
        got = {name.lower(): value for name, value in response.getheaders()}
        is_json = got.get("content-type", "") == "application/json" and content
        return response.status, got, json.loads(content) if is_json else content or None
    finally:
        connection.close()


def request(method, params=None, number=1):
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}


def call(name="search_kubeflow_docs", **arguments):
    return request("tools/call", {"name": name, "arguments": arguments})


def modern(message, **headers):
    """The same request as 2026-07-28 has it, with its headers."""
    meta = {PREFIX + "protocolVersion": MODERN, PREFIX + "clientCapabilities": {}}
    message = {**message, "params": {**message["params"], "_meta": meta}}
    given = {"MCP_Protocol_Version": MODERN, "Mcp_Method": message["method"],
             "Mcp_Name": message["params"].get("name")}
    return post(message, **{**given, **headers})


def begin(version="2025-11-25"):
    params = {"protocolVersion": version, "capabilities": {},
              "clientInfo": {"name": "test", "version": "1"}}
    status, headers, body = post(request("initialize", params))
    assert status == 200, body
    assert body["result"]["protocolVersion"] == version
    assert re.fullmatch(r"[\x21-\x7e]+", headers["mcp-session-id"])
    session = headers["mcp-session-id"]
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    status, _, body = post(note, Mcp_Session_Id=session)
    assert (status, body) == (202, None)
    return session


def error_of(answer, status, code):
    assert answer[0] == status, answer
    assert answer[2]["error"]["code"] == code and answer[2]["error"]["message"], answer
    return answer[2]["error"]


def check_result(text, structured, top_k):
    """Text and citations say the same, and passages are short."""
    sources = re.findall(r"^\*\*Source:\*\* (\S+)$", text, re.M)
    citations = structured["citations"]
    assert 1 <= len(citations) <= top_k
    assert [c["url"] for c in citations] == sources
    assert [c["id"] for c in citations] == [f"c{n + 1}" for n in range(len(citations))]
    assert text.startswith("### Result 1 (score: ")
    assert all(0 < len(c["text"].encode()) <= 1300 for c in citations)
    scores = [c["score"] for c in citations]
    assert scores == sorted(scores, reverse=True)
    assert structured["retrieval"]["retrieval_mode"].startswith("hybrid")


@pytest.mark.parametrize("mode,version", [("auto", MODERN), (MODERN, MODERN), ("legacy", LEGACY[0])])
def test_official_client(mode, version):
    async def talk():
        async with Client(URL, mode=mode) as client:
            assert client.protocol_version == version
            if mode != MODERN:  # which takes the version for granted, and asks nothing
                assert client.server_info.name == "Kubeflow Docs MCP Server"
            tools = (await client.list_tools()).tools
            assert [tool.name for tool in tools] == TOOLS
            for tool in tools:
                jsonschema.Draft202012Validator.check_schema(tool.input_schema)
                jsonschema.Draft202012Validator.check_schema(tool.output_schema)
            result = await client.call_tool(TOOLS[0], {"query": QUERY, "top_k": 3})
            assert not result.is_error
            jsonschema.validate(result.structured_content, tools[0].output_schema)
            check_result(result.content[0].text, result.structured_content, 3)
            if mode == "legacy":
                await client.send_ping()
            empty = await client.call_tool(TOOLS[1], {"query": QUERY, "repo": "no/such"})
            assert empty.content[0].text == "No issues found for your query."
            assert empty.structured_content["citations"] == []
    asyncio.run(talk())


def test_fastmcp_client():
    async def talk():
        async with fastmcp.Client(URL) as client:
            assert [tool.name for tool in await client.list_tools()] == TOOLS
            result = await client.call_tool(TOOLS[0], {"query": QUERY})
            check_result(result.content[0].text, result.structured_content, 5)
            result = await client.call_tool(TOOLS[0], {"query": " "}, raise_on_error=False)
            assert result.is_error
            assert result.content[0].text.startswith("Search rejected: ")
    asyncio.run(talk())


@pytest.mark.parametrize("version", LEGACY)
def test_sessions(version):
    session = begin(version)
    status, _, body = post(request("tools/list", number="b"), Mcp_Session_Id=session,
                           MCP_Protocol_Version=version)
    assert status == 200 and body["id"] == "b"
    assert "ttlMs" not in body["result"] and "resultType" not in body["result"]
    # a request without the header of the version is one of this session
    status, _, body = post(call(query=QUERY, top_k=100), Mcp_Session_Id=session)
    assert status == 200
    check_result(body["result"]["content"][0]["text"], body["result"]["structuredContent"], 20)
    error_of(post(request("ping")), 400, -32600)
    error_of(post(request("ping"), Mcp_Session_Id="x" * 300), 404, -32600)
    error_of(post(request("ping"), Mcp_Session_Id=session, MCP_Protocol_Version="1999-01-01"),
             400, -32022)
    status, _, body = post(request("prompts/list"), Mcp_Session_Id=session)
    assert status == 200 and body["error"]["code"] == -32601
    assert post(None, "DELETE", Mcp_Session_Id=session)[0] == 200
    error_of(post(request("ping"), Mcp_Session_Id=session), 404, -32600)
    error_of(post(None, "DELETE", Mcp_Session_Id=session), 404, -32600)
    error_of(post(None, "DELETE"), 400, -32600)


def test_batches():
    session = begin("2025-03-26")
    batch = [request("ping", number=1), {"jsonrpc": "2.0", "method": "notifications/x"},
             {**call(query=QUERY, top_k=1), "id": 2}, {**call(query=""), "id": 3}]
    status, _, body = post(batch, Mcp_Session_Id=session)
    assert status == 200
    assert [answer["id"] for answer in body] == [1, 2, 3]
    assert [answer["result"].get("isError") for answer in body] == [None, False, True]
    assert post([batch[1]], Mcp_Session_Id=session)[0::2] == (202, None)
    error_of(post([], Mcp_Session_Id=session), 400, -32600)
    error_of(post(batch, Mcp_Session_Id=begin("2025-06-18")), 400, -32600)


def test_stateless():
    status, headers, body = modern(request("server/discover"))
    assert status == 200 and "mcp-session-id" not in headers
    result = body["result"]
    assert result["supportedVersions"] == [MODERN, *LEGACY]
    assert result["resultType"] == "complete"
    assert result["_meta"][PREFIX + "serverInfo"]["name"] == "Kubeflow Docs MCP Server"
    status, _, body = modern(call(query=QUERY, top_k=2))
    assert status == 200 and body["result"]["resultType"] == "complete"
    check_result(body["result"]["content"][0]["text"], body["result"]["structuredContent"], 2)
    error_of(modern(request("ping")), 404, -32601)
    error_of(modern(request("tools/list"), MCP_Protocol_Version=None), 400, -32020)
    error_of(modern(request("tools/list"), MCP_Protocol_Version=LEGACY[0]), 400, -32020)
    error_of(modern(request("tools/list"), Mcp_Method="tools/call"), 400, -32020)
    error_of(modern(call(query=QUERY), Mcp_Name=TOOLS[1]), 400, -32020)
    error_of(post(request("tools/list"), MCP_Protocol_Version=MODERN, Mcp_Method="tools/list"),
             400, -32602)
    unknown = request("tools/list", {"_meta": {PREFIX + "protocolVersion": "2099-01-01"}})
    error = error_of(post(unknown, MCP_Protocol_Version="2099-01-01"), 400, -32022)
    assert error["data"] == {"supported": [MODERN, *LEGACY], "requested": "2099-01-01"}
    assert post(None, "DELETE", MCP_Protocol_Version=MODERN, Mcp_Session_Id="x")[0] == 405


@pytest.mark.parametrize("arguments", [
    {"query": ""}, {"query": "x" * 513}, {"query": ["x"]}, {}, {"query": "x", "top_k": "many"}])
def test_rejected_arguments(arguments):
    status, _, body = modern(call(**arguments))
    assert status == 200 and body["result"]["isError"] is True
    assert body["result"]["content"][0]["text"].startswith("Search rejected: ")


def test_unknown_tool_and_bad_bodies():
    assert modern(call("rm_rf"))[2]["error"]["code"] == -32602
    for body in (b"", b"{", b"\xff\xfe", b"[" * 100000, b'{"a":1}'):
        status, _, answer = post(body)
        assert status == 400 and answer["error"]["code"] in (-32700, -32600)
    assert error_of(post(b"x" * (262144 + 1)), 413, -32600)


def test_get_is_not_allowed():
    status, headers, _ = post(None, "GET")
    assert status == 405 and headers["allow"] == "POST, DELETE"


def test_content_types():
    message = request("initialize", {"protocolVersion": LEGACY[0]})
    assert post(message, Content_Type="text/plain")[0] == 415
    assert post(message, Accept="text/html")[0] == 406
    status, headers, body = post(message, Accept="text/event-stream")
    assert status == 200 and headers["content-type"] == "text/event-stream"
    assert body.startswith(b"event: message\ndata: {") and body.endswith(b"}\n\n")
    session = headers["mcp-session-id"]
    status, headers, body = post(call(query=QUERY), Accept="text/event-stream",
                                 Mcp_Session_Id=session)
    assert headers["content-type"] == "text/event-stream"
    check_result(*(lambda r: (r["content"][0]["text"], r["structuredContent"]))(
        json.loads(body.split(b"data: ", 1)[1])["result"]), 5)


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_origins(method):
    message = request("server/discover") if method == "POST" else None
    own = f"{BASE.hostname}:{BASE.port}"
    for origin, host in (("http://evil.example", own), ("null", own),
                         ("http://evil.example", "evil.example"),
                         (f"http://127.0.0.1.evil.example:{BASE.port}",
                          f"127.0.0.1.evil.example:{BASE.port}")):
        assert post(message, method, Origin=origin, Host=host)[0] == 403, (origin, host)
    assert post(message, method, Origin=f"http://{own}", Host=own)[0] != 403
    status = modern(request("server/discover"), Origin=f"http://{own}", Host=own)[0]
    assert status == 200
