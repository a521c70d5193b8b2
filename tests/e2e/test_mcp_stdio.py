"""`docs-bot mcp`, as an editor starts it: the official client over standard input and output, and bad lines."""

import asyncio
import json
import os
import signal
import subprocess

import pytest
from conftest import SETTINGS, Bot
from mcp import Client, StdioServerParameters

TOOLS = ["search_kubeflow_docs", "search_github_issues", "search_kubeflow_code"]
HELLO = {"jsonrpc": "2.0", "id": 1, "method": "initialize",
         "params": {"protocolVersion": "2025-06-18", "capabilities": {}}}


def environment():
    return {k: v for k, v in os.environ.items() if k not in SETTINGS}


def call(number, query, **arguments):
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call",
            "params": {"name": TOOLS[0], "arguments": {"query": query, **arguments}}}


def talk(bot, *lines):
    """The answers to lines (messages, or bytes as they are), all sent before any is read."""
    sent = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"
                    for line in lines)
    done = subprocess.run(bot.command("mcp"), input=sent, capture_output=True, timeout=120,
                          env=environment())
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("mode,version", [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
def test_official_client(indexed, mode, version):
    command = indexed.command("mcp")
    server = StdioServerParameters(command=command[0], args=command[1:], env=environment())

    async def ask():
        async with Client(server, mode=mode) as client:
            assert client.protocol_version == version
            assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS
            result = await client.call_tool(TOOLS[0], {"query": "install", "top_k": 2})
            citations = result.structured_content["citations"]
            assert len(citations) == 2 and not result.is_error
            assert all(c["url"].startswith("https://docs.example/") for c in citations)
            assert f"**Source:** {citations[0]['url']}\n" in result.content[0].text
    asyncio.run(ask())


def test_lines(indexed):
    answers = talk(indexed, HELLO, {"jsonrpc": "2.0", "method": "notifications/initialized"}, b"\n",
                   b"no json\r\n", b"[" * 3000 + b"\n", b"x" * (1 << 20) + b"yz\n",
                   call("last", "install", top_k=1), b'{"jsonrpc":"2.0","id":9,"method":"ping"}')
    assert [answer["id"] for answer in answers] == [1, None, None, None, "last", 9]
    assert [answer.get("error", {}).get("code") for answer in answers] == [
        None, -32700, -32700, -32700, None, None]
    assert len(answers[4]["result"]["structuredContent"]["citations"]) == 1


def test_batches_belong_to_the_version_that_was_agreed_on(indexed):
    batch = [{"jsonrpc": "2.0", "id": n, "method": "ping"} for n in (1, 2)]
    first = {**HELLO, "params": {"protocolVersion": "2025-03-26"}}
    assert [a["id"] for a in talk(indexed, first, batch)[1]] == [1, 2]
    assert talk(indexed, HELLO, batch)[1]["error"]["code"] == -32600


def test_without_an_index_the_tools_say_what_to_do(bot):
    hello, result = talk(bot, HELLO, call(2, "install"))
    assert hello["result"]["serverInfo"]["name"]
    assert result["result"]["isError"] is True
    text = result["result"]["content"][0]["text"]
    assert text.startswith("Search failed: ") and "docs-bot index" in text


def test_a_new_index_is_used(tmp_path, tiny_model):
    bot = Bot(tmp_path / "data", tiny_model)
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# First\n\nThe first page.\n")
    bot.index(docs, "--source", "site")
    process = subprocess.Popen(bot.command("mcp"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               env=environment())
    try:
        def titles():
            process.stdin.write(json.dumps(call(1, "page", top_k=20)).encode() + b"\n")
            process.stdin.flush()
            result = json.loads(process.stdout.readline())["result"]
            return sorted(c["title"] for c in result["structuredContent"]["citations"])
        assert titles() == ["First"]
        (docs / "b.md").write_text("# Second\n\nAnother page.\n")
        bot.index(docs, "--source", "site")
        assert titles() == ["First", "Second"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_json_is_no_option(indexed):
    done = indexed.run("--json", "mcp")
    assert done.code == 2 and done.out.count("\n") <= 1
