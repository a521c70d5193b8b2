/*
 * The reranker on a server, against one on loopback that keeps to the published contracts: requests
 * are checked member by member, answers are best first, limits and faults are those of the servers.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "rerank/tei/tei.h"
#include "support/fail_alloc.h"
#include "support/http_stub.h"

#define ANSWER_MAX (8U << 20)

/* A server of text-embeddings-inference or vLLM. A text's score is 1 / (1 + its length). */
struct server {
	struct http_stub stub;
	enum rerank_api api;
	const char *path, *key;
	size_t max_batch;   /* TEI's --max-client-batch-size */
	const char *broken; /* what went wrong with a request, for the test to show */
	size_t largest;     /* batch that was scored */
	/* Instead of scoring: */
	int status;
	const char *body;
	enum stub_end fault; /* not STUB_KEEP: breaks off after half of the answer, or hangs */
};

struct fixture {
	struct server server;
	struct reranker *r;
	char url[128];
};

static const char *check_request(const struct server *s, const struct stub_request *request,
				 const json_t *root)
{
	bool tei = s->api == RERANK_API_TEI;
	char key[128];
	snprintf(key, sizeof(key), "Authorization: Bearer %s\r\n", s->key ? s->key : "");
	struct str lines = request->headers;
	if (!str_eq(request->method, STR("POST")) || !str_eq(request->path, str_c(s->path)))
		return "another method or path";
	if (str_find_nocase(lines, STR("content-type: application/json"), 0) == STR_NPOS)
		return "no content type";
	if (str_find_nocase(lines, STR("expect:"), 0) != STR_NPOS)
		return "waits for 100";
	if (s->key ? str_find(lines, str_c(key), 0) == STR_NPOS
		   : str_find_nocase(lines, STR("authorization"), 0) != STR_NPOS)
		return "another key";
	const json_t *texts = json_object_get(root, tei ? "texts" : "documents");
	if (!json_is_string(json_object_get(root, "query")) || !json_array_size(texts) ||
	    json_object_size(root) != 4)
		return "query or texts are missing, or there is more";
	for (size_t i = 0; i < json_array_size(texts); i++)
		if (!json_is_string(json_array_get(texts, i)))
			return "a text is no string";
	if (tei && (!json_is_false(json_object_get(root, "raw_scores")) ||
		    !json_is_true(json_object_get(root, "truncate"))))
		return "raw_scores or truncate";
	if (!tei && (!str_eq(json_get_str(root, "model"), STR("some/reranker")) ||
		     json_get_int(root, "truncate_prompt_tokens", 0) != -1))
		return "model or truncate_prompt_tokens";
	return NULL;
}

/* Ranks as the servers send them: best first, with members that nobody asked for. */
static struct buf make_ranks(const struct server *s, const json_t *texts)
{
	struct buf out;
	bool tei = s->api == RERANK_API_TEI, *listed = calloc(json_array_size(texts), 1);
	buf_init(&out, alloc_default(), ANSWER_MAX);
	buf_append(&out, tei ? STR("[") : STR("{\"id\":\"rerank-1\",\"results\":["));
	for (size_t n = 0; n < json_array_size(texts); n++) {
		size_t best = SIZE_MAX;
		for (size_t i = 0; i < json_array_size(texts); i++)
			if (!listed[i] && (best == SIZE_MAX ||
					   json_string_length(json_array_get(texts, i)) <
						   json_string_length(json_array_get(texts, best))))
				best = i;
		listed[best] = true;
		double score = 1 / (1 + (double)json_string_length(json_array_get(texts, best)));
		buf_printf(&out,
			   tei ? "%s{\"index\":%zu,\"score\":%.9g}"
			       : "%s{\"index\":%zu,\"document\":{\"text\":\"\"},"
				 "\"relevance_score\":%.9g}",
			   n ? "," : "", best, score);
	}
	buf_append(&out, tei ? STR("]") : STR("],\"usage\":{\"total_tokens\":9}}"));
	free(listed);
	return out;
}

static enum stub_end answer_scores(struct server *s, const json_t *root, struct buf *answer)
{
	char text[160];
	const json_t *texts =
		json_object_get(root, s->api == RERANK_API_TEI ? "texts" : "documents");
	size_t count = json_array_size(texts);
	if (s->max_batch && count > s->max_batch) {
		snprintf(text, sizeof(text),
			 "{\"error\":\"batch size %zu > maximum allowed batch size %zu\","
			 "\"error_type\":\"Validation\"}",
			 count, s->max_batch);
		http_stub_json(answer, 413, str_c(text));
		return STUB_KEEP;
	}
	if (count > s->largest)
		s->largest = count;
	struct buf ranks = make_ranks(s, texts);
	http_stub_json(answer, 200, buf_str(&ranks));
	buf_release(&ranks);
	return STUB_KEEP;
}

static enum stub_end handle(void *ctx, const struct stub_request *request, struct buf *answer)
{
	struct server *s = ctx;
	json_t *root = NULL;
	enum stub_end end = s->fault;
	if (json_parse(request->body, &root, NULL))
		s->broken = "no JSON";
	else if (!s->broken)
		s->broken = check_request(s, request, root);
	if (s->broken)
		http_stub_json(answer, 422, STR("{\"error\":\"broken request\"}"));
	else if (s->status)
		http_stub_json(answer, s->status, str_c(s->body));
	else
		end = answer_scores(s, root, answer);
	if (s->fault == STUB_CLOSE && answer->len > 30)
		answer->len -= 30;
	else if (s->fault == STUB_HANG)
		buf_clear(answer);
	if (s->fault != STUB_KEEP)
		end = s->fault;
	json_decref(root);
	return end;
}

static void open_client(struct fixture *f, const char *url, unsigned timeout_ms)
{
	struct err err = {0};
	const struct rerank_tei_options options = {.api = f->server.api,
						   .url = url,
						   .key = f->server.key,
						   .model = "some/reranker",
						   .timeout_ms = timeout_ms,
						   .clock = clock_system()};
	rerank_close(f->r);
	if (rerank_tei_open(&options, alloc_default(), &f->r, &err))
		fail_msg("%s", err.message);
}

static void start(struct fixture *f, enum rerank_api api)
{
	f->server.api = api;
	f->server.path = api == RERANK_API_TEI ? "/rerank" : "/v1/rerank";
	f->server.max_batch = api == RERANK_API_TEI ? 32 : 0;
	snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d", f->server.stub.port);
	open_client(f, f->url, 20000);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	*state = f;
	setenv("no_proxy", "*", 1);
	f->server.stub.handle = handle;
	f->server.stub.ctx = &f->server;
	http_stub_start(&f->server.stub);
	start(f, RERANK_API_TEI);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	rerank_close(f->r); /* closes the connection, so that the server's thread ends */
	http_stub_stop(&f->server.stub);
	free(f);
	return 0;
}

#define TEXTS 77

static void check_scores(struct fixture *f, size_t count)
{
	static char letters[] =
		"wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"
		"wwwwwwwwwwwwwwwwwwwwwwwwwwwwww";
	struct str texts[TEXTS];
	float scores[TEXTS];
	struct err err = {0};
	assert_true(count <= TEXTS);
	for (size_t i = 0; i < count; i++)
		texts[i] = (struct str){letters, i * 31 % 80}; /* in no order, all different */
	enum err_code code = rerank_score(f->r, STR("a \"query\"\nü"), texts, count, scores, &err);
	if (code || f->server.broken)
		fail_msg("%s; %s", err.message, f->server.broken ? f->server.broken : "");
	for (size_t i = 0; i < count; i++)
		assert_true(fabs((double)scores[i] - 1 / (1 + (double)texts[i].len)) < 1e-6);
}

static void test_tei(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(f->r->name, f->url + strlen("http://"));
	check_scores(f, 1);
	check_scores(f, 20);
	assert_int_equal(f->server.stub.requests, 2);
	assert_int_equal(f->server.stub.connections, 1); /* kept */
}

static void test_many_texts_in_batches(void **state)
{
	struct fixture *f = *state;
	check_scores(f, TEXTS);
	assert_int_equal(f->server.largest, 32);
	assert_int_equal(f->server.stub.requests, 3); /* 32 + 32 of the port's 64, and 13 */
}

/* What the server takes is learnt once. */
static void test_smaller_batches_on_413(void **state)
{
	struct fixture *f = *state;
	f->server.max_batch = 5;
	check_scores(f, 20);
	assert_int_equal(f->server.largest, 5);
	size_t first = f->server.stub.requests;
	assert_int_equal(first, 2 + 4); /* 20 and 10 in vain, then fives */
	check_scores(f, 20);
	assert_int_equal(f->server.stub.requests - first, 4);
}

enum { THREADS = 4, CALLS = 5 };

static void *score_often(void *ctx)
{
	struct reranker *r = ctx;
	struct str texts[] = {STR("three"), STR(""), STR("nine and ninety")};
	float scores[3];
	for (size_t i = 0; i < CALLS; i++)
		if (rerank_score(r, STR("q"), texts, 3, scores, NULL) || scores[1] != 1 ||
		    fabs((double)scores[2] - 1.0 / 16) > 1e-6)
			return NULL;
	return r;
}

/* Requests of several threads run at once, over as many connections as that needs. */
static void test_threads(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[THREADS];
	void *result;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, score_often, f->r), 0);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		assert_ptr_equal(result, f->r);
	}
	assert_null(f->server.broken);
	assert_int_equal(f->server.stub.requests, THREADS * CALLS);
	assert_true(f->server.stub.connections <= THREADS);
}

static void test_vllm(void **state)
{
	struct fixture *f = *state;
	char url[160];
	start(f, RERANK_API_VLLM);
	check_scores(f, 40);
	snprintf(url, sizeof(url), "%s/v1/", f->url);
	open_client(f, url, 20000);
	check_scores(f, 3);
	snprintf(url, sizeof(url), "%s/v1/rerank", f->url);
	open_client(f, url, 20000);
	check_scores(f, 3);
}

static void test_key_and_path(void **state)
{
	struct fixture *f = *state;
	char url[160];
	f->server.key = "s3cret";
	f->server.path = "/models/ranker/rerank";
	snprintf(url, sizeof(url), "%s/models/ranker/", f->url);
	open_client(f, url, 20000);
	check_scores(f, 2);
}

/* Bodies of many large texts stay below the server's limit. */
static void test_large_texts_are_split(void **state)
{
	struct fixture *f = *state;
	enum { COUNT = 32 };
	struct str texts[COUNT];
	float scores[COUNT];
	struct buf big;
	struct err err = {0};
	buf_init(&big, alloc_default(), 1U << 20);
	/* Control characters take six bytes each in JSON: 32 such texts are 3 MB. */
	while (big.len < RERANK_TEXT_BYTES)
		buf_append_byte(&big, '\x01');
	for (size_t i = 0; i < COUNT; i++)
		texts[i] = buf_str(&big);
	if (rerank_score(f->r, STR("q"), texts, COUNT, scores, &err))
		fail_msg("%s", err.message);
	assert_null(f->server.broken);
	assert_int_equal(f->server.stub.requests, 2);
	assert_true(fabs((double)scores[31] - 1 / (1 + (double)RERANK_TEXT_BYTES)) < 1e-9);
	buf_release(&big);
}

/* Under the lock, for a client that gave up does not know what the server's thread still does. */
static void set_fault(struct fixture *f, enum stub_end fault)
{
	pthread_mutex_lock(&f->server.stub.lock);
	f->server.fault = fault;
	pthread_mutex_unlock(&f->server.stub.lock);
}

static const char *broken(struct fixture *f)
{
	pthread_mutex_lock(&f->server.stub.lock);
	const char *what = f->server.broken;
	pthread_mutex_unlock(&f->server.stub.lock);
	return what;
}

static void expect_failure(struct fixture *f, enum err_code code, const char *part)
{
	struct err err = {0};
	struct str texts[] = {STR("one"), STR("three")};
	float scores[2];
	enum err_code got = rerank_score(f->r, STR("q"), texts, 2, scores, &err);
	if (got != code || !strstr(err.message, part))
		fail_msg("got %s \"%s\", expected %s with \"%s\"", err_label(got), err.message,
			 err_label(code), part);
	assert_null(broken(f));
	assert_non_null(strstr(err.message, "127.0.0.1"));
}

static void test_statuses(void **state)
{
	struct fixture *f = *state;
	static const struct {
		int status;
		const char *body;
		enum err_code code;
		const char *part;
	} cases[] = {
		{422, "{\"error\":\"Tokenization error\",\"error_type\":\"Tokenizer\"}",
		 ERR_INVALID, "Tokenization error"},
		{424, "{\"error\":\"Inference failed\",\"error_type\":\"Backend\"}",
		 ERR_UNAVAILABLE, "Inference failed"},
		{429, "{\"error\":\"Model is overloaded\",\"error_type\":\"Overloaded\"}", ERR_BUSY,
		 "overloaded"},
		{503, "{\"error\":\"unhealthy\",\"error_type\":\"Unhealthy\"}", ERR_UNAVAILABLE,
		 "503"},
		{500, "<html>oops", ERR_UNAVAILABLE, "500"},
		{400, "{\"error\":{\"message\":\"no such model\",\"code\":400}}", ERR_INVALID,
		 "no such model"},
		{404, "{\"object\":\"error\",\"message\":\"nothing here\"}", ERR_INVALID,
		 "nothing here"},
		{401, "", ERR_INVALID, "rerank_key"},
		{307, "", ERR_INVALID, "sends elsewhere"},
		{413, "{\"error\":\"even one is too much\"}", ERR_LIMIT, "even one"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->server.status = cases[i].status;
		f->server.body = cases[i].body;
		expect_failure(f, cases[i].code, cases[i].part);
	}
}

static void test_answers_that_are_none(void **state)
{
	struct fixture *f = *state;
	static const char *const bodies[] = {
		"",
		"[",
		"null",
		"{}",
		"[]",
		"[{\"index\":0,\"score\":0.5}]",
		"[{\"index\":0,\"score\":0.5},{\"index\":0,\"score\":0.5}]",
		"[{\"index\":0,\"score\":0.5},{\"index\":2,\"score\":0.5}]",
		"[{\"index\":0,\"score\":0.5},{\"index\":-1,\"score\":0.5}]",
		"[{\"index\":0,\"score\":0.5},{\"index\":1.0,\"score\":0.5}]",
		"[{\"index\":0,\"score\":0.5},{\"index\":1,\"score\":\"0.5\"}]",
		"[{\"index\":0,\"score\":0.5},{\"index\":1,\"score\":1e300}]",
		"[{\"index\":0,\"score\":0.5},{\"index\":1,\"score\":NaN}]",
		"[{\"index\":0,\"score\":0.5},[]]",
		"[{\"index\":0,\"score\":1},{\"index\":1,\"score\":2},{\"index\":2,\"score\":3}]",
	};
	f->server.status = 200;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		f->server.body = bodies[i];
		expect_failure(f, ERR_FORMAT, "answer");
	}
	f->server.body = "[{\"index\":1,\"score\":-3},{\"index\":0,\"score\":0}]";
	struct str texts[] = {STR("one"), STR("three")};
	float scores[2];
	assert_int_equal(rerank_score(f->r, STR("q"), texts, 2, scores, NULL), ERR_OK);
	assert_true(scores[0] == 0 && scores[1] == -3);
}

static void test_answer_without_end(void **state)
{
	struct fixture *f = *state;
	struct buf big;
	buf_init(&big, alloc_default(), ANSWER_MAX);
	while (big.len < (5U << 20))
		buf_append(&big, STR("[[[[[[[[[[[[[[[["));
	f->server.status = 200;
	f->server.body = big.ptr;
	expect_failure(f, ERR_LIMIT, "answer");
	f->server.status = 0;
	check_scores(f, 2); /* and the next question goes well */
	buf_release(&big);
}

static void test_broken_connections(void **state)
{
	struct fixture *f = *state;
	char url[128];
	set_fault(f, STUB_CLOSE);
	expect_failure(f, ERR_UNAVAILABLE, "breaks off");
	set_fault(f, STUB_HANG);
	open_client(f, f->url, 200);
	expect_failure(f, ERR_UNAVAILABLE, "no answer within");
	set_fault(f, STUB_KEEP);
	open_client(f, f->url, 20000);
	check_scores(f, 2);
	/* A port that was free a moment ago, on which nobody listens. */
	struct http_stub gone = {.handle = handle, .ctx = &f->server};
	http_stub_start(&gone);
	http_stub_stop(&gone);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", gone.port);
	open_client(f, url, 20000);
	expect_failure(f, ERR_UNAVAILABLE, "127.0.0.1");
}

static void test_addresses(void **state)
{
	static const char *const bad[] = {"",           "localhost:8080",       "ftp://host/",
					  "http://",    "http://user:pw@host/", "http://:80/",
					  "file:///etc"};
	struct rerank_tei_options options = {.timeout_ms = 1000, .clock = clock_system()};
	struct reranker *r = NULL;
	struct err err = {0};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		options.url = bad[i];
		if (rerank_tei_open(&options, alloc_default(), &r, &err) != ERR_INVALID)
			fail_msg("'%s' is taken", bad[i]);
		assert_null(strstr(err.message, "pw"));
	}
	options.url = "https://host";
	options.key = "two\r\nlines";
	assert_int_equal(rerank_tei_open(&options, alloc_default(), &r, &err), ERR_INVALID);
	assert_null(strstr(err.message, "lines"));
	options.key = NULL;
	for (size_t at = 1;; at++) {
		struct fail_alloc fail;
		fail_alloc_init(&fail, at, false);
		enum err_code code = rerank_tei_open(&options, &fail.alloc, &r, &err);
		rerank_close(r);
		assert_int_equal(fail.live, 0);
		if (!fail.failures)
			break;
		assert_int_equal(code, ERR_NOMEM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tei, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_texts_in_batches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_smaller_batches_on_413, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vllm, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_and_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_texts_are_split, setup, teardown),
		cmocka_unit_test_setup_teardown(test_statuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers_that_are_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answer_without_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_connections, setup, teardown),
		cmocka_unit_test(test_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
