/* How fast an embedder is on this machine, measured through its port, tokenization included. */
#ifndef DOCS_BOT_BENCH_ENCODE_H
#define DOCS_BOT_BENCH_ENCODE_H

#include <stdatomic.h>

#include "base/clock.h"
#include "bench/summary.h"
#include "embed/embed.h"

enum { BENCH_RUNS_MAX = 100000, BENCH_THREADS_MAX = 64 };

struct bench_encode_options {
	size_t tokens; /* of each text, special tokens included */
	size_t runs; /* texts that are timed; 0: as many as fit into about two seconds, 5 to 100 */
	size_t threads; /* that embed at once in the second measurement, 1 to BENCH_THREADS_MAX */
};

struct bench_encode_result {
	size_t tokens;
	struct bench_summary ms;       /* one text, in one thread */
	struct bench_summary alone_ms; /* by embed_alone(): with a second thread if it helps */
	double tokens_per_second;      /* from the median of those */
	size_t threads;
	double threads_tokens_per_second; /* of all threads together, each with texts of its own */
};

/*
 * Measures one length: a text that is not timed, then `runs` single texts, each by embed_texts() and
 * by embed_alone() in turns, then all threads at once. Works in the calling thread and, for the last
 * part, `threads` - 1 more. ERR_CANCELLED
 * when *stop (may be NULL) becomes true; the errors of bench_text() and embed_texts().
 */
enum err_code bench_encode(struct embedder *e, const struct clock *clock,
			   const struct bench_encode_options *options, const atomic_bool *stop,
			   struct arena *arena, struct bench_encode_result *out,
			   struct err *err) WARN_UNUSED;

#endif
