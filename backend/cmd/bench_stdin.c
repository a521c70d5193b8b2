/*
 * `bench encode --stdin`: a process that stays and embeds on demand, so that it can be measured in
 * turns with other programs on the same texts. The protocol, one JSON document a line:
 *
 *   out  {"model", "sha256", "precision", "dimension", "simd", "open_ms"}      when the model is open
 *   in   {"texts": ["…", …], "vectors": true|false}
 *   out  {"texts": N, "ms": time in embed_texts(), "cpu_ms": of the process, "vectors": [[…], …] if asked for}
 *
 * One thread embeds. It ends at the end of the input.
 */
#include <stdio.h>
#include <time.h>

#include "cmd/backends.h"
#include "cmd/bench.h"

enum { LINE_MAX_BYTES = 64 << 20, LINE_ARENA_BYTES = 512 << 20 };

/* False at the end of the input. */
static bool read_line(struct buf *line)
{
	int c;
	buf_clear(line);
	while ((c = getchar()) != EOF && c != '\n')
		if (!buf_append_byte(line, (char)c))
			return true; /* buf_ok() tells */
	return c != EOF || line->len > 0;
}

static bool print_line(json_t *value)
{
	bool ok = value && json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9)) == 0 &&
		  putchar('\n') != EOF && fflush(stdout) == 0;
	json_decref(value);
	return ok;
}

static enum err_code collect_texts(const json_t *request, struct arena *arena, struct str **texts,
				   size_t *count, struct err *err)
{
	const json_t *list = json_object_get(request, "texts");
	if (!json_is_array(list))
		return err_set(err, ERR_INVALID, "a line must be an object with a list \"texts\"");
	*count = json_array_size(list);
	*texts = arena_array(arena, *count ? *count : 1, sizeof(**texts));
	if (!*texts)
		return arena_fail(arena, err);
	for (size_t i = 0; i < *count; i++) {
		const json_t *text = json_array_get(list, i);
		if (!json_is_string(text))
			return err_set(err, ERR_INVALID, "text %zu of a line is not a string",
				       i + 1);
		(*texts)[i] = (struct str){json_string_value(text), json_string_length(text)};
	}
	return ERR_OK;
}

static json_t *vectors_json(const float *vectors, size_t count, size_t dimension)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *row = json_array();
		for (size_t j = 0; j < dimension; j++)
			json_array_append_new(row, json_real((double)vectors[i * dimension + j]));
		json_array_append_new(rows, row);
	}
	return rows;
}

/* Answers one line; `arena` is for it alone. */
static enum err_code answer(struct context *ctx, struct embedder *e, struct str line,
			    struct arena *arena, struct err *err)
{
	struct str *texts = NULL;
	json_t *request;
	size_t count = 0, values;
	enum err_code code = json_parse(line, &request, err);
	if (code)
		return code;
	code = collect_texts(request, arena, &texts, &count, err);
	if (code)
		goto out;
	float *vectors = size_mul(count ? count : 1, e->dimension, &values)
				 ? arena_array(arena, values, sizeof(*vectors))
				 : NULL;
	if (!vectors) {
		code = arena_fail(arena, err);
		goto out;
	}
	int64_t from = clock_monotonic_us(ctx->clock);
	clock_t cpu_from = clock();
	code = embed_texts(e, texts, count, vectors, err);
	double cpu_ms = (double)(clock() - cpu_from) * 1000 / CLOCKS_PER_SEC;
	double ms = (double)(clock_monotonic_us(ctx->clock) - from) / 1000;
	if (code)
		goto out;
	json_t *reply = json_pack("{s:I, s:f, s:f}", "texts", (json_int_t)count, "ms", ms, "cpu_ms",
				  cpu_ms);
	if (json_is_true(json_object_get(request, "vectors")))
		json_object_set_new(reply, "vectors", vectors_json(vectors, count, e->dimension));
	if (!print_line(reply))
		code = err_set(err, ERR_IO, "cannot write to stdout");
out:
	json_decref(request);
	return code;
}

int bench_stdin_command(struct context *ctx)
{
	struct err err = {ERR_OK, ""};
	struct embedder *e;
	struct arena arena;
	struct buf line;
	int64_t from = clock_monotonic_us(ctx->clock);
	if (backends_embedder(ctx, &e, &err))
		return context_fail(ctx, &err);
	double open_ms = (double)(clock_monotonic_us(ctx->clock) - from) / 1000;
	arena_init(&arena, ctx->alloc, LINE_ARENA_BYTES);
	buf_init(&line, ctx->alloc, LINE_MAX_BYTES);
	bool written = print_line(json_pack("{s:s, s:s, s:s, s:I, s:s, s:f}", "model", e->model,
					    "sha256", e->sha256, "precision", e->precision,
					    "dimension", (json_int_t)e->dimension, "simd",
					    bench_simd(ctx), "open_ms", open_ms));
	enum err_code code = written ? ERR_OK : err_set(&err, ERR_IO, "cannot write to stdout");
	while (!code && !atomic_load(ctx->stop) && read_line(&line)) {
		code = buf_ok(&line, "line", &err);
		if (!code)
			code = answer(ctx, e, buf_str(&line), &arena, &err);
		arena_reset(&arena);
	}
	buf_release(&line);
	arena_release(&arena);
	embed_close(e);
	return code ? context_fail(ctx, &err) : EXIT_DONE;
}
