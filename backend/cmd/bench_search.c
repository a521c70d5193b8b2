/* `bench search`: the vector scan on made-up vectors, and whole searches in the index, if any. */
#include <stdio.h>
#include <string.h>

#include "answer/retrieve.h"
#include "cmd/bench.h"
#include "cmd/bench_scan.h"
#include "cmd/query.h"

enum { VECTORS_MAX = 100000000, DIMENSION_MAX = 16384, RUNS_MAX = 10000, SEARCH_ARENA = 256 << 20 };

static const char *const questions[] = {
	"How do I keep the pods of finished trials?",
	"turn off caching for one step",
	"Which environment variable sets the token path?",
	"limit how many jobs run at the same time",
	"mount a volume into a notebook server",
	"The service answers 403, who may use the namespace?",
	"serve two versions of a model behind one address",
	"resume training from a checkpoint",
};

enum { QUESTIONS = sizeof(questions) / sizeof(questions[0]) };

struct index_result {
	bool measured;
	const char *why_not; /* when it was not */
	uint64_t chunks;
	struct bench_summary ms;
};

static enum err_code measure_searches(struct context *ctx, const struct query_session *session,
				      size_t runs, struct index_result *out, struct err *err)
{
	const struct retrieve_options options = {.top_k = 5};
	double *ms = arena_array(ctx->arena, runs, sizeof(*ms));
	struct arena scratch;
	enum err_code code = ms ? ERR_OK : arena_fail(ctx->arena, err);
	arena_init(&scratch, ctx->alloc, SEARCH_ARENA);
	/* Every question once before it counts: vectors are read when they are first needed. */
	for (size_t i = 0; i < QUESTIONS + runs && !code; i++) {
		struct retrieve_results results;
		if (atomic_load(ctx->stop)) {
			code = err_set(err, ERR_CANCELLED, "stopped");
			break;
		}
		int64_t from = clock_monotonic_us(ctx->clock);
		code = retrieve(session->store, session->embedder, ctx->clock,
				str_c(questions[i % QUESTIONS]), &options, &scratch, &results, err);
		if (!code && i >= QUESTIONS)
			ms[i - QUESTIONS] = (double)(clock_monotonic_us(ctx->clock) - from) / 1000;
		arena_reset(&scratch);
	}
	arena_release(&scratch);
	if (!code)
		bench_summarize(ms, runs, &out->ms);
	out->measured = !code;
	return code;
}

/* No index, or one of another model, is no failure: the scan has been measured. */
static enum err_code measure_index(struct context *ctx, size_t runs, struct index_result *out,
				   struct err *err)
{
	struct query_session session;
	struct store_stats stats;
	struct err why;
	*out = (struct index_result){0};
	if (query_open(ctx, &session, &why)) {
		struct str message = arena_str(ctx->arena, str_c(why.message));
		out->why_not = message.ptr ? message.ptr : "out of memory";
		return ERR_OK;
	}
	enum err_code code = store_stats(session.store, ctx->arena, &stats, err);
	out->chunks = code ? 0 : stats.chunks;
	if (!code)
		code = measure_searches(ctx, &session, runs, out, err);
	query_close(&session);
	return code;
}

static double rate(size_t bytes, double ms)
{
	return ms > 0 ? (double)bytes / 1e6 / ms : 0;
}

static json_t *result_json(const struct bench_scan_options *o, const struct bench_scan_result *s,
			   const struct index_result *index)
{
	json_t *scan = json_pack(
		"{s:I, s:I, s:I, s:s, s:o, s:o, s:o, s:f, s:f, s:f}", "vectors",
		(json_int_t)o->vectors, "dimension", (json_int_t)o->dimension, "runs",
		(json_int_t)o->runs, "kernel", s->kernel, "ms", bench_summary_json(&s->scan_ms),
		"read_ms", bench_summary_json(&s->read_ms), "share", bench_summary_json(&s->share),
		"gb_per_second", rate(s->bytes, s->scan_ms.median), "read_gb_per_second",
		rate(s->bytes, s->read_ms.median), "candidates", s->candidates);
	json_t *found = index->measured
				? json_pack("{s:I, s:I, s:o}", "chunks", (json_int_t)index->chunks,
					    "runs", (json_int_t)index->ms.runs, "ms",
					    bench_summary_json(&index->ms))
				: json_null();
	return json_pack("{s:o, s:o}", "scan", scan, "index", found);
}

static void print_result(const struct bench_scan_options *o, const struct bench_scan_result *s,
			 const struct index_result *index)
{
	printf("exact scan of %zu vectors of %zu dimensions, best %d (%s)\n", o->vectors,
	       o->dimension, BENCH_SCAN_K, s->kernel);
	printf("  scan        %8.2f ms (%.2f … %.2f)  %5.1f GB/s\n", s->scan_ms.median,
	       s->scan_ms.p25, s->scan_ms.p75, rate(s->bytes, s->scan_ms.median));
	printf("  plain read  %8.2f ms (%.2f … %.2f)  %5.1f GB/s\n", s->read_ms.median,
	       s->read_ms.p25, s->read_ms.p75, rate(s->bytes, s->read_ms.median));
	printf("  share of the read's bandwidth: %.0f %%\n", 100 * s->share.median);
	if (index->measured)
		printf("searches in the index of %llu chunks: p50 %.1f ms, p95 %.1f ms\n",
		       (unsigned long long)index->chunks, index->ms.median, index->ms.p95);
	else
		printf("no search in an index: %s\n", index->why_not);
}

int bench_search_command(struct context *ctx)
{
	struct err err = {ERR_OK, ""};
	struct bench_scan_options options = {.vectors = 200000,
					     .dimension = 768,
					     .runs = 20,
					     .vec_limit = backends_vec_limit(ctx)};
	struct bench_scan_result scan;
	struct index_result index;
	if (!bench_number(ctx, "vectors", 1, VECTORS_MAX, &options.vectors) ||
	    !bench_number(ctx, "dimension", 1, DIMENSION_MAX, &options.dimension) ||
	    !bench_number(ctx, "runs", 1, RUNS_MAX, &options.runs))
		return EXIT_USAGE;
	fprintf(stderr,
		"search: making %zu vectors of %zu dimensions, then scanning them %zu times\n",
		options.vectors, options.dimension, options.runs);
	enum err_code code = bench_scan(ctx, &options, &scan, &err);
	if (!code) {
		fputs("search: searching the index\n", stderr);
		code = measure_index(ctx, options.runs, &index, &err);
	}
	if (code)
		return context_fail(ctx, &err);
	if (!ctx->json)
		print_result(&options, &scan, &index);
	else if (!context_print_json(result_json(&options, &scan, &index)))
		return EXIT_FAILED;
	return EXIT_DONE;
}
