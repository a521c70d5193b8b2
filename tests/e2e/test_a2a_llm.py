"""A2A with a language model that takes its time, and without an index: services that these tests start."""

import contextlib
import http.client
import json
import re
import time
import urllib.parse

import pytest

from scripted_llm import ScriptedLlm
from test_llm import QUESTION, Service

SLOW = "echo-context-gap300"
METHODS = {"0.3": ("message/send", "message/stream", "tasks/get", "tasks/cancel"),
           "1.0": ("SendMessage", "SendStreamingMessage", "GetTask", "CancelTask")}


@pytest.fixture(scope="module")
def llm():
    with ScriptedLlm() as server:
        yield server


class Agent:
    def __init__(self, service, version):
        self.address = urllib.parse.urlsplit(service.url)
        self.version = version
        self.send, self.stream, self.get, self.cancel = METHODS[version]

    def message(self, **settings):
        old = self.version == "0.3"
        part = {"kind": "text", "text": QUESTION} if old else {"text": QUESTION}
        message = {"messageId": "m", "role": "user" if old else "ROLE_USER", "parts": [part]}
        return {"message": message, "configuration": settings}

    def not_waiting(self):
        return self.message(**({"blocking": False} if self.version == "0.3" else {"returnImmediately": True}))

    def begin(self, method, params):
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=60)
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        connection.request("POST", "/a2a/test/agent", json.dumps(body), {"A2A-Version": self.version})
        return connection, connection.getresponse()

    def call(self, method, params):
        connection, response = self.begin(method, params)
        with contextlib.closing(connection):
            assert response.status == 200
            return json.loads(response.read())

    def task(self, method, params):
        """Of a result: (id, state without the prefix of 1.0, the task)."""
        found = self.call(method, params)["result"]
        found = found.get("task", found)
        return found["id"], plain(found["status"]["state"]), found

    @contextlib.contextmanager
    def streaming(self):
        """Yields an iterator of events."""
        connection, response = self.begin(self.stream, self.message())
        with contextlib.closing(connection), contextlib.closing(response):
            assert response.getheader("content-type") == "text/event-stream"
            yield (json.loads(line[6:])["result"] for line in response if line.startswith(b"data: "))

    def wait_for(self, task, state):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            now = self.task(self.get, {"id": task})[1]
            if now == state:
                return
            time.sleep(0.05)
        raise AssertionError(f"the task is {now}")


def plain(state):
    return state.removeprefix("TASK_STATE_").lower()


def update(event):
    return event.get("statusUpdate") or (event if event.get("kind") == "status-update" else None)


def until_a_piece(events):
    """The task's id."""
    first = next(events)
    for event in events:
        if update(event) and update(event)["status"].get("message"):
            return first.get("task", first)["id"]
    raise AssertionError("the stream has no piece")


@pytest.mark.parametrize("version", METHODS)
def test_a_stream_is_cancelled_from_elsewhere(indexed, llm, version):
    with Service(indexed, llm.env(SLOW)) as service:
        agent = Agent(service, version)
        with agent.streaming() as events:
            task = until_a_piece(events)
            assert agent.task(agent.get, {"id": task})[1] == "working"
            assert agent.task(agent.cancel, {"id": task})[1] == "canceled"
            rest = [update(event) for event in events]
        assert plain(rest[-1]["status"]["state"]) == "canceled" and "message" not in rest[-1]["status"]
        assert version == "1.0" or rest[-1]["final"] is True
        assert agent.call(agent.cancel, {"id": task})["error"]["code"] == -32002
        _, state, found = agent.task(agent.get, {"id": task})
        assert state == "canceled" and "artifacts" not in found


@pytest.mark.parametrize("version", METHODS)
def test_tasks_that_nobody_waits_for(indexed, llm, version):
    with Service(indexed, llm.env(SLOW)) as service:
        agent = Agent(service, version)
        tasks = [agent.task(agent.send, agent.not_waiting())[0] for _ in range(2)]
        assert tasks[0] != tasks[1]
        for task in tasks:
            agent.wait_for(task, "working")
        for task in tasks:
            assert agent.task(agent.cancel, {"id": task})[1] == "canceled"
        with agent.streaming() as events:
            assert until_a_piece(events) not in tasks
        for task in tasks:
            assert agent.task(agent.get, {"id": task})[1] == "canceled"


def test_a_task_that_nobody_waits_for_does_not_hold_up_the_end(indexed, llm):
    with Service(indexed, llm.env(SLOW)) as service:
        agent = Agent(service, "1.0")
        task, _, _ = agent.task(agent.send, agent.not_waiting())
        agent.wait_for(task, "working")
    assert re.search(rf'answer={task} error=', "".join(service.log))


@pytest.mark.parametrize("version", METHODS)
def test_who_closes_the_stream_cancels(indexed, llm, version):
    with Service(indexed, llm.env(SLOW)) as service:
        agent = Agent(service, version)
        with agent.streaming() as events:
            task = until_a_piece(events)
        agent.wait_for(task, "canceled")


@pytest.mark.parametrize("version", METHODS)
def test_failures_are_said_in_the_task(bot, version):
    with Service(bot, {}) as service:
        agent = Agent(service, version)
        with agent.streaming() as events:
            last = [update(event) for event in events][-1]
        assert plain(last["status"]["state"]) == "failed"
        assert "index" in last["status"]["message"]["parts"][0]["text"]
        task, state, found = agent.task(agent.send, agent.message())
        assert state == "failed" and "index" in found["status"]["message"]["parts"][0]["text"]
        assert agent.task(agent.get, {"id": task})[1] == "failed"
