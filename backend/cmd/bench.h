/* What the files of the command `bench` share. */
#ifndef DOCS_BOT_CMD_BENCH_H
#define DOCS_BOT_CMD_BENCH_H

#include "bench/summary.h"
#include "cmd/command.h"

/* The kinds of measurement; each prints its own result and errors and returns an exit code. */
int bench_encode_command(struct context *ctx);
int bench_search_command(struct context *ctx);
/* `bench encode --stdin`: embeds what it reads, line by line, and says how long each line took. */
int bench_stdin_command(struct context *ctx);

/*
 * Reads option `name` as a whole number from `least` to `most` into *out, which keeps its value
 * when the option was not given. False for anything else, after saying so.
 */
bool bench_number(const struct context *ctx, const char *name, size_t least, size_t most,
		  size_t *out);

/* An object of all fields but `runs`; NULL when out of memory. */
json_t *bench_summary_json(const struct bench_summary *s);

/* The word for the instructions that the settings and the processor allow. Static storage. */
const char *bench_simd(const struct context *ctx);

#endif
