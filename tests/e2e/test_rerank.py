"""Reranking as users see it: by a server, by a model in the process, and when that fails."""

import json
import os
import re
import subprocess
import time
import urllib.request

import pytest

from conftest import MAKE_TINY_MODEL, SETTINGS, SITE
from rerank_server import RerankServer

QUERY = "How do I keep the pods of finished trials?"
ENV = {"no_proxy": "*"}


def by_letters(query, text):
    """No order that a search would make: the share of 'e' in the text."""
    return text.count("e") / len(text)


def search(bot, *arguments, env=None):
    run = bot.run("--json", *arguments, "search", "--top-k", "5", QUERY, env={**ENV, **(env or {})})
    assert run.code == 0, run.err
    return run.json["results"], run


def places(results):
    return [r["url"] for r in results]


@pytest.fixture(scope="session")
def cross_encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rerank") / "tiny-cross"
    folder.mkdir()
    subprocess.run([MAKE_TINY_MODEL, folder, "cross"], check=True)
    return folder


@pytest.fixture
def plain(indexed):
    return search(indexed)[0]


@pytest.mark.parametrize("api", ["tei", "vllm"])
def test_a_server_orders_the_results(indexed, plain, api):
    more = ["--rerank-api", "vllm", "--rerank-model", "served/name"] if api == "vllm" else []
    with RerankServer(by_letters, api) as server:
        # Sections alone, without those around them, are what the reranker reads.
        results, run = search(indexed, "--rerank-url", server.url, "--context-tokens", "0", *more)
        assert server.broken == []
        [request] = server.requests
        assert request["query"] == QUERY
        texts = request["texts" if api == "tei" else "documents"]
        assert len(texts) == 20
        assert api == "tei" or request["model"] == "served/name"
        best = sorted(texts, key=lambda t: -by_letters(QUERY, t))[:5]
    assert [r["rerank_score"] for r in results] == pytest.approx(
        [by_letters(QUERY, t) for t in best])
    for result, text in zip(results, best):
        assert text.startswith(result["title"]) and text.endswith(result["text"])
    assert places(results) != places(plain)
    assert "WARN" not in run.err.upper()


def test_depth_and_weight(indexed, plain):
    with RerankServer(by_letters) as server:
        url = ["--rerank-url", server.url]
        few, _ = search(indexed, *url, "--rerank-depth", "3")
        assert len(server.requests[0]["texts"]) == 3
        assert sorted(places(few)[:3]) == sorted(places(plain)[:3])
        assert places(few)[3:] == places(plain)[3:]
        assert "rerank_score" not in few[3]
        same, _ = search(indexed, *url, "--rerank-weight", "0")
        assert places(same) == places(plain)


def test_explain_shows_its_share(indexed):
    with RerankServer(by_letters) as server:
        more = ["--rerank-url", server.url, "--rerank-weight", "0.7"]
        run = indexed.run("--json", *more, "search", "--explain", QUERY, env=ENV)
        assert run.code == 0, run.err
        for result in run.json["results"]:
            shares = result["signals"]["reranker"]
            assert shares["share"] + shares["rankings_share"] == pytest.approx(result["score"])
            assert 0 <= shares["share"] <= 0.7 + 1e-9
        run = indexed.run(*more, "search", "--explain", QUERY, env=ENV)
    first = run.out.split("\n\n")[0]
    assert re.search(r"reranker \d\.\d{4}: share \d\.\d{3}, of the rankings \d\.\d{3}", first)


def test_evaluation_uses_it(indexed):
    questions = SITE.parent.parent / "eval" / "own_questions.jsonl"
    with RerankServer(by_letters) as server:
        run = indexed.run("--json", "--rerank-url", server.url, "eval", questions,
                          "--retrieval-only", env=ENV)
        assert run.code == 0, run.err
        assert server.broken == []
        assert len(server.requests) >= run.json["n"] > 5


def test_environment_and_key(indexed):
    with RerankServer(by_letters, key="s3cret-key") as server:
        env = {"RERANK_URL": server.url, "RERANK_API_KEY": "s3cret-key"}
        results, run = search(indexed, env=env)
        assert server.broken == [] and len(server.requests) == 1
        assert "rerank_score" in results[0]
        shown = indexed.run("config", "show", env={**ENV, **env})
    assert "s3cret-key" not in shown.out + shown.err + run.err


@pytest.mark.parametrize("fault", [413, 422, 424, 429, 500, 503, "garbage", "hang", "gone"])
def test_results_stay_when_the_server_fails(indexed, plain, fault):
    with RerankServer(by_letters) as server:
        server.fault = fault
        url = server.url
        if fault == "gone":
            server.__exit__()
        results, run = search(indexed, "--rerank-url", url, "--rerank-timeout-ms", "500")
        assert server.broken == []
    assert results == plain
    [warning] = [line for line in run.err.splitlines() if "not reranked" in line]
    assert "127.0.0.1" in warning
    assert isinstance(fault, str) or str(fault) in warning


def test_ask_with_a_reranker(indexed):
    with RerankServer(by_letters) as server:
        run = indexed.run("--json", "--rerank-url", server.url, "ask", QUERY, env=ENV)
        assert run.code == 0, run.err
        # A search that the judgement finds poor is done once more, in other words.
        assert [r["query"] for r in server.requests][:1] == [QUERY]
        assert len(server.requests) <= 2 and server.broken == []


def test_a_model_in_the_process(indexed, plain, cross_encoder):
    results, run = search(indexed, "--rerank-model", cross_encoder)
    scores = [r["rerank_score"] for r in results]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < s < 1 for s in scores) and len(set(scores)) == 5
    assert places(results) != places(plain)
    assert list(cross_encoder.glob("packed-*"))
    again, _ = search(indexed, "--rerank-model", "tiny-cross",
                      "--models-dir", cross_encoder.parent)
    assert again == results


@pytest.mark.parametrize("settings, message", [
    (["--rerank-url", "ftp://host"], "rerank_url"),
    (["--rerank-url", "http://host", "--rerank-model", "/m"], "two rerankers"),
    (["--rerank-url", "http://host", "--rerank-api", "vllm"], "rerank_model"),
    (["--rerank-model", "/nowhere/model"], "rerank_model"),
    (["--rerank-depth", "0"], "rerank_depth"),
    (["--rerank-weight", "1.5"], "rerank_weight"),
])
def test_settings_that_cannot_be(indexed, settings, message):
    run = indexed.run(*settings, "search", QUERY, env=ENV)
    assert run.code in (1, 2)
    assert message in " ".join(run.errors)


def test_a_model_that_is_no_reranker(indexed, tiny_model):
    run = indexed.run("--rerank-model", tiny_model, "search", QUERY)
    assert run.code == 1
    assert "pooler" in " ".join(run.errors)


def get(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as response:
        return response.read().decode()


def test_the_service_counts(indexed, tmp_path):
    log = tmp_path / "serve.log"
    env = {**{k: v for k, v in os.environ.items() if k not in SETTINGS}, **ENV}
    with RerankServer(by_letters) as server, log.open("w") as stream:
        process = subprocess.Popen(
            indexed.command("--rerank-url", server.url, "serve", "--listen", "127.0.0.1:0"),
            stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=env)
        try:
            end, found = time.monotonic() + 60, None
            while not found and time.monotonic() < end and process.poll() is None:
                found = re.search(r"127\.0\.0\.1:([1-9]\d*)\n", log.read_text())
                time.sleep(0.02)
            assert found, log.read_text()
            base = f"http://127.0.0.1:{found.group(1)}"
            path = "/api/search?q=finished+trials"
            assert "rerank_score" in json.loads(get(base + path))["results"][0]
            server.fault = 503
            assert "rerank_score" not in json.loads(get(base + path))["results"][0]
            assert "rerank_score" not in json.loads(get(base + path))["results"][0]
            metrics = get(base + "/metrics")
        finally:
            process.terminate()
            process.wait(timeout=60)
    assert 'docs_bot_rerank_total{result="done"} 1' in metrics
    # The second one may come when the pause after the first is over.
    counts = [int(re.search(rf'result="{r}"}} (\d+)', metrics).group(1))
              for r in ("failed", "skipped")]
    assert counts[0] >= 1 and sum(counts) == 2
    assert process.returncode == 0
