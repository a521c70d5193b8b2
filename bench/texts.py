"""Texts of exact token counts, made of our own words, and the documentation's own chunks."""

import hashlib
import re
import sqlite3

WORDS = """a controller watches the cluster and starts one pod for each step of a pipeline when
training ends its logs are kept in object storage until someone removes them set resource limits
before you submit jobs because the scheduler places nothing without memory requests notebook servers
share volumes with deployed models through persistent claims namespaces isolate users but operators
may configure webhooks tokens or certificates per profile how do i stop trials from being deleted
which environment variable selects the service account why does my experiment wait for a worker can
the gateway serve two versions at once where is the metric of an early run written""".split()


def sized(tokenizer, tokens, seed):
    """A text of `tokens` tokens, special ones included; another one for each seed."""
    want = tokens - 2
    words, at, have = [], seed * 13, 0
    while have < want:
        word = WORDS[at % len(WORDS)]
        count = len(tokenizer.encode(word, add_special_tokens=False).ids)
        if have + count > want:
            word, count = "a", 1
        words.append(word)
        have += count
        at += 1
    text = " ".join(words)
    assert len(tokenizer.encode(text).ids) == tokens
    return text


def embedded_texts(data_dir):
    """The distinct texts that an index run embedded, and how many of them are proven to be so.

    A chunk is embedded with its page's title and heading path in front; the embedding cache names
    the SHA-256 of what was embedded, which tells which form of each chunk it was.
    """
    index = sqlite3.connect(f"file:{data_dir}/index.sqlite?mode=ro", uri=True)
    cache = sqlite3.connect(f"file:{data_dir}/embeddings.sqlite?mode=ro", uri=True)
    hashes = {bytes(row[0]) for row in cache.execute("SELECT hash FROM embeddings")}
    rows = index.execute("""
        SELECT c.text, d.title, s.path FROM chunks c JOIN documents d ON d.id = c.document_id
        LEFT JOIN sections s ON s.document_id = c.document_id AND s.ordinal = c.first_section
        ORDER BY c.id""")
    found, unproven = {}, {}
    for text, title, path in rows:
        for form in forms(text, title or "", path or ""):
            digest = hashlib.sha256(form.encode()).digest()
            if digest in hashes:
                found[digest] = form
                break
        else:
            unproven[text] = text
    return list(found.values()) + list(unproven), len(found), len(hashes)


def forms(text, title, path):
    """backend/index/chunk.c: windows as they are, sections and paragraphs with a header."""
    yield text
    # windows keep the marks of code spans, the others are embedded without
    text = re.sub(r"(?<!`)(`{1,2})(?!`)", "", text)
    title, path = (re.sub(r"(?<!`)(`{1,2})(?!`)", "", part) for part in (title, path))
    header = f"{title} > {path}" if title and path else title or path
    yield f"{header}\n{text}"
    for end in range(len(header) - 1, 0, -1):  # a header that takes too much of the room is cut
        yield f"{header[:end]}\n{text}"
