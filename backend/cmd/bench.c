/* Figures of this machine: `bench encode`, and what the other kinds share. */
#include "cmd/bench.h"

#include <stdio.h>
#include <string.h>

#include "bench/encode.h"
#include "bench/text.h"
#include "cmd/backends.h"

enum { LENGTHS_MAX = 16 };

const struct option bench_options[] = {
	{"tokens", "N,N…", "encode: tokens of a text, special tokens included (20,128,512)"},
	{"runs", "N", "how often each measurement is repeated (as fits into seconds)"},
	{"vectors", "N", "search: vectors that are scanned (200000)"},
	{"dimension", "N", "search: values of each vector (768)"},
	{"stdin", NULL, "encode: embed the texts of each JSON line on stdin, and time that"},
	{NULL, NULL, NULL},
};

bool bench_number(const struct context *ctx, const char *name, size_t least, size_t most,
		  size_t *out)
{
	const char *given = context_option(ctx, name);
	uint64_t value;
	if (!given)
		return true;
	if (!str_to_u64(str_c(given), &value) || value < least || value > most) {
		context_usage(ctx, "--%s must be a whole number from %zu to %zu, not '%s'", name,
			      least, most, given);
		return false;
	}
	*out = (size_t)value;
	return true;
}

/* "20,512" into tokens[]; false after saying what is wrong. */
static bool read_lengths(const struct context *ctx, size_t *tokens, size_t *count)
{
	const char *given = context_option(ctx, "tokens");
	struct str rest = str_c(given ? given : "20,128,512"), item;
	*count = 0;
	while (str_cut(&rest, ',', &item)) {
		uint64_t value;
		if (*count == LENGTHS_MAX || !str_to_u64(item, &value) || value < 1 ||
		    value > UINT32_MAX) {
			context_usage(ctx,
				      "--tokens takes up to %d whole numbers with commas between "
				      "them, not '%s'",
				      LENGTHS_MAX, given);
			return false;
		}
		tokens[(*count)++] = (size_t)value;
	}
	return true;
}

/* From nothing to the first vector, as the first question of a fresh process meets it. */
struct start {
	double open_ms, first_ms;
};

static enum err_code open_and_embed(struct context *ctx, struct embedder **out, struct start *start,
				    struct err *err)
{
	struct str text;
	int64_t from = clock_monotonic_us(ctx->clock);
	enum err_code code = backends_embedder(ctx, out, err);
	if (code)
		return code;
	int64_t opened = clock_monotonic_us(ctx->clock);
	float *vector = arena_array(ctx->arena, (*out)->dimension, sizeof(*vector));
	if (!vector)
		return arena_fail(ctx->arena, err);
	size_t tokens = (*out)->max_tokens < 20 ? (*out)->max_tokens : 20;
	code = bench_text(*out, tokens, 0, ctx->arena, &text, err);
	if (code)
		return code;
	int64_t begin = clock_monotonic_us(ctx->clock);
	code = embed_texts(*out, &text, 1, vector, err);
	start->open_ms = (double)(opened - from) / 1000;
	start->first_ms = (double)(clock_monotonic_us(ctx->clock) - begin) / 1000;
	return code;
}

json_t *bench_summary_json(const struct bench_summary *s)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "min", s->min, "p25", s->p25, "median",
			 s->median, "p75", s->p75, "p95", s->p95, "max", s->max);
}

static json_t *result_json(const struct context *ctx, const struct embedder *e,
			   const struct start *start, const struct bench_encode_result *results,
			   size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		const struct bench_encode_result *r = &results[i];
		json_array_append_new(
			list,
			json_pack("{s:I, s:I, s:o, s:o, s:f, s:f}", "tokens", (json_int_t)r->tokens,
				  "runs", (json_int_t)r->ms.runs, "ms", bench_summary_json(&r->ms),
				  "alone_ms", bench_summary_json(&r->alone_ms), "tokens_per_second",
				  r->tokens_per_second, "threads_tokens_per_second",
				  r->threads_tokens_per_second));
	}
	return json_pack("{s:s, s:s, s:I, s:s, s:I, s:{s:f, s:f}, s:o}", "model", e->model,
			 "precision", e->precision, "dimension", (json_int_t)e->dimension, "simd",
			 bench_simd(ctx), "threads", (json_int_t)backends_threads(ctx), "start",
			 "open_ms", start->open_ms, "first_embedding_ms", start->first_ms, "encode",
			 list);
}

static void print_result(const struct context *ctx, const struct embedder *e,
			 const struct start *start, const struct bench_encode_result *results,
			 size_t count)
{
	printf("%s, %s, %s, opened in %.0f ms, first text in %.1f ms more\n\n", e->model,
	       e->precision, bench_simd(ctx), start->open_ms, start->first_ms);
	printf("%6s %5s %11s %23s %11s %10s %12s\n", "tokens", "runs", "median", "quartiles",
	       "alone", "tokens/s", "all threads");
	for (size_t i = 0; i < count; i++) {
		const struct bench_encode_result *r = &results[i];
		printf("%6zu %5zu %8.2f ms %10.2f … %7.2f ms %8.2f ms %10.0f %8.0f/%zu\n",
		       r->tokens, r->ms.runs, r->ms.median, r->ms.p25, r->ms.p75,
		       r->alone_ms.median, r->tokens_per_second, r->threads_tokens_per_second,
		       r->threads);
	}
}

int bench_encode_command(struct context *ctx)
{
	struct err err = {ERR_OK, ""};
	size_t tokens[LENGTHS_MAX], count, runs = 0;
	if (!read_lengths(ctx, tokens, &count) ||
	    !bench_number(ctx, "runs", 1, BENCH_RUNS_MAX, &runs))
		return EXIT_USAGE;
	struct embedder *e = NULL;
	struct start start = {0};
	struct bench_encode_result results[LENGTHS_MAX];
	enum err_code code = open_and_embed(ctx, &e, &start, &err);
	for (size_t i = 0; i < count && !code; i++) {
		const struct bench_encode_options options = {tokens[i], runs,
							     backends_threads(ctx)};
		fprintf(stderr, "encode: texts of %zu tokens (%zu of %zu)\n", tokens[i], i + 1,
			count);
		code = bench_encode(e, ctx->clock, &options, ctx->stop, ctx->arena, &results[i],
				    &err);
	}
	int status = EXIT_DONE;
	if (code)
		status = context_fail(ctx, &err);
	else if (!ctx->json)
		print_result(ctx, e, &start, results, count);
	else if (!context_print_json(result_json(ctx, e, &start, results, count)))
		status = EXIT_FAILED;
	embed_close(e);
	return status;
}

/* Options that say nothing to this kind are wrong use, not ignored. */
static bool only_options(const struct context *ctx, const char *kind, const char *const *names)
{
	for (size_t i = 0; i < ctx->given_count; i++) {
		const char *const *n = names;
		while (*n && strcmp(*n, ctx->given[i].option->name) != 0)
			n++;
		if (!*n) {
			context_usage(ctx, "--%s is not an option of bench %s",
				      ctx->given[i].option->name, kind);
			return false;
		}
	}
	return true;
}

int command_bench(struct context *ctx)
{
	static const char *const of_encode[] = {"tokens", "runs", "stdin", NULL},
				 *const of_search[] = {"vectors", "dimension", "runs", NULL};
	struct str what = str_c(ctx->args[0]);
	if (str_eq(what, STR("search")))
		return only_options(ctx, "search", of_search) ? bench_search_command(ctx)
							      : EXIT_USAGE;
	if (!str_eq(what, STR("encode")))
		return context_usage(ctx, "bench knows encode and search, not '%.*s'",
				     STR_ARG(what));
	if (!only_options(ctx, "encode", of_encode))
		return EXIT_USAGE;
	return context_option(ctx, "stdin") ? bench_stdin_command(ctx) : bench_encode_command(ctx);
}

const char *bench_simd(const struct context *ctx)
{
	return vec_ops_best((enum vec_level)backends_vec_limit(ctx))->name;
}
