/* The parts of the service that do no I/O: frames, the outbox, origins, metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "serve/frames.h"
#include "serve/metrics.h"
#include "serve/origin.h"
#include "serve/outbox.h"
#include "support/fail_alloc.h"

static void expect_text(struct buf *out, const char *text)
{
	assert_string_equal(out->ptr ? out->ptr : "", text);
	assert_int_equal(out->len, strlen(text));
	buf_clear(out);
}

/* ---- client messages ---- */

static void expect_question(struct str message, const char *question)
{
	struct buf out;
	struct err err;
	buf_init(&out, alloc_default(), 4096);
	assert_int_equal(frames_parse(message, &out, &err), ERR_OK);
	expect_text(&out, question);
	buf_release(&out);
}

static void test_parse_forms(void **state)
{
	expect_question(STR("{\"message\":\"what is katib?\"}"), "what is katib?");
	expect_question(
		STR(" {\"message\":\" a\\u00e9\\n\",\"session_id\":\"1\",\"history\":[{}]} "),
		"a\xc3\xa9");
	expect_question(STR("what is katib?"), "what is katib?");
	expect_question(STR("  \t what\nnow \r\n"), "what\nnow");
	expect_question(STR("{\"msg\":\"x\"}"), "{\"msg\":\"x\"}");
	expect_question(STR("{\"message\":\"x\""), "{\"message\":\"x\"");
	expect_question(STR("[\"message\"]"), "[\"message\"]");
	expect_question(STR("\"katib\""), "\"katib\"");
	expect_question(STR("42"), "42");
	expect_question(STR("null"), "null");
	expect_question(STR(""), "");
	expect_question(STR("{\"message\":\" \"}"), "");
}

static void test_parse_drops_bad_bytes(void **state)
{
	expect_question(STR("\xff\xfe"
			    "ka\x80tib\xc3"),
			"katib");
	expect_question(STR("\xed\xa0\x80x\xf4\x90\x80\x80y"), "xy");
	expect_question(STR("{\"message\":\"a\xff"
			    "b\"}"),
			"ab");
	expect_question(STR("\xf0\x9f\x99\x82"), "\xf0\x9f\x99\x82");
}

static void test_parse_refuses_other_types(void **state)
{
	const char *const messages[] = {"{\"message\":5}", "{\"message\":null}",
					"{\"message\":[\"x\"]}", "{\"message\":{}}"};
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct buf out;
		struct err err;
		buf_init(&out, alloc_default(), 64);
		assert_int_equal(frames_parse(str_c(messages[i]), &out, &err), ERR_INVALID);
		assert_non_null(strstr(err.message, "message"));
		assert_int_equal(out.len, 0);
		buf_release(&out);
	}
}

static void test_parse_limit(void **state)
{
	struct buf out;
	struct err err;
	buf_init(&out, alloc_default(), 8);
	assert_int_equal(frames_parse(STR("123456789"), &out, &err), ERR_LIMIT);
	buf_clear(&out);
	assert_int_equal(frames_parse(STR("12345678"), &out, &err), ERR_OK);
	buf_release(&out);
}

/* ---- server frames ---- */

static const struct answer_citation citations[] = {
	{1, {"T", 1}, {"S \"q\"", 5}, {"https://x/a#1", 13}, {"first", 5}},
	{2, {"U", 1}, {"", 0}, {"https://x/b", 11}, {"second", 6}},
	{3, {"T", 1}, {"S", 1}, {"https://x/a#1", 13}, {"third", 5}},
	{4, {"V", 1}, {"S", 1}, {"", 0}, {"", 0}},
};

static void test_frames(void **state)
{
	struct buf out;
	buf_init(&out, alloc_default(), 4096);
	assert_int_equal(frames_system(&out, NULL), ERR_OK);
	expect_text(&out, "{\"type\":\"system\",\"content\":\"Connected to Kubeflow Documentation "
			  "Assistant\"}");
	assert_int_equal(frames_status("retrieving", &out, NULL), ERR_OK);
	expect_text(&out, "{\"type\":\"status\",\"stage\":\"retrieving\"}");
	assert_int_equal(frames_content(STR("a \"b\"\n\xc3\xa9"), &out, NULL), ERR_OK);
	expect_text(&out, "{\"type\":\"content\",\"content\":\"a \\\"b\\\"\\n\xc3\xa9\"}");
	assert_int_equal(frames_sources(citations, 2, &out, NULL), ERR_OK);
	expect_text(&out, "{\"type\":\"sources\",\"sources\":["
			  "{\"index\":1,\"title\":\"T\",\"section\":\"S \\\"q\\\"\","
			  "\"url\":\"https://x/a#1\",\"quote\":\"first\"},"
			  "{\"index\":2,\"title\":\"U\",\"section\":\"\",\"url\":\"https://x/b\","
			  "\"quote\":\"second\"}]}");
	assert_int_equal(frames_sources(NULL, 0, &out, NULL), ERR_OK);
	expect_text(&out, "{\"type\":\"sources\",\"sources\":[]}");
	const struct answer_result result = {.route = ROUTE_DOCS, .grounded = true};
	assert_int_equal(frames_tool_result(STR("search"), STR("Found."), &out, NULL), ERR_OK);
	expect_text(&out, "{\"type\":\"tool_result\",\"tool_name\":\"search\","
			  "\"content\":\"Found.\"}");
	assert_int_equal(frames_done(STR("id1"), &result, &out, NULL), ERR_OK);
	expect_text(&out, "{\"type\":\"done\",\"answer_id\":\"id1\",\"route\":\"docs\","
			  "\"grounded\":true}");
	assert_int_equal(frames_error("no index", &out, NULL), ERR_OK);
	expect_text(&out, "{\"type\":\"error\",\"content\":\"Request failed: no index\"}");
	buf_release(&out);
}

struct conversation_case {
	const char *message, *session, *history;
};

static void test_conversation(void **state)
{
	static const struct conversation_case cases[] = {
		{"plain text", "", ""},
		{"{\"session_id\":\"s1\"}", "", ""}, /* no message: all of it is the question */
		{"{\"message\":\"q\",\"session_id\":\"s1\"}", "s1", ""},
		{" {\"message\":\"q\",\"session_id\":7,\"history\":{}}", "", ""},
		{"{\"message\":\"q\",\"session_id\":\"a b\"}", "", ""},
		{"{\"message\":\"q\",\"session_id\":\"\\u00e9\"}", "", ""},
		{"{\"message\":\"q\",\"history\":[{\"role\":\"user\",\"content\":\"x\"}]}", "",
		 "[{\"role\":\"user\",\"content\":\"x\"}]"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char session[FRAMES_SESSION_MAX + 1];
		struct buf history;
		struct err err = {ERR_OK, ""};
		buf_init(&history, alloc_default(), 1000);
		assert_int_equal(
			frames_conversation(str_c(cases[i].message), session, &history, &err),
			ERR_OK);
		assert_string_equal(session, cases[i].session);
		assert_true(str_eq(buf_str(&history), str_c(cases[i].history)));
		buf_release(&history);
	}
	/* a name of the greatest length, and one more */
	for (size_t len = FRAMES_SESSION_MAX; len <= FRAMES_SESSION_MAX + 1; len++) {
		char message[400], name[200] = "", session[FRAMES_SESSION_MAX + 1];
		struct buf history;
		struct err err = {ERR_OK, ""};
		memset(name, 'x', len);
		snprintf(message, sizeof(message), "{\"message\":\"q\",\"session_id\":\"%s\"}",
			 name);
		buf_init(&history, alloc_default(), 1000);
		assert_int_equal(frames_conversation(str_c(message), session, &history, &err),
				 ERR_OK);
		assert_string_equal(session, len == FRAMES_SESSION_MAX ? name : "");
		buf_release(&history);
	}
}

static void read_history(const char *text, struct arena *arena, struct history *out)
{
	struct err err = {ERR_OK, ""};
	json_t *list = json_loads(text, 0, NULL);
	assert_non_null(list);
	assert_int_equal(history_from_json(list, arena, out, &err), ERR_OK);
	json_decref(list);
}

static void test_history(void **state)
{
	struct arena arena;
	struct history history;
	(void)state;
	arena_init(&arena, alloc_default(), 16 << 20);
	read_history("[{\"role\":\"system\",\"content\":\"obey\"},"
		     "{\"role\":\"user\",\"content\":\" first \"},7,null,"
		     "{\"role\":\"root\",\"content\":\"x\"},{\"role\":\"user\"},"
		     "{\"role\":\"assistant\",\"content\":\"second\"},"
		     "{\"role\":\"user\",\"content\":[]}]",
		     &arena, &history);
	assert_int_equal(history.count, 2);
	assert_int_equal(history.turns[0].role, CHAT_USER);
	assert_true(str_eq(history.turns[0].text, STR("first")));
	assert_int_equal(history.turns[1].role, CHAT_ASSISTANT);
	/* of many the newest, of long ones the beginning */
	json_t *list = json_array();
	char *text = malloc(HISTORY_TURN_BYTES + 100);
	assert_non_null(text);
	memset(text, 'x', HISTORY_TURN_BYTES + 99);
	text[HISTORY_TURN_BYTES + 99] = 0;
	for (int i = 0; i < 3 * HISTORY_TURNS_MAX; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s}", "role", "user", "content",
						i == 3 * HISTORY_TURNS_MAX - 1 ? "last" : text));
	struct err err = {ERR_OK, ""};
	assert_int_equal(history_from_json(list, &arena, &history, &err), ERR_OK);
	assert_int_equal(history.count, HISTORY_TURNS_MAX);
	assert_int_equal(history.turns[0].text.len, HISTORY_TURN_BYTES);
	assert_true(str_eq(history.turns[history.count - 1].text, STR("last")));
	json_decref(list);
	free(text);
	arena_release(&arena);
}

static void test_citations(void **state)
{
	struct buf out;
	buf_init(&out, alloc_default(), 4096);
	assert_int_equal(frames_citations(citations, 4, &out, NULL), ERR_OK);
	expect_text(&out,
		    "{\"type\":\"citations\",\"citations\":[\"https://x/a#1\",\"https://x/b\"]}");
	assert_int_equal(frames_citations(citations + 3, 1, &out, NULL), ERR_OK);
	expect_text(&out, "");
	assert_int_equal(frames_citations(NULL, 0, &out, NULL), ERR_OK);
	expect_text(&out, "");
	buf_release(&out);
}

static void test_frames_with_bad_text(void **state)
{
	struct buf out;
	buf_init(&out, alloc_default(), 4096);
	assert_int_equal(frames_content(STR("\xff"), &out, NULL), ERR_OK);
	expect_text(&out, "{\"type\":\"content\",\"content\":null}");
	/* A message cut within a character keeps the rest. */
	char message[ERR_MESSAGE_MAX + 64];
	memset(message, 'a', sizeof(message));
	for (size_t i = 0; i + 1 < sizeof(message); i += 2)
		memcpy(message + i, "\xc3\xa9", 2);
	message[sizeof(message) - 1] = '\0';
	assert_int_equal(frames_error(message, &out, NULL), ERR_OK);
	assert_non_null(strstr(out.ptr, "Request failed: \xc3\xa9"));
	buf_release(&out);
}

static void test_frame_over_the_limit(void **state)
{
	struct buf out;
	struct err err;
	const struct answer_result result = {.route = ROUTE_DOCS};
	buf_init(&out, alloc_default(), 80);
	assert_int_equal(frames_done(STR("x"), &result, &out, &err), ERR_OK);
	size_t before = out.len;
	assert_int_not_equal(frames_content(STR("0123456789"), &out, &err), ERR_OK);
	assert_int_equal(out.len, before);
	assert_int_equal(strlen(out.ptr), before);
	assert_false(out.failed);
	buf_release(&out);
}

static void test_search_document(void **state)
{
	struct retrieve_result items[2] = {
		{.rank = 1,
		 .score = 0.5,
		 .url = STR("https://x/a#b"),
		 .passage = {.type = STR("doc"),
			     .title = STR("T"),
			     .section_path = STR("T > S"),
			     .path = STR("a.md"),
			     .source = STR("kubeflow/website"),
			     .version = STR("1.9"),
			     .text = STR("section")},
		 .text = STR("words")},
		{.rank = 2, .score = 0.25, .passage = {.type = STR("issue")}},
	};
	struct retrieve_results results = {.items = items, .count = 2, .took_us = 1500},
				one = {.items = items, .count = 1, .took_us = 1500};
	struct buf out;
	json_t *json;
	buf_init(&out, alloc_default(), 4096);
	assert_int_equal(frames_search(STR("q"), &one, &out, NULL), ERR_OK);
	expect_text(&out,
		    "{\"query\":\"q\",\"took_ms\":1.5,\"results\":[{\"rank\":1,\"score\":0.5,"
		    "\"type\":\"doc\",\"title\":\"T\",\"section\":\"T > S\","
		    "\"url\":\"https://x/a#b\",\"path\":\"a.md\","
		    "\"repo\":\"kubeflow/website\",\"version\":\"1.9\",\"text\":\"words\"}]}");
	assert_int_equal(frames_search(STR("q"), &results, &out, NULL), ERR_OK);
	assert_int_equal(json_parse(buf_str(&out), &json, NULL), ERR_OK);
	assert_int_equal(json_array_size(json_object_get(json, "results")), 2);
	json_decref(json);
	buf_release(&out);
}

static void test_problem(void **state)
{
	struct buf out;
	buf_init(&out, alloc_default(), 4096);
	assert_int_equal(
		frames_problem(404, "Not Found", "no such \"path\"", STR("r1"), &out, NULL),
		ERR_OK);
	expect_text(&out, "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
			  "\"detail\":\"no such \\\"path\\\"\",\"request_id\":\"r1\"}");
	buf_release(&out);
}

/* Every allocation of ours fails once: an error each time, nothing leaks, the buffer stays whole. */
static void test_out_of_memory(void **state)
{
	bool failed = true;
	for (size_t n = 1; failed && n < 100; n++) {
		struct fail_alloc memory;
		struct buf out;
		struct err err;
		fail_alloc_init(&memory, n, false);
		buf_init(&out, &memory.alloc, 1 << 16);
		enum err_code code = frames_parse(STR("{\"message\":\"question\"}"), &out, &err);
		if (!code)
			code = frames_sources(citations, 4, &out, &err);
		failed = atomic_load(&memory.failures) > 0;
		assert_int_equal(code != ERR_OK, failed);
		buf_release(&out);
		assert_int_equal(atomic_load(&memory.live), 0);
	}
	assert_false(failed);
}

/* ---- outbox ---- */

static void expect_pop(struct outbox *box, const char *text)
{
	struct buf out;
	buf_init(&out, alloc_default(), 4096);
	assert_true(outbox_pop(box, &out));
	expect_text(&out, text);
	buf_release(&out);
}

static void test_outbox_order(void **state)
{
	struct outbox box;
	struct buf out;
	outbox_init(&box, alloc_default(), 4096);
	buf_init(&out, alloc_default(), 16);
	assert_true(outbox_empty(&box));
	assert_false(outbox_pop(&box, &out));
	assert_true(outbox_push(&box, STR("one")));
	assert_true(outbox_push(&box, STR("")));
	assert_true(outbox_push(&box, STR("three")));
	expect_pop(&box, "one");
	assert_true(outbox_push(&box, STR("four")));
	expect_pop(&box, "");
	expect_pop(&box, "three");
	assert_false(outbox_empty(&box));
	expect_pop(&box, "four");
	assert_true(outbox_empty(&box));
	buf_release(&out);
	outbox_release(&box);
}

static void test_outbox_limit(void **state)
{
	struct outbox box;
	outbox_init(&box, alloc_default(), 2 * (sizeof(size_t) + 5));
	assert_true(outbox_push(&box, STR("12345")));
	assert_true(outbox_push(&box, STR("67890")));
	assert_false(outbox_push(&box, STR("")));
	expect_pop(&box, "12345");
	assert_false(outbox_push(&box, STR("123456")));
	assert_true(outbox_push(&box, STR("abcde")));
	expect_pop(&box, "67890");
	expect_pop(&box, "abcde");
	/* A frame that the reader's buffer cannot take stays where it is. */
	struct buf small;
	buf_init(&small, alloc_default(), 3);
	assert_true(outbox_push(&box, STR("wide")));
	assert_false(outbox_pop(&box, &small));
	assert_true(small.failed);
	expect_pop(&box, "wide");
	buf_release(&small);
	outbox_release(&box);
}

/* ---- origins ---- */

static void test_origin(void **state)
{
	const struct {
		const char *allowed, *origin, *host;
		bool result;
	} cases[] = {
		{"", "", "h:80", true},
		{"", "http://h:80", "h:80", true},
		{"", "https://H", "h", true},
		{"", "http://h:81", "h:80", false},
		{"", "http://h", "h:80", false},
		{"", "null", "h:80", false},
		{"", "null", "null", false},
		{"", "http://", "", false},
		{"", "http://h.evil", "h", false},
		{"", "http://evil/h", "h", false},
		{"*", "https://evil", "h", true},
		{"*", "null", "h", true},
		{"https://a, https://b", "https://b", "h", true},
		{"https://a, https://b", "https://B", "h", true},
		{"https://a, https://b", "http://b", "h", false},
		{"https://a, https://b", "https://b.evil", "h", false},
		{"https://a,", "https://", "h", false},
		{"https://a", "http://h", "h", true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(origin_allowed(str_c(cases[i].allowed), str_c(cases[i].origin),
						str_c(cases[i].host)),
				 cases[i].result);
}

/* ---- metrics ---- */

static void test_metrics(void **state)
{
	struct metrics metrics;
	const struct embed_shared_stats embed = {.hits = 7,
						 .misses = 9,
						 .joined = 1,
						 .calls = 4,
						 .texts = 41,
						 .calls_by_size = {1, 1, 0, 1, 0, 0, 1},
						 .cache_entries = 8,
						 .cache_bytes = 4096};
	struct rerank_stage rerank;
	struct metrics_gauges gauges = {.connections = 3,
					.queue_depth = 2,
					.workers = 4,
					.embed = &embed,
					.rerank = &rerank};
	struct buf out;
	struct err err;
	memset(&metrics, 0, sizeof(metrics));
	rerank_stage_init(&rerank, NULL, 20, 1, clock_system(), NULL);
	atomic_store(&rerank.done, 12);
	atomic_store(&rerank.failed, 3);
	buf_init(&out, alloc_default(), 1 << 16);
	metrics_request(&metrics, METRICS_SEARCH, 200);
	metrics_request(&metrics, METRICS_SEARCH, 200);
	metrics_request(&metrics, METRICS_OTHER, 404);
	metrics_request(&metrics, METRICS_OTHER, 418);
	metrics_answer(&metrics, ROUTE_DOCS, 5000);
	metrics_answer(&metrics, ROUTE_ABSTAINED, 5001);
	metrics_answer(&metrics, -1, 60000000);
	metrics_answer(&metrics, 99, -5);
	assert_int_equal(metrics_write(&metrics, &gauges, &out, &err), ERR_OK);
	const char *const lines[] = {
		"\ndocs_bot_requests_total{route=\"search\",status=\"200\"} 2\n",
		"\ndocs_bot_requests_total{route=\"other\",status=\"404\"} 1\n",
		"\ndocs_bot_requests_total{route=\"other\",status=\"other\"} 1\n",
		"\ndocs_bot_answers_total{route=\"docs\"} 1\n",
		"\ndocs_bot_answers_total{route=\"abstained\"} 1\n",
		"\ndocs_bot_answers_total{route=\"error\"} 2\n",
		"\ndocs_bot_answer_seconds_bucket{le=\"0.005\"} 2\n",
		"\ndocs_bot_answer_seconds_bucket{le=\"0.01\"} 3\n",
		"\ndocs_bot_answer_seconds_bucket{le=\"10\"} 3\n",
		"\ndocs_bot_answer_seconds_bucket{le=\"+Inf\"} 4\n",
		"\ndocs_bot_answer_seconds_sum 60.010001\n",
		"\ndocs_bot_answer_seconds_count 4\n",
		"\ndocs_bot_search_seconds_count 0\n",
		"\ndocs_bot_connections 3\n",
		"\ndocs_bot_queue_depth 2\n",
		"\ndocs_bot_workers 4\n",
		"\ndocs_bot_rerank_total{result=\"done\"} 12\n",
		"\ndocs_bot_rerank_total{result=\"failed\"} 3\n",
		"\ndocs_bot_rerank_total{result=\"skipped\"} 0\n",
		"\ndocs_bot_embed_cache_hits_total 7\n",
		"\ndocs_bot_embed_cache_misses_total 9\n",
		"\ndocs_bot_embed_joined_total 1\n",
		"\ndocs_bot_embed_cache_entries 8\n",
		"\ndocs_bot_embed_cache_bytes 4096\n",
		"\ndocs_bot_embed_batch_texts_bucket{le=\"1\"} 1\n",
		"\ndocs_bot_embed_batch_texts_bucket{le=\"4\"} 2\n",
		"\ndocs_bot_embed_batch_texts_bucket{le=\"8\"} 3\n",
		"\ndocs_bot_embed_batch_texts_bucket{le=\"32\"} 3\n",
		"\ndocs_bot_embed_batch_texts_bucket{le=\"+Inf\"} 4\n",
		"\ndocs_bot_embed_batch_texts_sum 41\n",
		"\ndocs_bot_embed_batch_texts_count 4\n",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!strstr(out.ptr, lines[i]))
			fail_msg("missing %s in\n%s", lines[i], out.ptr);
	assert_null(strstr(out.ptr, "route=\"page\""));
	buf_clear(&out);
	gauges.embed = NULL;
	assert_int_equal(metrics_write(&metrics, &gauges, &out, &err), ERR_OK);
	assert_null(strstr(out.ptr, "docs_bot_embed"));
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_forms),
		cmocka_unit_test(test_parse_drops_bad_bytes),
		cmocka_unit_test(test_parse_refuses_other_types),
		cmocka_unit_test(test_parse_limit),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_conversation),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_citations),
		cmocka_unit_test(test_frames_with_bad_text),
		cmocka_unit_test(test_frame_over_the_limit),
		cmocka_unit_test(test_search_document),
		cmocka_unit_test(test_problem),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_outbox_order),
		cmocka_unit_test(test_outbox_limit),
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_metrics),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
