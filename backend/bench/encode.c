#include "bench/encode.h"

#include <pthread.h>

#include "bench/text.h"

/* Texts to choose from: more than one, so that no cache of whole texts can answer. */
enum { TEXTS = 8, LEAST_RUNS = 5, MOST_RUNS = 100, LEAST_PER_THREAD = 2 };

#define PART_US 2000000 /* about how long each measurement takes when the runs are not given */

static bool stopping(const atomic_bool *stop)
{
	return stop && atomic_load(stop);
}

static enum err_code cancelled(struct err *err)
{
	return err_set(err, ERR_CANCELLED, "stopped before the measurement was complete");
}

/* Embeds text `i`; the vector is not looked at. */
static enum err_code embed_text(struct embedder *e, const struct str *texts, size_t i,
				float *vector, struct err *err)
{
	return embed_texts(e, &texts[i % TEXTS], 1, vector, err);
}

/* Both ways in turns, so that what else the machine does meets both. */
static enum err_code measure_single(struct embedder *e, const struct clock *clock, size_t runs,
				    const struct str *texts, float *vector, const atomic_bool *stop,
				    struct arena *arena, struct bench_encode_result *out,
				    struct err *err)
{
	size_t most = runs ? runs : MOST_RUNS, count = 0;
	double *ms = arena_array(arena, most, sizeof(*ms));
	double *alone_ms = arena_array(arena, most, sizeof(*alone_ms));
	if (!ms || !alone_ms)
		return arena_fail(arena, err);
	int64_t begin = clock_monotonic_us(clock);
	for (; count < most; count++) {
		int64_t from = clock_monotonic_us(clock);
		if (!runs && count >= LEAST_RUNS && from - begin > PART_US)
			break;
		if (stopping(stop))
			return cancelled(err);
		enum err_code code = embed_text(e, texts, count, vector, err);
		int64_t between = clock_monotonic_us(clock);
		if (!code)
			code = embed_alone(e, texts[count % TEXTS], vector, err);
		if (code)
			return code;
		ms[count] = (double)(between - from) / 1000;
		alone_ms[count] = (double)(clock_monotonic_us(clock) - between) / 1000;
	}
	bench_summarize(ms, count, &out->ms);
	bench_summarize(alone_ms, count, &out->alone_ms);
	return ERR_OK;
}

/* One thread of the measurement with all of them; `code` and `err` are its own. */
struct worker {
	struct embedder *e;
	const struct str *texts;
	const atomic_bool *stop;
	float *vector;
	size_t first, count;
	enum err_code code;
	struct err err;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	for (size_t i = 0; i < w->count && !w->code; i++)
		w->code = stopping(w->stop)
				  ? cancelled(&w->err)
				  : embed_text(w->e, w->texts, w->first + i, w->vector, &w->err);
	return NULL;
}

static enum err_code measure_together(struct embedder *e, const struct clock *clock, size_t threads,
				      size_t per_thread, const struct str *texts,
				      const atomic_bool *stop, struct arena *arena,
				      double *texts_per_second, struct err *err)
{
	pthread_t ids[BENCH_THREADS_MAX];
	struct worker *workers = arena_array(arena, threads, sizeof(*workers));
	if (!workers)
		return arena_fail(arena, err);
	for (size_t i = 0; i < threads; i++) {
		workers[i] =
			(struct worker){.e = e,
					.texts = texts,
					.stop = stop,
					.vector = arena_array(arena, e->dimension, sizeof(float)),
					.first = i * per_thread,
					.count = per_thread};
		if (!workers[i].vector)
			return arena_fail(arena, err);
	}
	size_t started = 0;
	int64_t begin = clock_monotonic_us(clock);
	while (started + 1 < threads &&
	       pthread_create(&ids[started], NULL, work, &workers[started + 1]) == 0)
		started++;
	work(&workers[0]);
	for (size_t i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	double seconds = (double)(clock_monotonic_us(clock) - begin) / 1e6;
	if (started + 1 < threads)
		return err_set(err, ERR_NOMEM, "only %zu of %zu threads could be started",
			       started + 1, threads);
	for (size_t i = 0; i < threads; i++)
		if (workers[i].code)
			return err_set(err, workers[i].code, "%s", workers[i].err.message);
	*texts_per_second = seconds > 0 ? (double)(threads * per_thread) / seconds : 0;
	return ERR_OK;
}

/* How many texts each thread gets: the runs as given, or what fits into PART_US. */
static size_t texts_per_thread(size_t runs, double median_ms)
{
	if (runs)
		return runs;
	double fit = median_ms > 0 ? PART_US / 1000.0 / median_ms : MOST_RUNS;
	return fit < LEAST_PER_THREAD ? LEAST_PER_THREAD
	       : fit > MOST_RUNS      ? MOST_RUNS
				      : (size_t)fit;
}

enum err_code bench_encode(struct embedder *e, const struct clock *clock,
			   const struct bench_encode_options *options, const atomic_bool *stop,
			   struct arena *arena, struct bench_encode_result *out, struct err *err)
{
	struct str texts[TEXTS];
	*out = (struct bench_encode_result){.tokens = options->tokens, .threads = options->threads};
	if (options->runs > BENCH_RUNS_MAX || options->threads < 1 ||
	    options->threads > BENCH_THREADS_MAX)
		return err_set(err, ERR_INVALID, "%zu runs in %zu threads cannot be measured",
			       options->runs, options->threads);
	for (size_t i = 0; i < TEXTS; i++) {
		enum err_code code = bench_text(e, options->tokens, i, arena, &texts[i], err);
		if (code)
			return code;
	}
	float *vector = arena_array(arena, e->dimension, sizeof(*vector));
	if (!vector)
		return arena_fail(arena, err);
	/* What is made at first use (working memory, code for this length) is not timed. */
	enum err_code code = embed_text(e, texts, TEXTS - 1, vector, err);
	if (!code)
		code = embed_alone(e, texts[TEXTS - 1], vector, err);
	if (!code)
		code = measure_single(e, clock, options->runs, texts, vector, stop, arena, out,
				      err);
	double rate = out->ms.median > 0 ? 1000 / out->ms.median : 0;
	out->tokens_per_second = (double)options->tokens * rate;
	if (!code && options->threads > 1)
		code = measure_together(e, clock, options->threads,
					texts_per_thread(options->runs, out->ms.median), texts,
					stop, arena, &rate, err);
	out->threads_tokens_per_second = (double)options->tokens * rate;
	return code;
}
