"""A2A 0.3 and 1.0: the a2a-sdk client, a client as the website's widget is, and bare requests.

Clients of a running service, whose address is in BASE_URL; run by tests/run.py.
"""

import asyncio
import http.client
import json
import os
import re
import urllib.parse

import httpx
import pytest
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.card_resolver import parse_agent_card
from a2a.types import a2a_pb2 as a2a
from a2a.utils.errors import (
    ContentTypeNotSupportedError,
    PushNotificationNotSupportedError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

URL = os.environ.get("BASE_URL", "http://127.0.0.1:8000")
BASE = urllib.parse.urlsplit(URL)
PATH = "/a2a/docs-agent/kubeflow-docs-agent"
QUESTION = "How do I stop Katib from deleting the pods of finished trials?"
VERSIONS = ["0.3", "1.0"]
PARTIAL = "kagent_adk_partial"


def request(method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(BASE.hostname, BASE.port, timeout=60)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return response.status, names, response.read()
    finally:
        connection.close()


def message03(text=QUESTION, **more):
    return {"kind": "message", "messageId": "m1", "role": "user",
            "parts": [{"kind": "text", "text": text}], **more}


def message10(text=QUESTION, **more):
    return {"messageId": "m1", "role": "ROLE_USER", "parts": [{"text": text}], **more}


def rpc(method, params, headers=None, rpc_id="r1", path=PATH):
    body = {"jsonrpc": "2.0", "id": rpc_id, "method": method, "params": params}
    status, names, answer = request("POST", path, json.dumps(body), headers)
    assert status == 200, answer
    assert names["content-type"] == "application/json"
    document = json.loads(answer)
    assert document["jsonrpc"] == "2.0" and document["id"] == rpc_id
    return document


def result(*args, **kwargs):
    document = rpc(*args, **kwargs)
    assert "error" not in document, document
    return document["result"]


def error(*args, **kwargs):
    document = rpc(*args, **kwargs)
    assert "result" not in document, document
    assert document["error"]["message"]
    return document["error"]["code"]


# ---- the SDK ----


def card(version):
    """The card as the service has it, or as an agent of 0.3 would."""
    status, names, body = request("GET", "/.well-known/agent-card.json")
    assert status == 200 and names["content-type"] == "application/json"
    document = json.loads(body)
    if version == "0.3":
        del document["supportedInterfaces"]
    return parse_agent_card(document)


def with_client(version, use, streaming=True, polling=False):
    """use(client) with a client of the SDK, and what it sent: (result, [requests])."""
    sent = []

    async def note(outgoing):
        sent.append(outgoing)

    async def run():
        async with httpx.AsyncClient(timeout=60, event_hooks={"request": [note]}) as connection:
            config = ClientConfig(httpx_client=connection, streaming=streaming, polling=polling)
            return await use(ClientFactory(config).create(card(version)))

    return asyncio.run(run()), sent


def sdk_message(text=QUESTION, context="", task=""):
    return a2a.SendMessageRequest(message=a2a.Message(
        message_id="m1", role=a2a.ROLE_USER, parts=[a2a.Part(text=text)], context_id=context,
        task_id=task))


async def collect(client, message):
    return [event async for event in client.send_message(message)]


def texts(message):
    return "".join(part.text for part in message.parts)


@pytest.mark.parametrize("version", VERSIONS)
def test_sdk_streams(version):
    events, sent = with_client(version, lambda client: collect(client, sdk_message(context="c-stream")))
    asked = json.loads(sent[-1].content)
    assert asked["method"] == ("message/stream" if version == "0.3" else "SendStreamingMessage")
    assert sent[-1].headers["a2a-version"] == version
    assert events[0].task.id and events[0].task.context_id == "c-stream"
    assert events[0].task.status.state == a2a.TASK_STATE_SUBMITTED
    updates = [event.status_update for event in events if event.HasField("status_update")]
    assert {update.task_id for update in updates} == {events[0].task.id}
    assert {update.context_id for update in updates} == {"c-stream"}
    said = [update.status.message for update in updates if update.status.message.parts]
    assert all(message.role == a2a.ROLE_AGENT for message in said)
    pieces = [texts(m) for m in said if m.metadata[PARTIAL]]
    wholes = [texts(m) for m in said if not m.metadata[PARTIAL]]
    assert len(pieces) > 1 and wholes == ["".join(pieces)]
    assert "Sources:" in wholes[0] and "retain" in wholes[0]
    artifacts = [event.artifact_update for event in events if event.HasField("artifact_update")]
    assert [texts(update.artifact) for update in artifacts] == wholes
    assert artifacts[0].artifact.metadata["citations"][0]["url"]
    assert [u.status.state for u in updates][-1] == a2a.TASK_STATE_COMPLETED
    assert all(u.status.state == a2a.TASK_STATE_WORKING for u in updates[:-1])
    assert events[-1].HasField("status_update")


@pytest.mark.parametrize("version", VERSIONS)
def test_sdk_sends_and_asks_for_the_task(version):
    async def use(client):
        events = await collect(client, sdk_message())
        task = events[0].task
        return events, await client.get_task(a2a.GetTaskRequest(id=task.id))

    (events, again), sent = with_client(version, use, streaming=False)
    asked = [json.loads(outgoing.content)["method"] for outgoing in sent]
    assert asked == (["message/send", "tasks/get"] if version == "0.3" else ["SendMessage", "GetTask"])
    task = events[0].task
    assert len(events) == 1 and task.status.state == a2a.TASK_STATE_COMPLETED
    assert task.context_id and "retain" in texts(task.artifacts[0])
    assert again.id == task.id and again.context_id == task.context_id
    assert again.artifacts == task.artifacts and again.status.state == task.status.state


@pytest.mark.parametrize("version", VERSIONS)
def test_sdk_errors(version):
    async def use(client):
        task = (await collect(client, sdk_message("hello")))[0].task
        with pytest.raises(TaskNotCancelableError):
            await client.cancel_task(a2a.CancelTaskRequest(id=task.id))
        with pytest.raises(TaskNotFoundError):
            await client.get_task(a2a.GetTaskRequest(id="none"))
        with pytest.raises(TaskNotFoundError):
            await client.cancel_task(a2a.CancelTaskRequest(id="none"))
        with pytest.raises(UnsupportedOperationError):
            await collect(client, sdk_message(task=task.id))
        with pytest.raises(TaskNotFoundError):
            await collect(client, sdk_message(task="none"))
        with pytest.raises(PushNotificationNotSupportedError):
            await client.get_task_push_notification_config(
                a2a.GetTaskPushNotificationConfigRequest(task_id=task.id, id="x"))
        with pytest.raises(ContentTypeNotSupportedError):
            picture = sdk_message()
            picture.message.parts.append(a2a.Part(url="http://127.0.0.1/x.png", media_type="image/png"))
            await collect(client, picture)

    with_client(version, use, streaming=False)


@pytest.mark.parametrize("version", VERSIONS)
def test_sdk_does_not_wait(version):
    async def use(client):
        task = (await collect(client, sdk_message()))[0].task
        first = task.status.state
        for _ in range(600):
            if task.status.state == a2a.TASK_STATE_COMPLETED:
                break
            await asyncio.sleep(0.05)
            task = await client.get_task(a2a.GetTaskRequest(id=task.id))
        return first, task

    (first, task), _ = with_client(version, use, streaming=False, polling=True)
    assert first in (a2a.TASK_STATE_SUBMITTED, a2a.TASK_STATE_WORKING, a2a.TASK_STATE_COMPLETED)
    assert task.status.state == a2a.TASK_STATE_COMPLETED and "retain" in texts(task.artifacts[0])


@pytest.mark.parametrize("base", [URL, URL + PATH, URL + "/api/a2a/docs-agent/kubeflow-docs-agent"])
def test_sdk_resolves_the_card(base):
    async def run():
        async with httpx.AsyncClient(timeout=60) as connection:
            return await A2ACardResolver(connection, base).get_agent_card()

    found = asyncio.run(run())
    assert found.name and found.skills and found.capabilities.streaming
    assert not found.capabilities.push_notifications
    assert {i.protocol_version for i in found.supported_interfaces} == {"1.0", "0.3"}
    for interface in found.supported_interfaces:
        assert interface.protocol_binding == "JSONRPC"
        assert interface.url.startswith(URL + "/a2a/")
        assert base == URL or interface.url == URL + PATH


# ---- the widget ----


class Widget:
    """Reads a reply as the website's script does: line by line, no event joined from two reads."""

    def __init__(self, text, context):
        self.shown, self.partials, self.aggregate, self.ended = "", 0, None, False
        body = {"jsonrpc": "2.0", "id": "w1", "method": "message/stream",
                "params": {"metadata": {}, "message": message03(
                    text, contextId=context, metadata={"displaySource": "user"})}}
        connection = http.client.HTTPConnection(BASE.hostname, BASE.port, timeout=60)
        connection.request("POST", PATH, json.dumps(body),
                           {"Accept": "text/event-stream", "Content-Type": "application/json",
                            "Origin": URL})
        self.response = connection.getresponse()
        assert self.response.status == 200
        assert self.response.getheader("content-type") == "text/event-stream"
        for line in self.response:
            line = line.strip()
            if line.startswith(b"data:") and not self.event(json.loads(line[5:])):
                break
        self.rest = self.response.read()
        connection.close()

    def event(self, document):
        assert document["jsonrpc"] == "2.0" and document["id"] == "w1"
        found = document["result"]
        message = found.get("message") or found.get("status", {}).get("message")
        if message and message.get("role") != "user":
            text = "".join(part["text"] for part in message["parts"] if part["kind"] == "text")
            partial = message.get("metadata", {}).get(PARTIAL)
            if partial is False:
                self.aggregate = text
            self.partials += partial is True
            if partial is not False or not self.partials:
                self.shown += text
        self.ended = found.get("final") is True
        return not self.ended


def test_widget():
    widget = Widget(QUESTION, "c-widget")
    assert widget.ended and widget.rest.strip() == b""
    assert widget.partials > 1 and widget.shown == widget.aggregate
    assert "retain" in widget.shown
    # Readers of the widget see no citations but those in the text, and cannot follow relative ones.
    links = re.findall(r"^\d+\. \[.+\]\((\S+)\)$", widget.shown, re.M)
    assert links and all(link.startswith(("http://", "https://")) for link in links)


def test_widget_small_talk():
    widget = Widget("hello", "c-hello")
    assert widget.ended and widget.shown and widget.shown == widget.aggregate


def test_context_is_the_conversation():
    Widget("What is Katib?", "c-follow")
    alone = Widget("How do I install it?", "c-alone").shown
    followed = Widget("How do I install it?", "c-follow").shown
    assert "katib" in followed.lower() and followed != alone


# ---- bare requests ----


def test_both_paths_and_a_slash():
    for path in (PATH, PATH + "/", "/api" + PATH, "/api" + PATH + "/"):
        assert result("message/send", {"message": message03("hello")}, path=path)["kind"] == "task"


@pytest.mark.parametrize("path", ["/a2a/x", "/a2a/", "/a2a/a/b/c", "/a2a//b", "/a2a/a/%20", "/api/a2a/x"])
def test_no_agent(path):
    status, _, body = request("POST", path, "{}")
    assert status == 404 and json.loads(body)["error"]["code"] == -32600


def test_method_of_the_path():
    status, names, _ = request("GET", PATH)
    assert (status, names["allow"]) == (405, "POST")


def test_forms_of_0_3():
    task = result("message/send", {"message": message03(contextId="c1")})
    assert (task["kind"], task["contextId"], task["status"]["state"]) == ("task", "c1", "completed")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", task["status"]["timestamp"])
    assert task["artifacts"][0]["parts"][0]["kind"] == "text"


def test_forms_of_1_0():
    headers = {"A2A-Version": "1.0"}
    sent = result("SendMessage", {"message": message10(contextId="c1")}, headers)
    assert list(sent) == ["task"]
    task = sent["task"]
    assert "kind" not in task and task["status"]["state"] == "TASK_STATE_COMPLETED"
    part = task["artifacts"][0]["parts"][0]
    assert "kind" not in part and part["mediaType"] == "text/markdown" and part["text"]
    assert result("GetTask", {"id": task["id"]}, headers)["artifacts"] == task["artifacts"]


def test_stream_of_1_0_has_one_kind_of_result_in_each_event():
    body = {"jsonrpc": "2.0", "id": 7, "method": "SendStreamingMessage", "params": {"message": message10()}}
    status, names, stream = request("POST", PATH, json.dumps(body), {"A2A-Version": "1.0"})
    assert status == 200 and names["content-type"] == "text/event-stream"
    lines = stream.decode().split("\n\n")
    assert lines.pop() == "" and all(line.startswith("data: ") for line in lines)
    events = [json.loads(line[6:]) for line in lines]
    assert all(event["id"] == 7 and len(event["result"]) == 1 for event in events)
    kinds = [next(iter(event["result"])) for event in events]
    assert kinds[0] == "task" and set(kinds[1:]) == {"statusUpdate", "artifactUpdate"}
    assert b'"final"' not in stream and b'"kind"' not in stream
    assert events[-1]["result"]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"


def test_version_by_header_first_then_by_method():
    assert "task" in result("SendMessage", {"message": message10("hello")})
    assert result("message/send", {"message": message03("hello")})["kind"] == "task"
    assert result("message/send", {"message": message03("hello")}, {"A2A-Version": "0.3.0"})["kind"] == "task"
    assert error("message/send", {"message": message03("hello")}, {"A2A-Version": "1.0"}) == -32601
    assert error("SendMessage", {"message": message10("hello")}, {"A2A-Version": "0.3"}) == -32601
    for version in ("2.0", "0.2", "1.00", "x" * 200):
        assert error("SendMessage", {"message": message10("hello")}, {"A2A-Version": version}) == -32009


def test_errors_of_1_0_have_details():
    document = rpc("GetTask", {"id": "none"}, {"A2A-Version": "1.0"})
    details = document["error"]["data"][0]
    assert document["error"]["code"] == -32001 and details["reason"] == "TASK_NOT_FOUND"
    assert details["@type"].endswith("google.rpc.ErrorInfo") and details["domain"] == "a2a-protocol.org"


@pytest.mark.parametrize("method, code", [
    ("ListTasks", -32004), ("GetExtendedAgentCard", -32004),
    ("CreateTaskPushNotificationConfig", -32003), ("tasks/pushNotificationConfig/set", -32003),
    ("agent/getAuthenticatedExtendedCard", -32007), ("tasks/list", -32601), ("Nothing", -32601),
])
def test_methods_that_are_not_served(method, code):
    assert error(method, {}) == code


def test_streams_are_not_joined_again():
    task = result("message/send", {"message": message03("hello")})["id"]
    assert error("tasks/resubscribe", {"id": task}) == -32004
    assert error("SubscribeToTask", {"id": task}) == -32004
    assert error("tasks/resubscribe", {"id": "none"}) == -32001


@pytest.mark.parametrize("body, code", [
    (b"", -32700), (b"{", -32700), (b"\xff", -32700), (b"[" * 5000, -32700), (b"[]", -32600), (b"5", -32600),
    (b'{"jsonrpc":"2.0","method":"message/send"}', -32600),
    (b'{"jsonrpc":"2.0","id":{},"method":"message/send"}', -32600),
    (b'{"jsonrpc":"1.0","id":1,"method":"message/send"}', -32600),
    (b'{"jsonrpc":"2.0","id":1}', -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":"message/send"}', -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{}}', -32602),
])
def test_bad_bodies(body, code):
    status, _, answer = request("POST", PATH, body)
    document = json.loads(answer)
    assert (status, document["error"]["code"]) == (200, code)
    assert "id" in document and document["jsonrpc"] == "2.0"


@pytest.mark.parametrize("change", [
    {"role": "agent"}, {"messageId": ""}, {"parts": []}, {"parts": "x"}, {"parts": [5]}, {"contextId": "a b"},
    {"contextId": "x" * 129}, {"contextId": 5}, {"taskId": "ä"}, {"parts": [{"kind": "text", "text": " \n"}]},
    {"parts": [{"kind": "text", "text": "x" * 20000}]}, {"parts": [{"kind": "text", "text": "x"}] * 65},
])
def test_bad_messages(change):
    assert error("message/send", {"message": {**message03(), **change}}) == -32602


def test_other_origins():
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": message03()}})
    headers = {"Origin": "https://evil.example"}
    status, _, answer = request("POST", PATH, body, headers)
    assert status == 403 and json.loads(answer)["error"]["message"]
    assert request("GET", "/.well-known/agent-card.json", None, headers)[0] == 403
    assert request("OPTIONS", PATH, None, headers)[0] == 403


def test_browsers_may_send_the_version():
    status, names, _ = request("OPTIONS", PATH, None, {"Origin": URL})
    assert status == 200 and "a2a-version" in names["access-control-allow-headers"]


def test_counted():
    result("message/send", {"message": message03("hello")})
    metrics = request("GET", "/metrics")[2].decode()
    assert re.search(r'^docs_bot_requests_total\{route="a2a",status="200"\} [1-9]', metrics, re.M)
