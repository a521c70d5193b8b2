#!/usr/bin/env python3
"""Writes the seeds of most targets; fuzz_packed writes its own.

    tests/fuzz/make_seeds.py
    DOCS_BOT_FUZZ_SEEDS=tests/fuzz/seeds/packed build/fuzz/tests/fuzz_packed -runs=0
"""

import gzip
import json
import struct
from pathlib import Path

SEEDS = Path(__file__).resolve().parent / "seeds"


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def weights(header, data, claimed=None, pad=8):
    text = header if isinstance(header, bytes) else json.dumps(
        header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % pad)
    return struct.pack("<Q", len(text) if claimed is None else claimed) + text + data


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def safetensors():
    two = {"a": entry("F32", [2, 3], 0, 24), "b": entry("I64", [1], 24, 32)}
    data = floats(1, -2, 3.5, 0, 1e-40, 3e38) + struct.pack("<q", -1)
    sound = weights(two, data)
    yield "two", sound
    yield "kinds", weights({
        "__metadata__": {"format": "pt"}, "scalar": entry("F32", [], 0, 4),
        "empty": entry("F32", [0, 7], 4, 4), "h": entry("BF16", [2], 4, 8),
        "t": entry("BOOL", [4], 8, 12), "bert.ä.weight": entry("F32", [1, 1, 1, 1, 1, 1, 1, 1], 12, 16),
    }, floats(1, 2, 3, 4))
    yield "not-finite", weights({"n": entry("F32", [2], 0, 8)}, floats(float("nan"), float("inf")))
    yield "unaligned", weights({"a": entry("F32", [1], 0, 4)}, floats(1), pad=1)
    yield "truncated", sound[:-9]
    yield "half-a-length", sound[:5]
    yield "overlap", weights({"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], 4, 12)}, bytes(12))
    yield "hole", weights({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 8, 12)}, bytes(12))
    yield "backwards", weights({"a": entry("F32", [1], 8, 4)}, bytes(8))
    yield "behind-the-end", weights({"a": entry("F32", [4], 0, 16)}, bytes(8))
    yield "shape-too-large", weights({"a": entry("F32", [3], 0, 8)}, bytes(8))
    yield "overflow", weights({"a": entry("F32", [2 ** 40, 2 ** 40], 0, 8)}, bytes(8))
    yield "negative", weights({"a": entry("F32", [-2, -1], 0, 8)}, bytes(8))
    yield "long-header", weights(two, data, claimed=2 ** 63)
    yield "longer-than-file", weights(two, data, claimed=1000)
    yield "odd-names", weights({"x\n" + "x" + "ä" * 70: entry("F32", [2], 0, 4), "": {}}, bytes(4))
    yield "twice", weights(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
                           b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4))
    yield "list", weights(b"[1, 2]", b"")
    yield "broken-json", weights(b'{"a": \xff\n}', b"")


def tokenizer():
    texts = {
        "plain": "The pod's spec.containers[0] isn't ready: see kubectl-1.2",
        "accents": "Ça va, naïve Überraschung? ﬁne ǅ İ ß e\u0301\u0323\u0344 \u1e9b\u0323",
        "scripts": "漢字とかな 한국어 ไทย עברית 𠀀🏃🏽\u200d♀️",
        "specials": "[CLS] a [MASK]b</s><mask> <pad>[UNK] [SEP",
        "spaces": "\t a\u00a0b\u2003c\u3000\u200b\ufeff\u0000\u00ad\ufffd\r\n",
        "long": "x" * 120 + " " + "\u0301" * 40 + " " + "a\u0301" * 60,
    }
    for name, text in texts.items():
        for kind, model in enumerate(("bert", "mpnet", "cased")):
            yield f"{name}-{model}", bytes([kind]) + text.encode()
    yield "not-utf8", b"\x00a\xff \xed\xa0\x80 \xf4\x90\x80\x80 \xc3"


def robots():
    yield "groups", (b"User-agent: *\nDisallow: /\nCrawl-delay: 2.5\n\nUser-agent: docs-bot\n"
                     b"Allow: /a/*.html$\nDisallow: /a/\nSitemap: https://a/s.xml\n\0/a/b.html")
    yield "odd-lines", b"\xef\xbb\xbfUser-agent:*\rdisallow :/%7e\xc3\xbc\r\n:x\n#\nAllow\n\0/~%C3%BC"
    yield "stars", b"User-agent: *\nDisallow: /*a*a*a*b$\n\0/" + b"a" * 60


def sitemap():
    urls = (b"<?xml version='1.0' encoding='UTF-8'?><urlset xmlns='x'><url><loc>\nhttp://a/?b&amp;c"
            b"</loc></url><url><loc><![CDATA[http://d/]]></loc></url></urlset>")
    yield "urls", urls
    yield "packed", gzip.compress(urls, mtime=0)
    yield "index", b"<s:sitemapindex><s:sitemap><s:loc>http://a/b</s:loc></s:sitemap></s:sitemapindex>"
    yield "doctype", b"<!DOCTYPE u [<!ENTITY a 'x'>]><urlset><url><loc>&a;</loc></url></urlset>"
    yield "utf16", "<urlset><url><loc>http://\u00fc/</loc></url></urlset>".encode("utf-16")
    yield "broken", urls[:90] + b"<"


def url():
    base = b"https://example.org/docs/a/?q=1\n"
    for name, reference in (("up", b"../../../x/./y/.."), ("query", b"?b=2&a=1&&utm_source=x"),
                            ("escapes", b"%7e%2e%2E/%2f%zz%4/\xc3\xbc b"), ("host", b"//[::1]:80/a"),
                            ("absolute", b" HTTP://U@EXAMPLE.org:443/ "), ("other", b"mailto:a@b"),
                            ("dots", b"%2e%2e/%2e/..%2f..%00"), ("fragment", b"a;b=c?d#e")):
        yield name, base + reference


def links():
    yield "page", (b"<!doctype html><meta charset=utf-8><base href='/x/'><a href=a>b</a><A\nHREF=\"b?x&amp;"
                   b"y&#x41;&#66;\" rel='nofollow x'><!-- <a href=c> --><script>'<a href=d>'</script>"
                   b"<meta name=robots content='noindex, nofollow'><area href='e'/>")
    yield "latin", b"<meta http-equiv=content-type content='text/html; charset=iso-8859-1'><a href=\xfc>"
    yield "utf16", "\ufeff<a href=\u00fc>".encode("utf-16-le")
    yield "open", b"<a href='x><title><a href=y><a <b / c = d"
    yield "iso2022", b"<meta charset=iso-2022-jp><a href=\x1b$B$\"\x1b(B>"


def openai():
    """The first byte: 0 a request for an answer, 1 for embeddings, 2 the text of an answer."""
    def user(content):
        return {"role": "user", "content": content}
    for name, request in (
            ("chat", {"model": "docs-bot", "stream": True, "stream_options": {"include_usage": True},
                      "n": 1, "temperature": 0.5, "tools": [{}], "tool_choice": "auto",
                      "messages": [{"role": "system", "content": "x"}, user("a"),
                                   {"role": "assistant", "content": None, "tool_calls": []},
                                   {"role": "tool", "tool_call_id": "1", "content": "t"},
                                   {"role": "assistant",
                                    "content": "b\n\nSources:\n\n1. [T](https://x/)\n"},
                                   user([{"type": "text", "text": "c"},
                                         {"type": "text", "text": "d"}])]}),
            ("picture", {"messages": [user([{"type": "image_url"}, {"type": "text", "text": "x"}])]}),
            ("no-question", {"messages": [{"role": "assistant", "content": "x"}]}),
            ("types", {"messages": [user(7)], "stream": 1, "n": 2.5})):
        yield name, b"\0" + json.dumps(request).encode()
    for name, request in (("texts", {"input": ["a", "b"], "encoding_format": "base64", "model": "m"}),
                          ("tokens", {"input": [[1, 2], [3]]}), ("one", {"input": "a", "dimensions": 3})):
        yield name, b"\1" + json.dumps(request).encode()
    yield "marks", "\2é [1] `a[1]` ``b`[2]`` [2](x)\n```\n[1]\n```\n[2][3]\n\nSources:\n\n1. [".encode()
    yield "sources", b"\2a\n\nSources:\n\n1. [T](u)\n2. [U](v)\n\n\nSources:\n\n"
    yield "broken", b"\0{\"messages\": [{\"role\": \"user\", \"content\": \"\xff"


def mcp():
    def message(method, params=None, meta=False, **more):
        params = dict(params or {})
        if meta:
            params["_meta"] = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                               "io.modelcontextprotocol/clientCapabilities": {}}
        return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params, **more}

    def call(name, **arguments):
        return {"name": name, "arguments": arguments}
    docs = call("search_kubeflow_docs", query="a \u00e4", top_k=3)
    code = call("search_kubeflow_code", query="x", repo="kubeflow/katib", resource_kind="Pod", top_k=1e3)
    issues = call("search_github_issues", query="x", state="open", repo="a b")
    for name, first, content in (
            ("initialize", 1, message("initialize", {"protocolVersion": "2025-06-18"})),
            ("initialized", 1, {"jsonrpc": "2.0", "method": "notifications/initialized"}),
            ("response", 1, {"jsonrpc": "2.0", "id": 4, "result": {}}),
            ("list", 4, message("tools/list", id="b")), ("call", 0, message("tools/call", docs)),
            ("code", 0, message("tools/call", code)), ("issues", 0, message("tools/call", issues)),
            ("unknown", 0, message("prompts/get", {"name": "x"})),
            ("modern-call", 0x2b, message("tools/call", docs, True)),
            ("modern-list", 0x13, message("tools/list", None, True)),
            ("discover", 0x1b, message("server/discover", None, True)),
            ("mismatch", 0x0b, message("server/discover", None, True)),
            ("batch", 0xc0, [message("ping"), message("tools/call", docs, id=2), 7,
                             {"jsonrpc": "2.0", "method": "n"}, message("ping", id=2)])):
        yield name, bytes([first]) + json.dumps(content, separators=(",", ":")).encode()
    yield "broken", b'\x00{"jsonrpc":"2.0","id":1,"id":2}'


def a2a():
    def call(version, method, params, rpc_id=1):
        return bytes([version]) + json.dumps({"jsonrpc": "2.0", "id": rpc_id, "method": method,
                                              "params": params}).encode()

    old = {"kind": "message", "messageId": "m", "role": "user", "contextId": "c",
           "parts": [{"kind": "text", "text": "a"}, {"kind": "text", "text": "b"}]}
    new = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "\u00fc?"}]}
    yield "send-03", call(1, "message/send", {"message": old, "configuration": {"blocking": False}})
    yield "stream-03", call(0, "message/stream", {"message": old, "metadata": {}}, "x")
    yield "send-10", call(2, "SendMessage", {"message": new, "configuration": {"returnImmediately": True}})
    yield "stream-10", call(3, "SendStreamingMessage", {"message": {**new, "taskId": "t"}})
    yield "get", call(0, "tasks/get", {"id": "t"})
    yield "cancel", call(2, "CancelTask", {"id": "t"})
    yield "list", call(0, "ListTasks", {})
    yield "file", call(0, "message/send", {"message": {**old, "parts": [{"kind": "file", "file": {}}]}})
    yield "version", call(4, "SendMessage", {"message": new})
    yield "batch", b"\0[]"
    yield "no-json", b"\5{"


for folder, seeds in (("a2a", a2a()), ("safetensors", safetensors()), ("tokenizer", tokenizer()), ("robots", robots()),
                      ("sitemap", sitemap()), ("url", url()), ("links", links()), ("openai", openai()),
                      ("mcp", mcp())):
    (SEEDS / folder).mkdir(parents=True, exist_ok=True)
    for name, content in seeds:
        (SEEDS / folder / name).write_bytes(content)
