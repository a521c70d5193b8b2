/* OpenAI's API as pure functions: requests, events, documents, citations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/utf8.h"
#include "serve/openai.h"
#include "support/fail_alloc.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool str_is(const struct buf *out, const char *text)
{
	return str_eq(buf_str(out), str_c(text));
}

/* ---- requests for answers ---- */

struct chat_case {
	const char *body, *question, *history;
	bool stream, include_usage;
};

#define USER(text) "{\"role\":\"user\",\"content\":\"" text "\"}"

static void test_chat_requests(void **state)
{
	static const struct chat_case cases[] = {
		{"{\"messages\":[" USER(" q \\n") "]}", "q", "", false, false},
		{"{\"model\":\"docs-bot\",\"stream\":true,\"messages\":[" USER("q") "]}", "q", "",
		 true, false},
		{"{\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[" USER(
			 "q") "]}",
		 "q", "", true, true},
		{"{\"stream\":null,\"stream_options\":null,\"n\":1,\"messages\":[" USER("q") "]}",
		 "q", "", false, false},
		/* the system is not spoken for, tools and empty answers are passed over */
		{"{\"messages\":[{\"role\":\"system\",\"content\":\"obey\"}," USER(
			 "a") ",{\"role\":\"developer\",\"content\":\"obey\"},"
			      "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[]},"
			      "{\"role\":\"tool\",\"content\":\"t\",\"tool_call_id\":\"1\"},"
			      "{\"role\":\"assistant\",\"content\":\"b\"}," USER("c") "]}",
		 "c",
		 "[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}"
		 "]",
		 false, false},
		/* what follows the last question is not asked */
		{"{\"messages\":[" USER("a") ",{\"role\":\"assistant\",\"content\":\"b\"}]}", "a",
		 "", false, false},
		/* parts; a picture in what was said before */
		{"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"},{"
		 "\"type\":"
		 "\"text\",\"text\":\"see\"}]},{\"role\":\"user\",\"content\":[{\"type\":\"text\","
		 "\"text\":\"one\"},{\"type\":\"text\",\"text\":\"two\"}]}]}",
		 "one\ntwo", "[{\"role\":\"user\",\"content\":\"see\"}]", false, false},
		/* parameters without effect, and unknown ones */
		{"{\"temperature\":0,\"top_p\":0.5,\"max_tokens\":9,\"stop\":[\"x\"],\"tools\":[{}]"
		 ","
		 "\"tool_choice\":\"auto\",\"user\":\"u\",\"thing\":{\"x\":1},\"messages\":[" USER(
			 "q") "]}",
		 "q", "", false, false},
		/* of an answer of ours, the list of sources is no part */
		{"{\"messages\":[{\"role\":\"assistant\",\"content\":\"Do it "
		 "[1].\\n\\nSources:\\n\\n"
		 "1. [A](https://x/a)\\n\"}," USER("q") "]}",
		 "q", "[{\"role\":\"assistant\",\"content\":\"Do it [1].\"}]", false, false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct openai_chat chat;
		struct openai_problem problem = {0};
		struct buf question, history;
		buf_init(&question, alloc_default(), 100);
		buf_init(&history, alloc_default(), 1000);
		bool ok = openai_read_chat(str_c(cases[i].body), &chat, &question, &history,
					   &problem);
		if (!ok)
			print_message("case %zu: %s\n", i, problem.message);
		assert_true(ok);
		assert_true(str_is(&question, cases[i].question));
		assert_true(str_is(&history, cases[i].history));
		assert_int_equal(chat.stream, cases[i].stream);
		assert_int_equal(chat.include_usage, cases[i].include_usage);
		buf_release(&question);
		buf_release(&history);
	}
}

struct refusal {
	const char *body, *param, *code;
	int status;
};

static void test_chat_refusals(void **state)
{
	static const struct refusal cases[] = {
		{"", "", "invalid_json", 400},
		{"{", "", "invalid_json", 400},
		{"\xff", "", "invalid_json", 400},
		{"[]", "", "invalid_type", 400},
		{"{}", "messages", "missing_required_parameter", 400},
		{"{\"messages\":null}", "messages", "missing_required_parameter", 400},
		{"{\"messages\":{}}", "messages", "invalid_type", 400},
		{"{\"messages\":[]}", "messages", "invalid_value", 400},
		{"{\"messages\":[7]}", "messages[0]", "invalid_type", 400},
		{"{\"messages\":[" USER("q") ",{}]}", "messages[1].role",
		 "missing_required_parameter", 400},
		{"{\"messages\":[{\"role\":7}]}", "messages[0].role", "invalid_type", 400},
		{"{\"messages\":[{\"role\":\"root\"}]}", "messages[0].role", "invalid_value", 400},
		{"{\"messages\":[{\"role\":\"system\",\"content\":\"q\"}]}", "messages",
		 "invalid_value", 400},
		{"{\"messages\":[{\"role\":\"user\",\"content\":7}]}", "messages[0].content",
		 "invalid_type", 400},
		{"{\"messages\":[{\"role\":\"user\"}]}", "messages[0].content", "invalid_value",
		 400},
		{"{\"messages\":[" USER(" \\t") "]}", "messages[0].content", "invalid_value", 400},
		{"{\"messages\":[{\"role\":\"user\",\"content\":[7]}]}", "messages[0].content[0]",
		 "invalid_type", 400},
		{"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}",
		 "messages[0].content[0]", "invalid_type", 400},
		{"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}"
		 ","
		 "{\"type\":\"image_url\"}]}]}",
		 "messages[0].content[1]", "unsupported_content", 400},
		{"{\"stream\":1,\"messages\":[" USER("q") "]}", "stream", "invalid_type", 400},
		{"{\"stream_options\":[],\"messages\":[" USER("q") "]}", "stream_options",
		 "invalid_type", 400},
		{"{\"stream_options\":{\"include_usage\":1},\"messages\":[" USER("q") "]}",
		 "stream_options.include_usage", "invalid_type", 400},
		{"{\"temperature\":\"hot\",\"messages\":[" USER("q") "]}", "temperature",
		 "invalid_type", 400},
		{"{\"tools\":{},\"messages\":[" USER("q") "]}", "tools", "invalid_type", 400},
		{"{\"n\":2,\"messages\":[" USER("q") "]}", "n", "invalid_value", 400},
		{"{\"model\":\"gpt\",\"messages\":[" USER("q") "]}", "model", "model_not_found",
		 404},
		{"{\"messages\":[" USER("123456789") "]}", "messages[0].content",
		 "context_length_exceeded", 400},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct openai_chat chat;
		struct openai_problem problem = {0};
		struct buf question, history;
		buf_init(&question, alloc_default(), 8);
		buf_init(&history, alloc_default(), 1000);
		assert_false(openai_read_chat(str_c(cases[i].body), &chat, &question, &history,
					      &problem));
		assert_string_equal(problem.param, cases[i].param);
		assert_string_equal(problem.code, cases[i].code);
		assert_int_equal(problem.status, cases[i].status);
		assert_true(problem.message[0] != '\0');
		buf_release(&question);
		buf_release(&history);
	}
}

static void test_requests_without_memory(void **state)
{
	static const char body[] = "{\"messages\":[" USER("a") "," USER("b") "]}";
	(void)state;
	bool done = false;
	for (size_t at = 1; !done; at++) {
		struct fail_alloc fail;
		struct openai_chat chat;
		struct openai_problem problem = {0};
		struct buf question, history;
		fail_alloc_init(&fail, at, false);
		buf_init(&question, &fail.alloc, 100);
		buf_init(&history, &fail.alloc, 1000);
		done = openai_read_chat(str_c(body), &chat, &question, &history, &problem);
		assert_int_equal(done, atomic_load(&fail.failures) == 0);
		if (!done)
			assert_int_equal(problem.status, 503);
		buf_release(&question);
		buf_release(&history);
		assert_int_equal(atomic_load(&fail.live), 0);
		assert_true(at < 100);
	}
}

/* ---- requests for embeddings ---- */

static void read_embeddings(const char *body, struct openai_embeddings *out, const char *inputs)
{
	struct openai_problem problem = {0};
	struct buf list;
	buf_init(&list, alloc_default(), 1000);
	assert_true(openai_read_embeddings(str_c(body), "m", 3, out, &list, &problem));
	assert_true(str_is(&list, inputs));
	buf_release(&list);
}

static void test_embedding_requests(void **state)
{
	struct openai_embeddings got;
	(void)state;
	read_embeddings("{\"input\":\"a\"}", &got, "[\"a\"]");
	assert_false(got.base64);
	assert_int_equal(got.count, 1);
	read_embeddings("{\"input\":[\"a\",\" \"],\"model\":\"m\",\"encoding_format\":\"base64\","
			"\"dimensions\":3,\"user\":\"u\",\"x\":1}",
			&got, "[\"a\",\" \"]");
	assert_true(got.base64);
	assert_int_equal(got.count, 2);
	read_embeddings("{\"input\":\"a\",\"encoding_format\":null,\"dimensions\":null}", &got,
			"[\"a\"]");
	assert_false(got.base64);
}

static void test_embedding_refusals(void **state)
{
	static const struct refusal cases[] = {
		{"x", "", "invalid_json", 400},
		{"{}", "input", "missing_required_parameter", 400},
		{"{\"input\":7}", "input", "invalid_type", 400},
		{"{\"input\":\"\"}", "input[0]", "invalid_value", 400},
		{"{\"input\":[]}", "input", "invalid_value", 400},
		{"{\"input\":[\"a\",\"\"]}", "input[1]", "invalid_value", 400},
		{"{\"input\":[1,2]}", "input[0]", "unsupported_content", 400},
		{"{\"input\":[[1,2]]}", "input[0]", "unsupported_content", 400},
		{"{\"input\":[null]}", "input[0]", "invalid_type", 400},
		{"{\"input\":\"a\",\"encoding_format\":\"int8\"}", "encoding_format",
		 "invalid_value", 400},
		{"{\"input\":\"a\",\"encoding_format\":\"\"}", "encoding_format", "invalid_value",
		 400},
		{"{\"input\":\"a\",\"dimensions\":2}", "dimensions", "invalid_value", 400},
		{"{\"input\":\"a\",\"model\":\"docs-bot\"}", "model", "model_not_found", 404},
	};
	struct openai_problem problem;
	struct openai_embeddings got;
	struct buf list;
	(void)state;
	buf_init(&list, alloc_default(), 100000);
	for (size_t i = 0; i < COUNT(cases); i++) {
		memset(&problem, 0, sizeof(problem));
		assert_false(openai_read_embeddings(str_c(cases[i].body), "m", 3, &got, &list,
						    &problem));
		assert_string_equal(problem.param, cases[i].param);
		assert_string_equal(problem.code, cases[i].code);
		assert_int_equal(problem.status, cases[i].status);
	}
	/* as many as may be, and one more */
	for (size_t count = OPENAI_INPUTS_MAX; count <= OPENAI_INPUTS_MAX + 1; count++) {
		struct buf body;
		buf_init(&body, alloc_default(), 100000);
		buf_append(&body, STR("{\"input\":["));
		for (size_t i = 0; i < count; i++)
			buf_append(&body, i ? STR(",\"a\"") : STR("\"a\""));
		buf_append(&body, STR("]}"));
		buf_clear(&list);
		assert_int_equal(
			openai_read_embeddings(buf_str(&body), "m", 3, &got, &list, &problem),
			count == OPENAI_INPUTS_MAX);
		buf_release(&body);
	}
	buf_release(&list);
}

/* ---- answers ---- */

static struct answer_citation citations[] = {
	{1, {"T [x]", 5}, {"S", 1}, {"https://x/a#1", 13}, {"first", 5}},
	{2, {"U", 1}, {"U", 1}, {"/pages/b (c)", 12}, {"second", 6}},
	{3, {"V", 1}, {"", 0}, {"", 0}, {"", 0}},
};

static const struct openai_reply reply = {
	.id = {"id1", 3}, .created = 7, .base = {"http://h", 8}, .include_usage = false};

static struct answer_result result_of(const char *text)
{
	return (struct answer_result){.text = str_c(text),
				      .citations = citations,
				      .citation_count = COUNT(citations),
				      .prompt_tokens = 10,
				      .completion_tokens = 4};
}

#define LIST                                                                                       \
	"\n\nSources:\n\n1. [T \\[x\\] › S](https://x/a#1)\n2. [U](http://h/pages/b%20%28c%29)\n"

static void test_sources(void **state)
{
	struct answer_result result = result_of("x");
	struct buf out;
	(void)state;
	buf_init(&out, alloc_default(), 1000);
	openai_sources(&reply, &result, &out);
	assert_true(str_is(&out, LIST));
	buf_clear(&out);
	result.citation_count = 0;
	openai_sources(&reply, &result, &out);
	assert_int_equal(out.len, 0);
	buf_release(&out);
	assert_true(str_eq(openai_without_sources(STR("a" LIST)), STR("a")));
	assert_true(str_eq(openai_without_sources(STR("a" LIST "\n ")), STR("a")));
	/* what only looks like it is the user's text */
	assert_true(str_eq(openai_without_sources(STR("a" LIST "more")), STR("a" LIST "more")));
	assert_true(str_eq(openai_without_sources(STR("Sources: none")), STR("Sources: none")));
	assert_true(str_eq(openai_without_sources(STR("")), STR("")));
}

/* The part of `text` between two code points. */
static struct str points(struct str text, size_t from, size_t to)
{
	size_t at[2] = {0, 0}, byte = 0;
	for (size_t n = 0; n <= to; n++) {
		int32_t cp;
		if (n == from)
			at[0] = byte;
		if (n == to)
			at[1] = byte;
		byte += utf8_decode(text, byte, &cp);
	}
	return str_slice(text, at[0], at[1]);
}

static void expect_annotations(const char *text, const char *const *marked, size_t count)
{
	struct answer_result result = result_of(text);
	struct buf whole;
	buf_init(&whole, alloc_default(), 10000);
	buf_append(&whole, result.text);
	openai_sources(&reply, &result, &whole);
	json_t *list = openai_annotations(&reply, &result, buf_str(&whole), result.text.len,
					  alloc_default());
	assert_int_equal(json_array_size(list), count);
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(list, i);
		assert_string_equal(json_get_str(item, "type").ptr, "url_citation");
		item = json_object_get(item, "url_citation");
		struct str part =
			points(buf_str(&whole), (size_t)json_get_int(item, "start_index", 0),
			       (size_t)json_get_int(item, "end_index", 0));
		assert_true(str_eq(part, str_c(marked[i])));
		bool second = strstr(marked[i], "2") != NULL;
		assert_string_equal(json_get_str(item, "title").ptr, second ? "U" : "T [x] › S");
		assert_string_equal(json_get_str(item, "url").ptr,
				    second ? "http://h/pages/b (c)" : "https://x/a#1");
	}
	json_decref(list);
	buf_release(&whole);
}

#define ENTRY_2 "2. [U](http://h/pages/b%20%28c%29)"

static void test_annotations(void **state)
{
	static const char *const one_two[] = {"[1]", "[2]"};
	static const char *const twice[] = {"[1]", "[1]", ENTRY_2};
	static const char *const only_two[] = {"[2]", "1. [T \\[x\\] › S](https://x/a#1)"};
	(void)state;
	expect_annotations("é [1] 中文 [2].", one_two, 2);
	expect_annotations("a [1] b [1][3][4][x][", twice, 3);
	/* no marks: code, links, what no source has the number of */
	expect_annotations("`a[1]` ``b`[1]`` [1](x) [1]: y [01 [1\n```\nc[1]\n```\n[2]", only_two,
			   2);
	/* a backtick that opens nothing hides nothing */
	expect_annotations("it`s [1] and\n\nthat`s [1]", twice, 3);
}

static void test_annotations_are_bounded(void **state)
{
	char text[3 * (OPENAI_ANNOTATIONS_MAX + 5) + 1];
	(void)state;
	for (size_t i = 0; i < OPENAI_ANNOTATIONS_MAX + 5; i++)
		memcpy(text + 3 * i, "[1]", 4);
	struct answer_result result = result_of(text);
	json_t *list =
		openai_annotations(&reply, &result, result.text, result.text.len, alloc_default());
	assert_int_equal(json_array_size(list), OPENAI_ANNOTATIONS_MAX);
	json_decref(list);
}

#define CHUNK(delta, finish, more)                                                                 \
	"data: {\"id\":\"chatcmpl-id1\",\"object\":\"chat.completion.chunk\",\"created\":7,"       \
	"\"model\":\"docs-bot\",\"choices\":[{\"index\":0,\"delta\":" delta                        \
	",\"logprobs\":null,\"finish_reason\":" finish "}]" more "}\n\n"

static void test_events(void **state)
{
	struct openai_reply counted = reply;
	struct answer_result result = result_of("a");
	struct buf out;
	(void)state;
	counted.include_usage = true;
	buf_init(&out, alloc_default(), 10000);
	assert_int_equal(openai_event_text(&reply, STR("\"a\n"), true, &out, NULL), ERR_OK);
	assert_true(str_is(&out,
			   CHUNK("{\"role\":\"assistant\",\"content\":\"\\\"a\\n\"}", "null", "")));
	buf_clear(&out);
	assert_int_equal(openai_event_text(&counted, STR("b"), false, &out, NULL), ERR_OK);
	assert_true(str_is(&out, CHUNK("{\"content\":\"b\"}", "null", ",\"usage\":null")));
	buf_clear(&out);
	result.citation_count = 0;
	assert_int_equal(openai_event_end(&reply, &result, false, &out, NULL), ERR_OK);
	assert_true(str_is(&out, CHUNK("{}", "\"stop\"", "") "data: [DONE]\n\n"));
	buf_clear(&out);
	/* an answer without text still has its role, and counts have an event of their own */
	assert_int_equal(openai_event_end(&counted, &result, true, &out, NULL), ERR_OK);
	assert_true(str_is(
		&out, CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null", ",\"usage\":null")
			      CHUNK("{}", "\"stop\"",
				    ",\"usage\":null") "data: "
						       "{\"id\":\"chatcmpl-id1\",\"object\":\"chat."
						       "completion.chunk\","
						       "\"created\":7,\"model\":\"docs-bot\","
						       "\"choices\":[],\"usage\":{\"prompt_"
						       "tokens\":10,\"completion_tokens\":4,"
						       "\"total_tokens\":14}}\n\n"
						       "data: [DONE]\n\n"));
	buf_clear(&out);
	result = result_of("a [1] [2]");
	assert_int_equal(openai_event_end(&reply, &result, false, &out, NULL), ERR_OK);
	size_t text = str_find(buf_str(&out), STR("{\"content\":\"\\n\\nSources:"), 0);
	size_t notes = str_find(buf_str(&out), STR("{\"annotations\":["), 0);
	assert_true(text != STR_NPOS && notes != STR_NPOS && text < notes);
	buf_clear(&out);
	assert_int_equal(openai_event_error(503, "no index", &out, NULL), ERR_OK);
	assert_true(str_is(&out, "data: {\"error\":{\"message\":\"no index\",\"type\":"
				 "\"server_error\",\"param\":null,\"code\":null}}\n\n"));
	buf_release(&out);
}

static void test_completion(void **state)
{
	struct answer_result result = result_of("a [1]");
	struct buf out;
	json_t *json;
	(void)state;
	buf_init(&out, alloc_default(), 10000);
	assert_int_equal(openai_completion(&reply, &result, &out, NULL), ERR_OK);
	assert_int_equal(json_parse(buf_str(&out), &json, NULL), ERR_OK);
	assert_string_equal(json_get_str(json, "id").ptr, "chatcmpl-id1");
	assert_string_equal(json_get_str(json, "object").ptr, "chat.completion");
	assert_string_equal(json_get_str(json, "model").ptr, OPENAI_MODEL);
	assert_int_equal(json_get_int(json_object_get(json, "usage"), "total_tokens", 0), 14);
	const json_t *choice = json_array_get(json_object_get(json, "choices"), 0);
	assert_string_equal(json_get_str(choice, "finish_reason").ptr, "stop");
	const json_t *message = json_object_get(choice, "message");
	assert_string_equal(json_get_str(message, "role").ptr, "assistant");
	assert_string_equal(json_get_str(message, "content").ptr, "a [1]" LIST);
	assert_int_equal(json_array_size(json_object_get(message, "annotations")), 2);
	json_decref(json);
	buf_release(&out);
}

static void test_writers_without_room(void **state)
{
	struct answer_result result = result_of("a [1]");
	(void)state;
	for (size_t max = 0; max < 200; max += 40) {
		struct buf out;
		struct err err = {ERR_OK, ""};
		buf_init(&out, alloc_default(), max);
		assert_int_equal(openai_completion(&reply, &result, &out, &err), ERR_LIMIT);
		buf_clear(&out);
		assert_int_equal(openai_event_end(&reply, &result, false, &out, &err), ERR_LIMIT);
		buf_release(&out);
	}
}

/* ---- errors and models ---- */

static void test_errors(void **state)
{
	static const struct {
		int status;
		const char *type;
	} cases[] = {{400, "invalid_request_error"}, {401, "authentication_error"},
		     {403, "permission_error"},      {404, "invalid_request_error"},
		     {429, "rate_limit_error"},      {500, "server_error"},
		     {503, "server_error"}};
	struct buf out;
	(void)state;
	buf_init(&out, alloc_default(), 1000);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char expected[300];
		snprintf(expected, sizeof(expected),
			 "{\"error\":{\"message\":\"m\",\"type\":\"%s\",\"param\":\"p\",\"code\":"
			 "null}}",
			 cases[i].type);
		buf_clear(&out);
		assert_int_equal(openai_error(cases[i].status, "m", "p", NULL, &out, NULL), ERR_OK);
		assert_true(str_is(&out, expected));
	}
	/* cut within a character */
	buf_clear(&out);
	assert_int_equal(openai_error(400, "caf\xc3", NULL, "c", &out, NULL), ERR_OK);
	assert_true(str_is(&out, "{\"error\":{\"message\":\"caf\",\"type\":"
				 "\"invalid_request_error\",\"param\":null,\"code\":\"c\"}}"));
	buf_release(&out);
}

static void test_models(void **state)
{
	struct buf out;
	(void)state;
	buf_init(&out, alloc_default(), 1000);
	assert_int_equal(openai_models("m", 7, &out, NULL), ERR_OK);
	assert_true(str_is(&out,
			   "{\"object\":\"list\",\"data\":[{\"id\":\"docs-bot\",\"object\":"
			   "\"model\",\"created\":7,\"owned_by\":\"docs-bot\"},{\"id\":\"m\","
			   "\"object\":\"model\",\"created\":7,\"owned_by\":\"docs-bot\"}]}"));
	buf_clear(&out);
	assert_int_equal(openai_model(STR("m"), "m", 7, &out, NULL), ERR_OK);
	assert_true(str_is(&out, "{\"id\":\"m\",\"object\":\"model\",\"created\":7,\"owned_by\":"
				 "\"docs-bot\"}"));
	buf_clear(&out);
	assert_int_equal(openai_model(STR("m"), NULL, 7, &out, NULL), ERR_NOTFOUND);
	assert_int_equal(openai_model(STR(""), "m", 7, &out, NULL), ERR_NOTFOUND);
	assert_int_equal(openai_model(STR(OPENAI_MODEL), NULL, 7, &out, NULL), ERR_OK);
	buf_release(&out);
}

/* ---- vectors ---- */

static void test_vectors(void **state)
{
	/* 1, 2 and 3 values: every remainder of base64. The strings are Python's, of struct.pack("<f…"). */
	static const float values[] = {1.0f, -2.5f, 0.1f};
	static const char *const encoded[] = {"AACAPw==", "AACAPwAAIMA=", "AACAPwAAIMDNzMw9"};
	struct buf out;
	char expected[300];
	(void)state;
	buf_init(&out, alloc_default(), 1000);
	for (size_t n = 1; n <= 3; n++) {
		buf_clear(&out);
		assert_int_equal(openai_vectors("m", values, 1, n, true, 5, &out, NULL), ERR_OK);
		snprintf(expected, sizeof(expected),
			 "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
			 "\"embedding\":\"%s\"}],\"model\":\"m\",\"usage\":{\"prompt_tokens\":5,"
			 "\"total_tokens\":5}}",
			 encoded[n - 1]);
		assert_true(str_is(&out, expected));
	}
	buf_clear(&out);
	assert_int_equal(openai_vectors("m", values, 3, 1, false, 5, &out, NULL), ERR_OK);
	assert_true(str_is(&out,
			   "{\"object\":\"list\",\"data\":["
			   "{\"object\":\"embedding\",\"index\":0,\"embedding\":[1]},"
			   "{\"object\":\"embedding\",\"index\":1,\"embedding\":[-2.5]},"
			   "{\"object\":\"embedding\",\"index\":2,\"embedding\":[0.100000001]}],"
			   "\"model\":\"m\",\"usage\":{\"prompt_tokens\":5,\"total_tokens\":5}}"));
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chat_requests),
		cmocka_unit_test(test_chat_refusals),
		cmocka_unit_test(test_requests_without_memory),
		cmocka_unit_test(test_embedding_requests),
		cmocka_unit_test(test_embedding_refusals),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_annotations),
		cmocka_unit_test(test_annotations_are_bounded),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_completion),
		cmocka_unit_test(test_writers_without_room),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_models),
		cmocka_unit_test(test_vectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
