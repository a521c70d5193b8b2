/* A2A as pure functions, and the table of tasks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "serve/a2a.h"
#include "serve/a2a_tasks.h"
#include "support/fail_alloc.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void expect_text(struct buf *out, const char *text)
{
	assert_string_equal(out->ptr ? out->ptr : "", text);
	assert_int_equal(out->len, strlen(text));
	buf_clear(out);
}

/* ---- requests ---- */

struct reading {
	struct a2a_request request;
	struct a2a_problem problem;
	struct buf rpc_id, question;
	bool ok;
};

static void reading_start(struct reading *r, const char *body, const char *header)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->rpc_id, alloc_default(), A2A_RPC_ID_MAX);
	buf_init(&r->question, alloc_default(), 64);
	r->ok = a2a_read(str_c(body), str_c(header), &r->request, &r->rpc_id, &r->question,
			 &r->problem);
}

static void reading_end(struct reading *r)
{
	buf_release(&r->rpc_id);
	buf_release(&r->question);
}

#define CALL(method, params)                                                                       \
	"{\"jsonrpc\":\"2.0\",\"id\":\"r\",\"method\":\"" method "\",\"params\":" params "}"
#define MESSAGE03(more)                                                                            \
	"{\"message\":{\"messageId\":\"m\",\"role\":\"user\",\"parts\":[{\"kind\":\"text\","       \
	"\"text\":\" what? \"}]" more "}}"
#define MESSAGE10(more)                                                                            \
	"{\"message\":{\"messageId\":\"m\",\"role\":\"ROLE_USER\",\"parts\":[{\"text\":\"what?\"}" \
	"]"                                                                                        \
	"}" more "}"

struct request_case {
	const char *body, *header;
	struct a2a_request request;
	const char *rpc_id, *question;
};

static void test_requests(void **state)
{
	static const struct request_case cases[] = {
		{CALL("message/send", MESSAGE03("")),
		 "",
		 {A2A_V03, A2A_SEND, "", "", false},
		 "\"r\"",
		 "what?"},
		{CALL("message/stream", MESSAGE03(",\"contextId\":\"c-1\",\"taskId\":null")),
		 "0.3.0",
		 {A2A_V03, A2A_STREAM, "", "c-1", false},
		 "\"r\"",
		 "what?"},
		{CALL("message/send", MESSAGE03(",\"taskId\":\"t\",\"kind\":\"message\"")),
		 "0.3",
		 {A2A_V03, A2A_SEND, "t", "", false},
		 "\"r\"",
		 "what?"},
		{CALL("SendMessage", MESSAGE10("")),
		 "",
		 {A2A_V10, A2A_SEND, "", "", false},
		 "\"r\"",
		 "what?"},
		{CALL("SendMessage", MESSAGE10(",\"configuration\":{\"returnImmediately\":true}")),
		 " 1.0 ",
		 {A2A_V10, A2A_SEND, "", "", true},
		 "\"r\"",
		 "what?"},
		{CALL("SendStreamingMessage", MESSAGE10("")),
		 "1.0.1",
		 {A2A_V10, A2A_STREAM, "", "", false},
		 "\"r\"",
		 "what?"},
		{"{\"jsonrpc\":\"2.0\",\"id\":-7,\"method\":\"tasks/get\",\"params\":{\"id\":\"t\"}"
		 "}",
		 "",
		 {A2A_V03, A2A_GET, "t", "", false},
		 "-7",
		 ""},
		{CALL("CancelTask", "{\"id\":\"t\"}"),
		 "1.0",
		 {A2A_V10, A2A_CANCEL, "t", "", false},
		 "\"r\"",
		 ""},
		{CALL("tasks/resubscribe", "{\"id\":\"t\"}"),
		 "",
		 {A2A_V03, A2A_SUBSCRIBE, "t", "", false},
		 "\"r\"",
		 ""},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reading r;
		reading_start(&r, cases[i].body, cases[i].header);
		assert_true(r.ok);
		assert_int_equal(r.request.version, cases[i].request.version);
		assert_int_equal(r.request.method, cases[i].request.method);
		assert_string_equal(r.request.task, cases[i].request.task);
		assert_string_equal(r.request.context, cases[i].request.context);
		assert_int_equal(r.request.at_once, cases[i].request.at_once);
		expect_text(&r.rpc_id, cases[i].rpc_id);
		expect_text(&r.question, cases[i].question);
		reading_end(&r);
	}
}

static void test_blocking_of_0_3(void **state)
{
	struct reading r;
	reading_start(&r,
		      "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"message/send\",\"params\":{"
		      "\"configuration\":{\"blocking\":false},\"message\":{\"messageId\":\"m\","
		      "\"role\":\"user\",\"parts\":[{\"kind\":\"text\",\"text\":\"a\"},"
		      "{\"text\":\"b\"}]}}}",
		      "");
	assert_true(r.ok && r.request.at_once);
	expect_text(&r.question, "a\nb");
	reading_end(&r);
}

#define PARTS(parts) "{\"message\":{\"messageId\":\"m\",\"role\":\"user\",\"parts\":" parts "}}"

struct refusal_case {
	const char *body, *header;
	int code;
	const char *rpc_id;
};

static void test_refusals(void **state)
{
	static const struct refusal_case cases[] = {
		{"", "", A2A_PARSE_ERROR, "null"},
		{"{\"a\":1,\"a\":2}", "", A2A_PARSE_ERROR, "null"},
		{"5", "", A2A_INVALID_REQUEST, "null"},
		{"[]", "", A2A_INVALID_REQUEST, "null"},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"tasks/get\"}", "", A2A_INVALID_REQUEST, "null"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"tasks/get\"}", "",
		 A2A_INVALID_REQUEST, "null"},
		{"{\"jsonrpc\":\"2\",\"id\":1,\"method\":\"tasks/get\"}", "", A2A_INVALID_REQUEST,
		 "1"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}", "", A2A_INVALID_REQUEST, "1"},
		{CALL("SendMessage", "{}"), "2.0", A2A_VERSION, "\"r\""},
		{CALL("SendMessage", "{}"), "1.00", A2A_VERSION, "\"r\""},
		{CALL("SendMessage", "{}"), "0.3", A2A_METHOD_NOT_FOUND, "\"r\""},
		{CALL("message/send", "{}"), "1.0", A2A_METHOD_NOT_FOUND, "\"r\""},
		{CALL("sendMessage", "{}"), "", A2A_METHOD_NOT_FOUND, "\"r\""},
		{CALL("ListTasks", "{}"), "", A2A_UNSUPPORTED, "\"r\""},
		{CALL("GetExtendedAgentCard", "{}"), "1.0", A2A_UNSUPPORTED, "\"r\""},
		{CALL("DeleteTaskPushNotificationConfig", "{}"), "1.0", A2A_NO_PUSH, "\"r\""},
		{CALL("tasks/pushNotificationConfig/list", "{}"), "", A2A_NO_PUSH, "\"r\""},
		{CALL("agent/getAuthenticatedExtendedCard", "{}"), "", A2A_NO_EXTENDED_CARD,
		 "\"r\""},
		{CALL("tasks/get", "[]"), "", A2A_INVALID_PARAMS, "\"r\""},
		{CALL("tasks/get", "{\"id\":\"\"}"), "", A2A_INVALID_PARAMS, "\"r\""},
		{CALL("tasks/get", "{\"id\":\"a b\"}"), "", A2A_INVALID_PARAMS, "\"r\""},
		{CALL("message/send", "{}"), "", A2A_INVALID_PARAMS, "\"r\""},
		{CALL("message/send", MESSAGE10("")), "", A2A_INVALID_PARAMS, "\"r\""},
		{CALL("message/send", PARTS("[]")), "", A2A_INVALID_PARAMS, "\"r\""},
		{CALL("message/send", PARTS("[{\"text\":\" \"}]")), "", A2A_INVALID_PARAMS,
		 "\"r\""},
		{CALL("message/send", PARTS("[{\"kind\":\"file\",\"file\":{}}]")), "",
		 A2A_CONTENT_TYPE, "\"r\""},
		{CALL("message/send", PARTS("[{\"text\":\"a\"},{\"data\":{}}]")), "",
		 A2A_CONTENT_TYPE, "\"r\""},
		/* longer than the buffer of the question */
		{CALL("message/send",
		      PARTS("[{\"text\":\"0123456789012345678901234567890123456789\"},"
			    "{\"text\":\"0123456789012345678901234567890123456789\"}]")),
		 "", A2A_INVALID_PARAMS, "\"r\""},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reading r;
		reading_start(&r, cases[i].body, cases[i].header);
		assert_false(r.ok);
		assert_int_equal(r.problem.code, cases[i].code);
		assert_true(r.problem.message[0]);
		expect_text(&r.rpc_id, cases[i].rpc_id);
		assert_int_equal(r.question.len, 0);
		reading_end(&r);
	}
}

/* ---- what is said ---- */

static struct a2a_reply reply(enum a2a_version version, bool event)
{
	return (struct a2a_reply){.version = version,
				  .rpc_id = STR("\"r\""),
				  .task = STR("t"),
				  .context = STR("c"),
				  .now_ms = 1234,
				  .event = event};
}

#define HEAD   "{\"jsonrpc\":\"2.0\",\"id\":\"r\",\"result\":"
#define TIME   "\"timestamp\":\"1970-01-01T00:00:01.234Z\""
#define EVENT  "data: " HEAD
#define IDS    "\"taskId\":\"t\",\"contextId\":\"c\","
#define STATUS "\"kind\":\"status-update\"," IDS

static void test_status_updates(void **state)
{
	const struct a2a_reply v03 = reply(A2A_V03, true), v10 = reply(A2A_V10, true);
	struct buf out;
	buf_init(&out, alloc_default(), 4096);
	assert_int_equal(a2a_write_status(&v03, A2A_WORKING, STR("a\nb"), A2A_TEXT_PIECE, STR("m"),
					  &out, NULL),
			 ERR_OK);
	expect_text(&out, EVENT
		    "{" STATUS "\"status\":{\"state\":\"working\",\"message\":{"
		    "\"kind\":\"message\",\"messageId\":\"m\"," IDS "\"role\":\"agent\","
		    "\"parts\":[{\"kind\":\"text\",\"text\":\"a\\nb\"}],"
		    "\"metadata\":{\"kagent_adk_partial\":true}}," TIME "},\"final\":false}}\n\n");
	assert_int_equal(a2a_write_status(&v10, A2A_WORKING, STR("ab"), A2A_TEXT_WHOLE, STR("m"),
					  &out, NULL),
			 ERR_OK);
	expect_text(&out, EVENT "{\"statusUpdate\":{" IDS
				"\"status\":{\"state\":\"TASK_STATE_WORKING\",\"message\":{"
				"\"messageId\":\"m\"," IDS "\"role\":\"ROLE_AGENT\","
				"\"parts\":[{\"text\":\"ab\",\"mediaType\":\"text/markdown\"}],"
				"\"metadata\":{\"kagent_adk_partial\":false}}," TIME "}}}}\n\n");
	assert_int_equal(
		a2a_write_status(&v03, A2A_COMPLETED, STR(""), A2A_TEXT_NOTE, STR(""), &out, NULL),
		ERR_OK);
	expect_text(&out, EVENT "{" STATUS "\"status\":{\"state\":\"completed\"," TIME
				"},\"final\":true}}\n\n");
	assert_int_equal(
		a2a_write_status(&v10, A2A_FAILED, STR("no"), A2A_TEXT_NOTE, STR("m"), &out, NULL),
		ERR_OK);
	expect_text(&out, EVENT "{\"statusUpdate\":{" IDS
				"\"status\":{\"state\":\"TASK_STATE_FAILED\",\"message\":{"
				"\"messageId\":\"m\"," IDS "\"role\":\"ROLE_AGENT\","
				"\"parts\":[{\"text\":\"no\"}]}," TIME "}}}}\n\n");
	buf_release(&out);
}

#define ARTIFACT(part)                                                                             \
	"{\"artifactId\":\"answer\",\"name\":\"answer\",\"parts\":[" part                          \
	"],\"metadata\":{\"citations\":[{\"index\":1}]}}"

static void test_tasks_and_artifacts(void **state)
{
	const struct a2a_reply v03 = reply(A2A_V03, false), v10 = reply(A2A_V10, false);
	const struct a2a_task_view done = {A2A_COMPLETED, STR("ab"), STR("[{\"index\":1}]")};
	const struct a2a_task_view bad = {A2A_FAILED, STR("why"), STR("")};
	struct buf out;
	buf_init(&out, alloc_default(), 4096);
	assert_int_equal(a2a_write_task(&v03, &done, true, &out, NULL), ERR_OK);
	expect_text(&out,
		    HEAD "{\"kind\":\"task\",\"id\":\"t\",\"contextId\":\"c\",\"status\":{"
			 "\"state\":\"completed\"," TIME
			 "},\"artifacts\":[" ARTIFACT("{\"kind\":\"text\",\"text\":\"ab\"}") "]}}");
	assert_int_equal(a2a_write_task(&v10, &done, false, &out, NULL), ERR_OK);
	expect_text(&out, HEAD "{\"id\":\"t\",\"contextId\":\"c\",\"status\":{\"state\":"
			       "\"TASK_STATE_COMPLETED\"," TIME "},\"artifacts\":[" ARTIFACT(
				       "{\"text\":\"ab\",\"mediaType\":\"text/markdown\"}") "]}}");
	assert_int_equal(a2a_write_task(&v10, &bad, true, &out, NULL), ERR_OK);
	expect_text(&out,
		    HEAD "{\"task\":{\"id\":\"t\",\"contextId\":\"c\",\"status\":{\"state\":"
			 "\"TASK_STATE_FAILED\",\"message\":{\"messageId\":\"t\"," IDS
			 "\"role\":\"ROLE_AGENT\",\"parts\":[{\"text\":\"why\"}]}," TIME "}}}}");
	assert_int_equal(a2a_write_artifact(&v03, &done, &out, NULL), ERR_OK);
	expect_text(&out, HEAD "{\"kind\":\"artifact-update\"," IDS "\"artifact\":" ARTIFACT(
				  "{\"kind\":\"text\",\"text\":\"ab\"}") ",\"append\":false,"
									 "\"lastChunk\":true}}");
	buf_release(&out);
}

static void test_errors(void **state)
{
	const struct a2a_problem problem = {A2A_UNSUPPORTED, "no"};
	struct a2a_reply answer = reply(A2A_V03, false);
	struct buf out;
	buf_init(&out, alloc_default(), 4096);
	assert_int_equal(a2a_write_error(&answer, &problem, &out, NULL), ERR_OK);
	expect_text(&out, "{\"jsonrpc\":\"2.0\",\"id\":\"r\",\"error\":{\"code\":-32004,"
			  "\"message\":\"no\"}}");
	answer = reply(A2A_V10, false);
	answer.rpc_id = STR("");
	assert_int_equal(a2a_write_error(&answer, &problem, &out, NULL), ERR_OK);
	expect_text(&out, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32004,"
			  "\"message\":\"no\",\"data\":[{\"@type\":\"type.googleapis.com/"
			  "google.rpc.ErrorInfo\",\"reason\":\"UNSUPPORTED_OPERATION\",\"domain\":"
			  "\"a2a-protocol.org\"}]}}");
	buf_release(&out);
}

static void test_card(void **state)
{
	struct buf out;
	json_t *card = NULL;
	buf_init(&out, alloc_default(), 4096);
	assert_int_equal(
		a2a_write_card(STR("Pr\"oject"), STR("https://h:1"), STR("/a2a/n/a"), &out, NULL),
		ERR_OK);
	assert_int_equal(json_parse(buf_str(&out), &card, NULL), ERR_OK);
	assert_string_equal(json_get_str(card, "name").ptr, "Pr\"oject documentation");
	assert_string_equal(json_get_str(card, "url").ptr, "https://h:1/a2a/n/a");
	assert_string_equal(json_get_str(card, "protocolVersion").ptr, "0.3.0");
	const json_t *first = json_array_get(json_object_get(card, "supportedInterfaces"), 0);
	assert_string_equal(json_get_str(first, "protocolVersion").ptr, "1.0");
	assert_string_equal(json_get_str(first, "url").ptr, "https://h:1/a2a/n/a");
	json_decref(card);
	buf_release(&out);
}

static void test_writers_without_room(void **state)
{
	const struct a2a_reply answer = reply(A2A_V10, true);
	const struct a2a_task_view task = {A2A_COMPLETED, STR("ab"), STR("[]")};
	struct buf out;
	for (size_t max = 5; max < 60; max += 5) {
		buf_init(&out, alloc_default(), max);
		assert_true(buf_append(&out, STR("kept")));
		assert_int_equal(a2a_write_task(&answer, &task, true, &out, NULL), ERR_LIMIT);
		assert_int_equal(a2a_write_status(&answer, A2A_FAILED, STR("x"), A2A_TEXT_NOTE,
						  STR("m"), &out, NULL),
				 ERR_LIMIT);
		expect_text(&out, "kept");
		buf_release(&out);
	}
}

/* ---- the table ---- */

struct table {
	struct a2a_tasks *tasks;
	atomic_bool cancelled[8];
	struct buf text, citations;
	struct a2a_task task;
};

static void table_open(struct table *t, size_t count, size_t bytes)
{
	const struct a2a_limits limits = {.count = count, .bytes = bytes, .lifetime_ms = 6400};
	memset(t, 0, sizeof(*t));
	assert_int_equal(a2a_tasks_new(alloc_default(), &limits, &t->tasks, NULL), ERR_OK);
	buf_init(&t->text, alloc_default(), 100);
	buf_init(&t->citations, alloc_default(), 100);
}

static void table_close(struct table *t)
{
	a2a_tasks_free(t->tasks);
	buf_release(&t->text);
	buf_release(&t->citations);
}

static enum err_code look(struct table *t, const char *id, int64_t now)
{
	buf_clear(&t->text);
	buf_clear(&t->citations);
	return a2a_tasks_get(t->tasks, id, now, &t->task, &t->text, &t->citations, NULL);
}

static enum a2a_state end(struct table *t, const char *id, const char *text, int64_t now)
{
	const struct a2a_task_view view = {A2A_COMPLETED, str_c(text), STR("[]")};
	enum a2a_state state = a2a_tasks_end(t->tasks, id, &view, now);
	a2a_tasks_gone(t->tasks, id, now);
	return state;
}

static enum err_code add(struct table *t, const char *id, size_t flag, int64_t now)
{
	return a2a_tasks_add(t->tasks, id, "c", &t->cancelled[flag], now, NULL);
}

static void test_life_of_a_task(void **state)
{
	struct table t;
	table_open(&t, 4, 100);
	assert_int_equal(look(&t, "a", 0), ERR_NOTFOUND);
	assert_int_equal(add(&t, "a", 0, 1), ERR_OK);
	assert_int_equal(look(&t, "a", 2), ERR_OK);
	assert_int_equal(t.task.state, A2A_SUBMITTED);
	a2a_tasks_work(t.tasks, "a", 3);
	assert_int_equal(look(&t, "a", 4), ERR_OK);
	assert_int_equal(t.task.state, A2A_WORKING);
	assert_int_equal(t.task.changed_ms, 3);
	assert_string_equal(t.task.context, "c");
	assert_int_equal(end(&t, "a", "text", 5), A2A_COMPLETED);
	a2a_tasks_work(t.tasks, "a", 6);
	assert_int_equal(look(&t, "a", 6), ERR_OK);
	assert_int_equal(t.task.state, A2A_COMPLETED);
	expect_text(&t.text, "text");
	expect_text(&t.citations, "[]");
	/* a lifetime after its end it is forgotten, at that moment */
	assert_int_equal(look(&t, "a", 5 + 6399), ERR_OK);
	assert_int_equal(look(&t, "a", 5 + 6400), ERR_NOTFOUND);
	table_close(&t);
}

static void test_cancel(void **state)
{
	struct table t;
	struct err err;
	table_open(&t, 4, 100);
	assert_int_equal(a2a_tasks_cancel(t.tasks, "a", 0, &err), ERR_NOTFOUND);
	assert_int_equal(add(&t, "a", 0, 0), ERR_OK);
	assert_int_equal(add(&t, "b", 1, 0), ERR_OK);
	assert_int_equal(a2a_tasks_cancel(t.tasks, "a", 1, &err), ERR_OK);
	assert_true(atomic_load(&t.cancelled[0]));
	assert_false(atomic_load(&t.cancelled[1]));
	assert_int_equal(a2a_tasks_cancel(t.tasks, "a", 2, &err), ERR_INVALID);
	/* an answer that was made meanwhile does not count */
	assert_int_equal(end(&t, "a", "text", 3), A2A_CANCELED);
	assert_int_equal(look(&t, "a", 3), ERR_OK);
	assert_int_equal(t.task.state, A2A_CANCELED);
	assert_int_equal(t.text.len, 0);
	assert_int_equal(end(&t, "b", "text", 3), A2A_COMPLETED);
	assert_int_equal(a2a_tasks_cancel(t.tasks, "b", 4, &err), ERR_INVALID);
	assert_false(atomic_load(&t.cancelled[1]));
	table_close(&t);
}

static void test_gone_without_an_end(void **state)
{
	struct table t;
	table_open(&t, 4, 100);
	assert_int_equal(add(&t, "a", 0, 0), ERR_OK);
	assert_int_equal(add(&t, "b", 1, 0), ERR_OK);
	a2a_tasks_gone(t.tasks, "a", 1);
	a2a_tasks_gone(t.tasks, "unknown", 1);
	assert_int_equal(look(&t, "a", 1), ERR_OK);
	assert_int_equal(t.task.state, A2A_FAILED);
	a2a_tasks_remove(t.tasks, "b");
	assert_int_equal(look(&t, "b", 1), ERR_NOTFOUND);
	assert_int_equal(add(&t, "c", 2, 1), ERR_OK);
	a2a_tasks_cancel_all(t.tasks, 2);
	/* the flag of one that is gone is not touched: its owner may have freed it */
	assert_false(atomic_load(&t.cancelled[0]));
	assert_true(atomic_load(&t.cancelled[2]));
	assert_int_equal(look(&t, "c", 2), ERR_OK);
	assert_int_equal(t.task.state, A2A_CANCELED);
	table_close(&t);
}

static void test_the_table_is_bounded(void **state)
{
	struct table t;
	table_open(&t, 3, 20);
	assert_int_equal(add(&t, "a", 0, 0), ERR_OK);
	assert_int_equal(add(&t, "b", 1, 0), ERR_OK);
	assert_int_equal(add(&t, "c", 2, 0), ERR_OK);
	assert_int_equal(add(&t, "d", 3, 0), ERR_FULL); /* all run */
	assert_int_equal(end(&t, "b", "12345678", 1), A2A_COMPLETED);
	assert_int_equal(add(&t, "d", 3, 1), ERR_OK); /* takes the place of the one that ended */
	assert_int_equal(look(&t, "b", 1), ERR_NOTFOUND);
	assert_int_equal(look(&t, "a", 1), ERR_OK);
	/* 10 bytes each: the third pushes the first out */
	assert_int_equal(end(&t, "c", "12345678", 2), A2A_COMPLETED);
	assert_int_equal(end(&t, "a", "12345678", 2), A2A_COMPLETED);
	assert_int_equal(end(&t, "d", "12345678", 3), A2A_COMPLETED);
	assert_int_equal(look(&t, "a", 3), ERR_NOTFOUND);
	assert_int_equal(look(&t, "c", 3), ERR_OK);
	assert_int_equal(look(&t, "d", 3), ERR_OK);
	/* one that can never fit leaves the others alone, and is known by its state */
	assert_int_equal(add(&t, "e", 4, 4), ERR_OK);
	assert_int_equal(end(&t, "e", "1234567890123456789012345", 4), A2A_COMPLETED);
	assert_int_equal(look(&t, "e", 4), ERR_OK);
	assert_int_equal(t.task.state, A2A_COMPLETED);
	assert_int_equal(t.text.len, 0);
	assert_int_equal(look(&t, "d", 4), ERR_OK);
	expect_text(&t.text, "12345678");
	table_close(&t);
}

static void test_table_without_memory(void **state)
{
	const struct a2a_limits limits = {.count = 2, .bytes = 100, .lifetime_ms = 1000};
	const struct a2a_task_view view = {A2A_COMPLETED, STR("text"), STR("")};
	for (size_t at = 1; at <= 4; at++) {
		struct fail_alloc fail;
		struct a2a_tasks *tasks = NULL;
		struct a2a_task task = {0};
		atomic_bool flag = false;
		struct buf text;
		fail_alloc_init(&fail, at, false);
		buf_init(&text, alloc_default(), 100);
		enum err_code code = a2a_tasks_new(&fail.alloc, &limits, &tasks, NULL);
		assert_int_equal(code, at <= 2 ? ERR_NOMEM : ERR_OK);
		if (!code) {
			code = a2a_tasks_add(tasks, "a", "c", &flag, 0, NULL);
			assert_int_equal(code, at == 3 ? ERR_NOMEM : ERR_OK);
		}
		if (!code) { /* the state is known, the text is not */
			assert_int_equal(a2a_tasks_end(tasks, "a", &view, 1), A2A_COMPLETED);
			assert_int_equal(a2a_tasks_get(tasks, "a", 1, &task, &text, &text, NULL),
					 ERR_OK);
			assert_int_equal(task.state, A2A_COMPLETED);
			assert_int_equal(text.len, 0);
		}
		a2a_tasks_free(tasks);
		buf_release(&text);
		assert_int_equal(fail.failures, 1);
		assert_int_equal(fail.live, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_blocking_of_0_3),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_status_updates),
		cmocka_unit_test(test_tasks_and_artifacts),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_card),
		cmocka_unit_test(test_writers_without_room),
		cmocka_unit_test(test_life_of_a_task),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_gone_without_an_end),
		cmocka_unit_test(test_the_table_is_bounded),
		cmocka_unit_test(test_table_without_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
