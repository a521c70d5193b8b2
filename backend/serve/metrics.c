#include "serve/metrics.h"

#include <inttypes.h>

#include "answer/answer.h"

static const char *const route_labels[] = {
#define ROUTE_LABEL(name, label) label,
	METRICS_ROUTES(ROUTE_LABEL)
#undef ROUTE_LABEL
};

/* The statuses this service sends; the last stands for any other. */
static const int statuses[METRICS_STATUS_COUNT] = {101, 200, 202, 304, 400, 403, 404, 405, 406,
						   411, 413, 414, 415, 422, 500, 503, 505, 0};

/* Upper bounds in microseconds; an answer without a language model takes tens of milliseconds. */
static const int64_t bounds_us[METRICS_BUCKET_COUNT - 1] = {
	5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};

void metrics_request(struct metrics *metrics, enum metrics_route route, int status)
{
	size_t i = 0;
	while (i < METRICS_STATUS_COUNT - 1 && statuses[i] != status)
		i++;
	atomic_fetch_add_explicit(&metrics->requests[route][i], 1, memory_order_relaxed);
}

void metrics_observe(struct metrics_histogram *histogram, int64_t took_us)
{
	size_t i = 0;
	if (took_us < 0)
		took_us = 0;
	while (i < METRICS_BUCKET_COUNT - 1 && took_us > bounds_us[i])
		i++;
	atomic_fetch_add_explicit(&histogram->buckets[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->sum_us, (unsigned long long)took_us,
				  memory_order_relaxed);
}

void metrics_answer(struct metrics *metrics, int route, int64_t took_us)
{
	size_t i = route < 0 || route >= METRICS_ANSWER_COUNT - 1 ? METRICS_ANSWER_COUNT - 1
								  : (size_t)route;
	atomic_fetch_add_explicit(&metrics->answers[i], 1, memory_order_relaxed);
	metrics_observe(&metrics->answer_seconds, took_us);
}

static void add(atomic_ullong *counter, unsigned long long n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

void metrics_model(struct metrics *metrics, const struct answer_result *answer)
{
	add(&metrics->llm_tokens[0], answer->prompt_tokens);
	add(&metrics->llm_tokens[1], answer->completion_tokens);
	add(&metrics->fallbacks, answer->fell_back);
	add(&metrics->unsupported,
	    answer->writer == WRITER_MODEL && !answer->grounded && answer->route == ROUTE_DOCS);
	if (answer->llm_us > 0)
		metrics_observe(&metrics->llm_seconds, answer->llm_us);
}

static void write_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_gauge(struct buf *out, const char *name, const char *help, size_t value)
{
	write_head(out, name, "gauge", help);
	buf_printf(out, "%s %zu\n", name, value);
}

static void write_counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
	write_head(out, name, "counter", help);
	buf_printf(out, "%s %" PRIu64 "\n", name, value);
}

static void write_histogram(struct buf *out, const char *name, const char *help,
			    struct metrics_histogram *histogram)
{
	unsigned long long count = 0;
	write_head(out, name, "histogram", help);
	for (size_t i = 0; i < METRICS_BUCKET_COUNT; i++) {
		count += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
		if (i < METRICS_BUCKET_COUNT - 1)
			buf_printf(out, "%s_bucket{le=\"%g\"} %llu\n", name,
				   (double)bounds_us[i] / 1e6, count);
		else
			buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n", name, count);
	}
	unsigned long long sum = atomic_load_explicit(&histogram->sum_us, memory_order_relaxed);
	buf_printf(out, "%s_sum %.6f\n%s_count %llu\n", name, (double)sum / 1e6, name, count);
}

static void write_embed(struct buf *out, const struct embed_shared_stats *embed)
{
	static const char size[] = "docs_bot_embed_batch_texts";
	uint64_t count = 0;
	write_counter(out, "docs_bot_embed_cache_hits_total",
		      "Questions whose embedding was in the cache.", embed->hits);
	write_counter(out, "docs_bot_embed_cache_misses_total",
		      "Questions whose embedding was not in the cache.", embed->misses);
	write_counter(out, "docs_bot_embed_joined_total",
		      "Misses that another question of the same text was being embedded for.",
		      embed->joined);
	write_gauge(out, "docs_bot_embed_cache_entries", "Embeddings in the cache.",
		    embed->cache_entries);
	write_gauge(out, "docs_bot_embed_cache_bytes", "Memory of the embedding cache.",
		    embed->cache_bytes);
	write_head(out, size, "histogram", "Questions that were embedded together.");
	for (size_t i = 0; i < EMBED_SHARED_BUCKETS; i++) {
		count += embed->calls_by_size[i];
		buf_printf(out, "%s_bucket{le=\"%d\"} %" PRIu64 "\n", size, 1 << i, count);
	}
	buf_printf(out,
		   "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %" PRIu64 "\n%s_count %" PRIu64 "\n",
		   size, embed->calls, size, embed->texts, size, embed->calls);
}

static void write_rerank(struct buf *out, struct rerank_stage *rerank)
{
	static const char name[] = "docs_bot_rerank_total";
	write_head(
		out, name, "counter",
		"Questions whose results were to be reranked; skipped: shortly after a failure.");
	buf_printf(out,
		   "%s{result=\"done\"} %llu\n%s{result=\"failed\"} %llu\n"
		   "%s{result=\"skipped\"} %llu\n",
		   name, atomic_load_explicit(&rerank->done, memory_order_relaxed), name,
		   atomic_load_explicit(&rerank->failed, memory_order_relaxed), name,
		   atomic_load_explicit(&rerank->skipped, memory_order_relaxed));
}

static void write_model(struct buf *out, struct metrics *metrics)
{
	static const char name[] = "docs_bot_llm_tokens_total";
	write_head(out, name, "counter",
		   "Tokens of prompts and replies, as the server counts them.");
	for (int i = 0; i < 2; i++)
		buf_printf(out, "%s{kind=\"%s\"} %llu\n", name, i ? "completion" : "prompt",
			   atomic_load_explicit(&metrics->llm_tokens[i], memory_order_relaxed));
	write_counter(out, "docs_bot_llm_fallbacks_total",
		      "Answers that quote documents because the language model failed.",
		      atomic_load_explicit(&metrics->fallbacks, memory_order_relaxed));
	write_counter(out, "docs_bot_llm_unsupported_total",
		      "Answers of the language model that its sources do not support.",
		      atomic_load_explicit(&metrics->unsupported, memory_order_relaxed));
	write_histogram(out, "docs_bot_llm_seconds",
			"Time an answer waited for the language model.", &metrics->llm_seconds);
}

static void write_requests(struct buf *out, struct metrics *metrics)
{
	write_head(out, "docs_bot_requests_total", "counter",
		   "HTTP responses by route and status.");
	for (size_t r = 0; r < METRICS_ROUTE_COUNT; r++) {
		for (size_t s = 0; s < METRICS_STATUS_COUNT; s++) {
			unsigned long long n = atomic_load_explicit(&metrics->requests[r][s],
								    memory_order_relaxed);
			if (!n)
				continue;
			buf_printf(out, "docs_bot_requests_total{route=\"%s\",status=\"",
				   route_labels[r]);
			if (statuses[s])
				buf_printf(out, "%d", statuses[s]);
			else
				buf_append(out, STR("other"));
			buf_printf(out, "\"} %llu\n", n);
		}
	}
}

enum err_code metrics_write(struct metrics *metrics, const struct metrics_gauges *gauges,
			    struct buf *out, struct err *err)
{
	write_head(out, "docs_bot_build_info", "gauge", "Always 1; the label names the version.");
	buf_printf(out, "docs_bot_build_info{version=\"%s\"} 1\n", DOCS_BOT_VERSION);
	write_requests(out, metrics);
	write_head(out, "docs_bot_answers_total", "counter", "Answered questions by route.");
	for (size_t i = 0; i < METRICS_ANSWER_COUNT; i++)
		buf_printf(out, "docs_bot_answers_total{route=\"%s\"} %llu\n",
			   i == METRICS_ANSWER_COUNT - 1 ? "error"
							 : answer_route_name((enum answer_route)i),
			   atomic_load_explicit(&metrics->answers[i], memory_order_relaxed));
	write_histogram(out, "docs_bot_answer_seconds", "Time from question to end of answer.",
			&metrics->answer_seconds);
	write_histogram(out, "docs_bot_search_seconds", "Time of one search, waiting included.",
			&metrics->search_seconds);
	write_counter(out, "docs_bot_rejected_total",
		      "Questions and searches refused because the queue was full.",
		      atomic_load_explicit(&metrics->rejected, memory_order_relaxed));
	write_gauge(out, "docs_bot_connections", "Open connections.", gauges->connections);
	write_gauge(out, "docs_bot_queue_depth", "Questions and searches waiting for a worker.",
		    gauges->queue_depth);
	write_gauge(out, "docs_bot_workers", "Worker threads.", gauges->workers);
	write_model(out, metrics);
	if (gauges->embed)
		write_embed(out, gauges->embed);
	if (gauges->rerank)
		write_rerank(out, gauges->rerank);
	return buf_ok(out, "the metrics", err);
}
