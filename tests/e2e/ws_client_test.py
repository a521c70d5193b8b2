"""The WebSocket chat of a running service, by a real client; the address is in BASE_URL.

Run by tests/run.py; by hand: BASE_URL=http://127.0.0.1:8000 pytest tests/e2e
"""

import asyncio
import json
import os
import re
import urllib.parse

import pytest
import websockets

BASE = urllib.parse.urlsplit(os.environ.get("BASE_URL", "http://127.0.0.1:8000"))
WS = f"ws://{BASE.hostname}:{BASE.port}/ws"
QUESTION = "How do I stop Katib from deleting the pods of finished trials?"
GREETING = {"type": "system", "content": "Connected to Kubeflow Documentation Assistant"}
LEGACY_TYPES = {"system", "content", "tool_result", "citations", "done", "error"}


def connect(url=WS, **kwargs):
    return websockets.connect(url, open_timeout=20, max_size=None, **kwargs)


async def read_frame(ws):
    text = await asyncio.wait_for(ws.recv(), 60)
    assert isinstance(text, str)
    frame = json.loads(text)
    assert isinstance(frame, dict) and isinstance(frame["type"], str)
    return frame


async def read_turn(ws):
    """Frames up to and with `done` or `error`."""
    frames = []
    while not frames or frames[-1]["type"] not in ("done", "error"):
        frames.append(await read_frame(ws))
    return frames


async def ask(ws, message):
    await ws.send(message)
    return await read_turn(ws)


def text_of(frames):
    return "".join(f["content"] for f in frames if f["type"] == "content")


def check_answer(frames):
    """The order and shape of wire.md section 1 and interface.md section 4."""
    types = [f["type"] for f in frames]
    order = re.sub(r"(content )+", "content ", " ".join(t for t in types if t != "status") + " ")
    assert order in ("content sources citations done ", "content sources done "), types
    sources = next(f["sources"] for f in frames if f["type"] == "sources")
    for source in sources:
        assert set(source) == {"index", "title", "section", "url", "quote"}
    urls = list(dict.fromkeys(s["url"] for s in sources if s["url"]))
    cited = [f["citations"] for f in frames if f["type"] == "citations"]
    assert cited == ([urls] if urls else [])
    assert re.fullmatch(r"[A-Za-z0-9._-]+", frames[-1]["answer_id"])
    stages = [f["stage"] for f in frames if f["type"] == "status"]
    assert stages == ["retrieving", "generating"][: len(stages)]
    numbers = {int(n) for n in re.findall(r"\[(\d+)\]", text_of(frames))}
    assert {s["index"] for s in sources} == set(range(1, len(sources) + 1))
    return numbers


def run(coroutine):
    asyncio.run(coroutine)


def error_of(frames):
    assert [f["type"] for f in frames] == ["error"], frames
    assert frames[0]["content"].startswith("Request failed: ")
    return frames[0]["content"]


def test_question_of_the_readme():
    async def body():
        async with connect() as ws:
            assert await read_frame(ws) == GREETING
            frames = await ask(ws, json.dumps({"message": QUESTION, "session_id": "s", "history": []}))
            assert check_answer(frames)
            assert "retain" in text_of(frames)
            urls = next(f["citations"] for f in frames if f["type"] == "citations")
            assert any("katib" in url and "#" in url for url in urls)

    run(body())


@pytest.mark.parametrize("path", ["/", "/ws", "/chat", "/any/other/path?x=1"])
def test_legacy_client_on_any_path(path):
    """A client that knows only the old frames, and looks at nothing else, is served."""

    async def body():
        async with connect(f"ws://{BASE.hostname}:{BASE.port}{path}") as ws:
            answer, citations = "", None
            await ws.send(json.dumps({"message": QUESTION}))
            while True:
                frame = json.loads(await asyncio.wait_for(ws.recv(), 60))
                if frame["type"] not in LEGACY_TYPES:
                    continue
                assert frame["type"] != "error", frame
                if frame["type"] == "content":
                    answer += frame["content"]
                elif frame["type"] == "citations":
                    citations = frame["citations"]
                elif frame["type"] == "done":
                    break
            assert "retain" in answer
            assert citations == list(dict.fromkeys(citations))

    run(body())


@pytest.mark.parametrize(
    "message",
    [QUESTION, f"  {QUESTION}\n", QUESTION.encode(), b"\xff\xfe" + QUESTION.encode() + b"\x80",
     json.dumps({"message": QUESTION}).encode(), json.dumps({"message": QUESTION, "x": [1, {}]})],
)
def test_forms_of_the_question(message):
    async def body():
        async with connect() as ws:
            await read_frame(ws)
            assert "retain" in text_of(await ask(ws, message))

    run(body())


@pytest.mark.parametrize("message", ['{"msg": "x"}', "[1,2]", "42", '"katib"', "{", "null"])
def test_json_that_is_no_request_is_the_question_itself(message):
    async def body():
        async with connect() as ws:
            await read_frame(ws)
            check_answer(await ask(ws, message))

    run(body())


@pytest.mark.parametrize("message", ["", "   \n\t ", '{"message": ""}', '{"message": "  "}', b"", b"\xff"])
def test_empty_question(message):
    async def body():
        async with connect() as ws:
            await read_frame(ws)
            assert "empty" in error_of(await ask(ws, message))
            check_answer(await ask(ws, QUESTION))

    run(body())


@pytest.mark.parametrize("message", ['{"message": 5}', '{"message": null}', '{"message": {"a": 1}}'])
def test_message_of_another_type(message):
    async def body():
        async with connect() as ws:
            await read_frame(ws)
            assert "string" in error_of(await ask(ws, message))
            check_answer(await ask(ws, QUESTION))

    run(body())


@pytest.mark.parametrize("message", ["a" * 100_000, "é" * 50_000, json.dumps({"message": "b " * 50_000})])
def test_question_of_100000_characters(message):
    async def body():
        async with connect() as ws:
            await read_frame(ws)
            assert re.search(r"limit is \d+ bytes|longer than \d+ bytes", error_of(await ask(ws, message)))
            check_answer(await ask(ws, QUESTION))

    run(body())


@pytest.mark.parametrize("message", ["x" * 5_000_000, b"\x00" * 5_000_000])
def test_oversized_message(message):
    async def body():
        async with connect() as ws:
            await read_frame(ws)
            assert "longer than" in error_of(await ask(ws, message))
            check_answer(await ask(ws, QUESTION))

    run(body())


def test_fragmented_message():
    async def body():
        async with connect() as ws:
            await read_frame(ws)
            # characters of several bytes, which fragments cut, and no further word to search for
            text = json.dumps({"message": QUESTION + " “…” – ‘’"}, ensure_ascii=False)
            await ws.send([text[i : i + 7] for i in range(0, len(text), 7)])
            assert "retain" in text_of(await read_turn(ws))

    run(body())


def test_fragments_over_the_limit():
    async def body():
        async with connect() as ws:
            await read_frame(ws)
            await ws.send(["y" * 10_000] * 200)
            assert "longer than" in error_of(await read_turn(ws))
            check_answer(await ask(ws, QUESTION))

    run(body())


def test_ping_between_fragments():
    async def body():
        async with connect() as ws:
            await read_frame(ws)

            async def parts():
                yield QUESTION[:10]
                await (await ws.ping())
                yield QUESTION[10:]

            await ws.send(parts())
            assert "retain" in text_of(await read_turn(ws))

    run(body())


def test_two_turns_are_answered_in_order():
    async def body():
        async with connect() as ws:
            await read_frame(ws)
            await ws.send("What does Katib do with the pods of finished trials?")
            await ws.send("")
            await ws.send("How do I install Kubeflow Pipelines?")
            first, second, third = [await read_turn(ws) for _ in range(3)]
            check_answer(first)
            assert "empty" in error_of(second)
            check_answer(third)
            assert first[-1]["answer_id"] != third[-1]["answer_id"]

    run(body())


def test_too_many_turns_at_once():
    async def body():
        async with connect() as ws:
            await read_frame(ws)
            for _ in range(40):
                await ws.send(QUESTION)
            turns = [await read_turn(ws) for _ in range(40)]
            ends = [turn[-1] for turn in turns]
            assert sum(f["type"] == "done" for f in ends) >= 2
            assert all("Request failed: " in f["content"] for f in ends if f["type"] == "error")

    run(body())


def test_markup_comes_back_as_text():
    async def body():
        async with connect() as ws:
            await read_frame(ws)
            frames = await ask(ws, '<img src=x onerror=alert(1)> "]} \u2028 \\ what is katib?')
            assert frames[-1]["type"] in ("done", "error")

    run(body())


@pytest.mark.parametrize(
    "origin, allowed",
    [
        (None, True),
        (f"http://{BASE.hostname}:{BASE.port}", True),
        ("https://evil.example", False),
        ("null", False),
        (f"http://{BASE.hostname}:{BASE.port}.evil.example", False),
    ],
)
def test_origin(origin, allowed):
    async def body():
        try:
            async with connect(origin=origin) as ws:
                assert allowed
                assert await read_frame(ws) == GREETING
                assert ws.response.headers["x-request-id"]
        except websockets.InvalidStatus as refused:
            assert not allowed
            assert refused.response.status_code == 403
            assert json.loads(refused.response.body)["status"] == 403

    run(body())


def test_unknown_subprotocol_and_extension():
    """Whatever a client offers, the chat is the same; compression is not taken up."""

    async def body():
        async with connect(compression="deflate") as ws:
            assert await read_frame(ws) == GREETING
            assert "sec-websocket-extensions" not in ws.response.headers
        async with connect(compression=None) as ws:
            assert await read_frame(ws) == GREETING

    run(body())


def test_inner_protocol_cannot_be_chosen():
    """The service's own listening socket has a protocol of its own, which is not for clients."""

    async def body():
        with pytest.raises(websockets.exceptions.WebSocketException):
            async with connect(subprotocols=["listener"]) as ws:
                await read_frame(ws)

    run(body())


def test_client_that_leaves_in_the_middle():
    async def body():
        for _ in range(5):
            ws = await connect()
            await read_frame(ws)
            await ws.send(QUESTION)
            ws.transport.abort()
        async with connect() as ws:
            await read_frame(ws)
            await ws.send(QUESTION)
            await read_frame(ws)
        async with connect() as ws:
            await read_frame(ws)
            check_answer(await ask(ws, QUESTION))

    run(body())


def test_invalid_text_closes_the_socket():
    """RFC 6455, 8.1: text that is not UTF-8 fails the connection, with 1007."""

    async def body():
        async with connect() as ws:
            await read_frame(ws)
            await ws.send(b"\xc3\x28", text=True)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(ws.recv(), 20)
            assert closed.value.rcvd is None or closed.value.rcvd.code == 1007
        async with connect() as ws:
            assert await read_frame(ws) == GREETING

    run(body())


def test_twenty_clients_at_once():
    async def one():
        async with connect() as ws:
            await read_frame(ws)
            frames = await ask(ws, QUESTION)
            check_answer(frames)
            assert "retain" in text_of(frames)
            return frames[-1]["answer_id"]

    async def body():
        ids = await asyncio.gather(*(one() for _ in range(20)))
        assert len(set(ids)) == 20

    run(body())
