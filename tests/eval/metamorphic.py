#!/usr/bin/env python3
"""metamorphic.py FILE…: variants of questions that must find the same page, as JSON lines.

One variant of each kind below for each question of kind docs that has gold pages. The same input
always gives the same output: whatever is drawn by lot comes from the question's id.
"""

import hashlib
import json
import re
import sys

STOP = frozenset("""a about after all also although am an and any anyone anybody are as at be because been
before being but by can cannot could did do does doing for from get gets getting give go goes got had has have
having how i if in into is it its itself just know like make many me might more most much must my need of on one
only or other our out over please seem seems set should so some something still tell than that the their them
then there these they thing this those though to too under until up us use used using very want wants was we
went were what when where whether which while who whom whose why will with within would yes you
your""".split())

# Keys beside each other on a keyboard.
NEAR = {"a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj",
        "i": "uo", "j": "hk", "k": "jl", "l": "ko", "m": "n", "n": "bm", "o": "ip", "p": "o",
        "q": "wa", "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb", "w": "qe", "x": "zc",
        "y": "tu", "z": "x"}

REPHRASED = (
    (r"how (?:do|can|could|would) (?:i|we|you|one)", "what is the way to"),
    (r"how to", "what is the way to"),
    (r"we want", "our team would like"), (r"i want", "I would like"),
    (r"(?:switch|turn)(?:ed)? off", "disable"), (r"(?:switch|turn)(?:ed)? on", "enable"),
    (r"delet(e|es|ed)", r"remov\1"), (r"deleting", "removing"),
    (r"which", "what"), (r"can i", "am I able to"), (r"is there a way", "is it possible"),
    (r"fails", "does not work"), (r"failed", "did not work"), (r"needs?", "must have"),
    (r"instead of", "rather than"), (r"always", "every time"), (r"see", "look at"),
    (r"my", "our"), (r"only", "just"), (r"but", "yet"), (r"because", "since"),
    (r"although", "even though"), (r"where", "in which place"),
    (r"what happens", "what is going to happen"), (r"show(?! up)", "display"),
    (r"start", "launch"), (r"avoid", "get around"), (r"continue", "go on"),
)

FRAMES = (
    "hi all, sorry if this was asked before. {} Thanks in advance for any help!",
    "Good morning! I am new to this and could not find it in the docs: {} Any pointer is welcome :)",
    "quick question for the team, could you tell me the following please? {} cheers",
    "Hello, I hope this is the right place to ask. {} I would be grateful for an example. Best regards",
)

DUMPS = (
    """
Traceback (most recent call last):
  File "/opt/conda/lib/python3.11/runpy.py", line 198, in _run_module_as_main
    return _run_code(code, main_globals, None,
  File "/home/jovyan/work/main.py", line 42, in <module>
    main()
  File "/home/jovyan/work/main.py", line 31, in main
    result = session.request("GET", url, timeout=30)
  File "/opt/conda/lib/python3.11/site-packages/urllib3/connectionpool.py", line 847, in urlopen
    retries = retries.increment(
  File "/opt/conda/lib/python3.11/site-packages/urllib3/util/retry.py", line 515, in increment
    raise MaxRetryError(_pool, url, reason) from reason
urllib3.exceptions.MaxRetryError: HTTPConnectionPool(host='10.96.14.7', port=8888): Max retries exceeded
""",
    """
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x16f2a4b]

goroutine 417 [running]:
main.(*server).handle(0xc0004a2000, {0x1d2f3a8, 0xc000616d20})
	/src/cmd/server/main.go:211 +0x2cb
net/http.HandlerFunc.ServeHTTP(0xc00011a0f0, {0x1d2f3a8, 0xc000616d20}, 0xc0003d8000)
	/usr/local/go/src/net/http/server.go:2171 +0x29
net/http.(*conn).serve(0xc0002d0120, {0x1d30a60, 0xc0004c6f00})
	/usr/local/go/src/net/http/server.go:2009 +0x5ec
created by net/http.(*Server).Serve in goroutine 1
	/usr/local/go/src/net/http/server.go:3086 +0x5cb
exit status 2
""",
    """
$ kubectl get pods -n team-a
NAME                          READY   STATUS             RESTARTS        AGE
job-7c9d8f6b5d-x2x4q          1/2     CrashLoopBackOff   6 (2m11s ago)   9m40s
job-7c9d8f6b5d-zl8rr          0/2     Pending            0               9m40s
$ kubectl describe pod job-7c9d8f6b5d-x2x4q -n team-a | tail -6
  Type     Reason     Age                    From               Message
  ----     ------     ----                   ----               -------
  Normal   Pulled     8m2s (x4 over 9m31s)   kubelet            Container image already present on machine
  Warning  BackOff    4m21s (x23 over 9m)    kubelet            Back-off restarting failed container
  Warning  Unhealthy  2m50s (x9 over 8m40s)  kubelet            Readiness probe failed: connection refused
""",
    """
time="2025-01-20T09:14:03Z" level=info msg="reconciling" namespace=team-a generation=3
time="2025-01-20T09:14:03Z" level=warning msg="requeue after error" attempt=1 backoff=5s
time="2025-01-20T09:14:08Z" level=error msg="update conflict" error="Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again"
time="2025-01-20T09:14:08Z" level=info msg="reconciling" namespace=team-a generation=3
time="2025-01-20T09:14:13Z" level=error msg="context deadline exceeded" elapsed=5.000814s
""",
)

# Other programs than above, and in front of the question.
DUMPS_ABOVE = (
    """
25/01/20 10:02:11 WARN TaskSetManager: Lost task 3.0 in stage 2.0 (TID 41) (10.1.4.19 executor 2)
java.io.IOException: No space left on device
	at java.base/sun.nio.ch.FileDispatcherImpl.write0(Native Method)
	at java.base/sun.nio.ch.FileDispatcherImpl.write(FileDispatcherImpl.java:62)
	at java.base/java.nio.channels.Channels$WritableByteChannelImpl.write(Channels.java:463)
	at java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1136)
Caused by: java.nio.file.FileSystemException: /tmp/blockmgr-0f/1c/temp: No space left on device
	... 14 more
""",
    """```
{"level":"error","ts":1737363243.117,"logger":"controller","msg":"Reconciler error","name":"x1","reconcileID":"6f0c2a"}
{"level":"info","ts":1737363243.118,"logger":"controller","msg":"Starting workers","worker count":1}
{"level":"error","ts":1737363248.402,"logger":"controller","msg":"Reconciler error","name":"x1","reconcileID":"91be77"}
```
""",
    """
LAST SEEN   TYPE      REASON             OBJECT          MESSAGE
3m12s       Warning   FailedScheduling   pod/x1-worker   0/6 nodes are available: 2 Insufficient cpu, 4 node(s) had untolerated taint.
3m11s       Normal    NotTriggerScaleUp  pod/x1-worker   pod didn't trigger scale-up: 1 max node group size reached
58s         Warning   FailedMount        pod/x1-worker   MountVolume.SetUp failed for volume "v": object "a"/"b" not registered
""",
    """
ERROR: Cannot install a==1.4.2 and b==0.9 because these package versions have conflicting dependencies.
The conflict is caused by:
    a 1.4.2 depends on protobuf<5 and >=4.21
    b 0.9 depends on protobuf>=5.26
ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/dependency-resolution/
make: *** [Makefile:31: deps] Error 1
""",
)


class Lot:
    """Numbers that depend on a name alone, whatever the version of Python."""

    def __init__(self, name):
        self.name, self.count = name, 0

    def below(self, limit):
        self.count += 1
        digest = hashlib.sha256(f"{self.name} {self.count}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % limit


def words_of_content(text):
    """Where plain words stand that carry the subject; identifiers are typed by copying."""
    return [m for m in re.finditer(r"(?<![\w.\-/=@:])[A-Za-z][a-z]{4,}(?![\w\-/=@]|[.:]\w)", text)
            if m.group().lower() not in STOP]


def mistype(word, lot):
    """Not the first letter: people get that one right."""
    at = 1 + lot.below(len(word) - 2)
    kind = lot.below(4)
    if kind == 0 and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2:]
    if kind == 1:
        return word[:at] + word[at + 1:]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    near = NEAR[word[at].lower()]
    return word[:at] + near[lot.below(len(near))] + word[at + 1:]


def with_typos(text, count, lot):
    words = words_of_content(text)
    for _ in range(min(count, len(words))):
        match = words.pop(lot.below(len(words)))
        text = text[:match.start()] + mistype(match.group(), lot) + text[match.end():]
        # what stood behind it has moved
        words = [w for w in words_of_content(text) if w.start() != match.start()]
    return text


def without_marks(text, _lot):
    return " ".join(re.sub(r"[?!,;\"'“”]|[.:](?=\s|$)", "", text).split())


def keywords(text, _lot):
    """What people type into a search box."""
    words = without_marks(text, None).split()
    kept = [w for w in words if w.lower().replace("’", "") not in STOP]
    return " ".join(kept if len(kept) > 2 else words)


def rephrased(text, _lot):
    """Other words for the same; what is quoted stays, for people paste it."""
    pieces = re.split(r'("[^"]*")', text)
    for i in range(0, len(pieces), 2):
        for pattern, other in REPHRASED:
            pieces[i] = re.sub(rf"(?<![\w.\-])(?:{pattern})(?![\w\-])", other, pieces[i], flags=re.I)
    return "".join(pieces)


CHANGES = (
    ("typo", lambda text, lot: with_typos(text, 1, lot)),
    ("two_typos", lambda text, lot: with_typos(text, 2, lot)),
    ("upper_case", lambda text, _: text.upper()),
    ("no_marks", without_marks),
    ("keywords", keywords),
    ("rephrased", rephrased),
    ("small_talk", lambda text, lot: FRAMES[lot.below(len(FRAMES))].format(text)),
    ("error_dump", lambda text, lot: text + "\n" + DUMPS[lot.below(len(DUMPS))]),
    ("error_above", lambda text, lot: DUMPS_ABOVE[lot.below(len(DUMPS_ABOVE))] + "\n" + text),
)


def variants(question):
    for change, make in CHANGES:
        text = make(question["question"], Lot(f"{question['id']} {change}"))
        if text != question["question"]:
            yield {"id": f"{question['id']}-{change}", "question": text, "kind": "docs",
                   "gold_pages": question["gold_pages"], "variant_of": question["id"],
                   "change": change}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.splitlines()[0])
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as f:
            for line in f:
                question = json.loads(line)
                if question["kind"] == "docs" and question["gold_pages"]:
                    for variant in variants(question):
                        sys.stdout.buffer.write(
                            (json.dumps(variant, ensure_ascii=False) + "\n").encode())


if __name__ == "__main__":
    main()
