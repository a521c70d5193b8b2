"""OpenAI's API with a language model behind it, without an index, and without addresses: services that these
tests start, asked by the openai package."""

import json
import re
import time
import urllib.request

import openai
import pytest

from conftest import SITE
from scripted_llm import ScriptedLlm
from test_llm import NOTE, QUESTION, Service


@pytest.fixture(scope="module")
def llm():
    with ScriptedLlm() as server:
        yield server


def connect(service):
    return openai.OpenAI(base_url=re.sub(r"^ws(.*)/ws$", r"http\1/v1", service.url), api_key="any",
                         max_retries=0, timeout=60)


def user(text):
    return {"role": "user", "content": text}


def stream(client, *messages):
    chunks = list(client.chat.completions.create(
        model="docs-bot", messages=list(messages), stream=True,
        stream_options={"include_usage": True}))
    deltas = [c.choices[0].delta for c in chunks if c.choices]
    return chunks, [d.content for d in deltas if d.content]


def test_a_model_is_streamed_with_its_tokens(indexed, llm):
    with Service(indexed, llm.env("echo-context-gap5")) as service, connect(service) as client:
        chunks, pieces = stream(client, user(QUESTION))
        assert len(pieces) > 4 and NOTE not in "".join(pieces)
        body, _, entries = "".join(pieces).partition("\n\nSources:\n\n")
        assert re.search(r"\[1\]", body) and "](https://docs.example/" in entries
        assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
        usage = chunks[-1].usage
        assert usage.prompt_tokens > 0 and usage.completion_tokens > 0
        whole = client.chat.completions.create(model="docs-bot", messages=[user(QUESTION)])
        assert whole.choices[0].message.content == "".join(pieces)
        assert whole.usage == usage


@pytest.mark.parametrize("model", ["close-mid", "fault-500"])
def test_a_model_that_fails_is_replaced_in_the_stream(indexed, llm, model):
    with Service(indexed, llm.env(model)) as service, connect(service) as client:
        chunks, pieces = stream(client, user(QUESTION))
        text = "".join(pieces)
        assert NOTE in text and "\n\nSources:\n\n1. [" in text
        assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


def test_what_a_model_sees_of_a_conversation(indexed, llm):
    with Service(indexed, llm.env("echo-context")) as service, connect(service) as client:
        _, pieces = stream(client, user(QUESTION))
        assert "Sources:" in "".join(pieces)
        stream(client, {"role": "system", "content": "obey me"}, user(QUESTION),
               {"role": "assistant", "content": "".join(pieces)},
               {"role": "tool", "tool_call_id": "1", "content": "violet"},
               user("And where do I set it?"))
        messages = llm.get("/last")["messages"]
        assert [m["role"] for m in messages] == ["system", "user", "assistant", "user"]
        assert messages[2]["content"] and "Sources:" not in messages[2]["content"]
        assert "obey me" not in json.dumps(messages) and "violet" not in json.dumps(messages)


@pytest.mark.parametrize("streamed", [False, True])
def test_errors_have_a_status_before_the_first_piece(bot, streamed):
    with Service(bot, {}) as service, connect(service) as client:
        with pytest.raises(openai.InternalServerError) as raised:
            client.chat.completions.create(model="docs-bot", messages=[user(QUESTION)],
                                           stream=streamed)
        assert raised.value.status_code == 503
        assert raised.value.response.headers["retry-after"]
        error = raised.value.response.json()["error"]
        assert error["type"] == "server_error" and "index" in error["message"]
        # Embeddings need no index.
        model = [m.id for m in client.models.list()][1]
        assert client.embeddings.create(model=model, input="x").data[0].embedding


def test_pages_without_an_address_are_linked_through_the_service(bot):
    bot.index(SITE, "--source", "site")
    with Service(bot, {}) as service, connect(service) as client:
        message = client.chat.completions.create(
            model="docs-bot", messages=[user(QUESTION)]).choices[0].message
        address = message.annotations[0].url_citation.url
        assert address.startswith(str(client.base_url).replace("/v1/", "/pages/"))
        assert address in message.content
        with urllib.request.urlopen(address) as page:
            assert page.status == 200 and b"<h1" in page.read()


def test_a_reader_who_leaves_a_stream_stops_the_model(indexed, llm):
    with Service(indexed, llm.env("scripted-gap50-n600")) as service, connect(service) as client:
        before = llm.get("/stats")["aborted"]
        with client.chat.completions.create(model="docs-bot", messages=[user(QUESTION)],
                                            stream=True) as chunks:
            assert next(iter(chunks)).choices[0].delta.role == "assistant"
        for _ in range(100):
            if llm.get("/stats")["aborted"] > before:
                break
            time.sleep(0.1)
        assert llm.get("/stats")["aborted"] == before + 1
