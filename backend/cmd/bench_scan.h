/* The exact scan over made-up vectors beside a plain read of the same bytes. */
#ifndef DOCS_BOT_CMD_BENCH_SCAN_H
#define DOCS_BOT_CMD_BENCH_SCAN_H

#include "bench/summary.h"
#include "cmd/command.h"

struct bench_scan_options {
	size_t vectors, dimension, runs;
	int vec_limit; /* enum vec_level */
};

struct bench_scan_result {
	size_t bytes; /* of codes and row data: what both touch */
	const char *kernel;
	struct bench_summary scan_ms, read_ms;
	struct bench_summary share; /* read time / scan time of each run */
	uint64_t sum;               /* of all words, so that the read cannot be left out */
	double candidates;          /* mean number of rows that the codes could not rule out */
};

/*
 * Makes `vectors` random vectors of unit length, and in turns reads all of their bytes (the sum of
 * all 64-bit words) and searches them for the best BENCH_SCAN_K, `runs` times with another query
 * each. Every query is one of the vectors: ERR_INTERNAL when the search does not find it first.
 * One thread. The f32 vectors that a search asks for are made again, not kept.
 */
enum err_code bench_scan(const struct context *ctx, const struct bench_scan_options *options,
			 struct bench_scan_result *out, struct err *err) WARN_UNUSED;

enum { BENCH_SCAN_K = 50 };

#endif
