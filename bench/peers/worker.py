"""What the peers share: the protocol of `docs-bot bench encode --stdin`.

out  {"model": …, "versions": {…}}                        when the model is loaded
in   {"texts": […], "vectors": true|false, "batch": N}    one line
out  {"texts": N, "ms": time, "cpu_ms": of the process, "vectors": [[…]] if asked for}

The time is taken inside the process: tokenization, encoder, pooling, normalization.
"""

import json
import os
import sys
import time

OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
           "TRANSFORMERS_VERBOSITY": "error",
           "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


def offline():
    """Before the libraries are imported: nothing is looked up anywhere."""
    os.environ.update(OFFLINE)


def serve(hello, embed):
    """Answers requests until the input ends. `embed(texts, batch)` gives an array of rows."""
    # Libraries print to stdout at times; the protocol has it alone.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print(json.dumps(hello), file=out, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        begin, cpu_begin = time.perf_counter(), time.process_time()
        vectors = embed(request["texts"], request.get("batch", 32))
        reply = {"texts": len(vectors), "ms": (time.perf_counter() - begin) * 1e3,
                 "cpu_ms": (time.process_time() - cpu_begin) * 1e3}
        if request.get("vectors"):
            reply["vectors"] = [[round(float(v), 9) for v in row] for row in vectors]
        print(json.dumps(reply), file=out, flush=True)
