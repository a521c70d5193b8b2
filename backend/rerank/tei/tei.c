#include "rerank/tei/tei.h"

#include <stdatomic.h>
#include <string.h>

#include "net/post.h"

/* Texts of one request, and its bytes: TEI's defaults (--max-client-batch-size, --payload-limit). */
enum { BATCH = 32 };
#define REQUEST_BYTES ((size_t)2000000)

/* vLLM repeats the texts in its answer. */
#define ANSWER_BYTES (2 * REQUEST_BYTES)

struct tei {
	struct reranker base;
	const struct alloc *alloc;
	const struct clock *clock;
	struct post_client *client;
	enum rerank_api api;
	char *model;
	unsigned timeout_ms;
	atomic_size_t batch; /* texts that the server is known to take at once */
};

/* What one call has at hand. */
struct call {
	struct tei *tei;
	struct str query;
	int64_t deadline_us;
	struct buf request, answer;
};

static enum err_code send_request(struct call *c, long *status, struct err *err)
{
	struct tei *tei = c->tei;
	int64_t left_ms = (c->deadline_us - clock_monotonic_us(tei->clock)) / 1000;
	if (left_ms < 1)
		return err_set(err, ERR_UNAVAILABLE, "%s: not all texts are scored within %u ms",
			       tei->base.name, tei->timeout_ms);
	buf_clear(&c->answer);
	return post_json(tei->client, buf_str(&c->request), (unsigned)left_ms, status, &c->answer,
			 err);
}

/*
 * Scores the first texts of the list, as many as are taken at once; *done says how many. Fewer are
 * tried when the body is too large, or the server finds the batch so.
 */
static enum err_code score_some(struct call *c, const struct str *texts, size_t count,
				float *scores, size_t *done, struct err *err)
{
	struct tei *tei = c->tei;
	size_t most = atomic_load(&tei->batch), n = count < most ? count : most;
	for (;; n /= 2) {
		long status = 0;
		buf_clear(&c->request);
		enum err_code code = wire_request(tei->api, str_c(tei->model), c->query, texts, n,
						  &c->request, err);
		if (code == ERR_LIMIT && n > 1)
			continue;
		if (!code)
			code = send_request(c, &status, err);
		if (code)
			return code;
		if (status == 413 && n > 1) {
			/* Never less than one; another thread may have found less already. */
			size_t known = atomic_load(&tei->batch);
			if (n / 2 < known)
				atomic_store(&tei->batch, n / 2);
			continue;
		}
		*done = n;
		code = status == 200 ? wire_scores(tei->api, buf_str(&c->answer), n, scores, err)
				     : wire_problem(status, buf_str(&c->answer), err);
		return code ? err_context(err, "%s", tei->base.name) : ERR_OK;
	}
}

static enum err_code tei_score(struct reranker *r, struct str query, const struct str *texts,
			       size_t count, float *scores, struct err *err)
{
	struct tei *tei = (struct tei *)r;
	struct call call = {.tei = tei,
			    .query = query,
			    .deadline_us = clock_monotonic_us(tei->clock) +
					   (int64_t)tei->timeout_ms * 1000};
	enum err_code code = ERR_OK;
	buf_init(&call.request, tei->alloc, REQUEST_BYTES);
	buf_init(&call.answer, tei->alloc, ANSWER_BYTES);
	for (size_t from = 0, done = 0; from < count && !code; from += done)
		code = score_some(&call, texts + from, count - from, scores + from, &done, err);
	buf_release(&call.request);
	buf_release(&call.answer);
	return code;
}

static void tei_close(struct reranker *r)
{
	struct tei *tei = (struct tei *)r;
	post_client_close(tei->client);
	alloc_free(tei->alloc, tei->model);
	alloc_free(tei->alloc, tei);
}

static const struct reranker_ops tei_ops = {.score = tei_score, .close = tei_close};

/* The address of the API below the one that was given. */
static enum err_code make_url(const struct rerank_tei_options *options, struct buf *url,
			      struct err *err)
{
	struct str base = str_c(options->url);
	while (base.len && base.ptr[base.len - 1] == '/')
		base.len--;
	buf_append(url, base);
	if (!str_ends(base, STR("/rerank")))
		buf_append(url, options->api == RERANK_API_TEI ? STR("/rerank")
				: str_ends(base, STR("/v1"))   ? STR("/rerank")
							       : STR("/v1/rerank"));
	return buf_ok(url, "the address of the reranker", err);
}

static enum err_code open_parts(struct tei *tei, const struct rerank_tei_options *options,
				struct err *err)
{
	struct buf url;
	size_t size = strlen(options->model ? options->model : "") + 1;
	tei->model = alloc_zero(tei->alloc, size, 1);
	if (!tei->model)
		return err_set(err, ERR_NOMEM, "out of memory for the reranker");
	if (options->model)
		memcpy(tei->model, options->model, size);
	buf_init(&url, tei->alloc, 16U << 10);
	enum err_code code = make_url(options, &url, err);
	if (!code) {
		const struct post_options post = {
			.url = url.ptr, .bearer = options->key, .connect_ms = options->timeout_ms};
		code = post_client_open(&post, tei->alloc, &tei->client, err);
	}
	if (!code)
		tei->base.name = post_client_host(tei->client);
	buf_release(&url);
	return code;
}

enum err_code rerank_tei_open(const struct rerank_tei_options *options, const struct alloc *alloc,
			      struct reranker **out, struct err *err)
{
	*out = NULL;
	struct tei *tei = alloc_zero(alloc, 1, sizeof(*tei));
	if (!tei)
		return err_set(err, ERR_NOMEM, "out of memory for the reranker");
	tei->base.ops = &tei_ops;
	tei->alloc = alloc;
	tei->clock = options->clock;
	tei->api = options->api;
	tei->timeout_ms = options->timeout_ms;
	atomic_init(&tei->batch, BATCH);
	enum err_code code = open_parts(tei, options, err);
	if (code)
		tei_close(&tei->base);
	else
		*out = &tei->base;
	return code;
}
