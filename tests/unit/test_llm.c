/*
 * Parts of talking to language models: the port's checks, addresses, chunks put together, reasoning
 * in the text, lists of models, the circuit breaker.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "llm/openai/address.h"
#include "llm/openai/lenient.h"
#include "llm/openai/models.h"
#include "llm/openai/reply.h"
#include "net/breaker.h"
#include "support/fail_alloc.h"

/* --- the port --- */

static enum err_code never(struct llm *llm, const struct llm_request *request,
			   const struct llm_sink *sink, struct arena *arena,
			   struct llm_reply *reply, struct err *err)
{
	assert_non_null(sink->text);
	assert_true(sink->text(sink->ctx, STR("x")));
	return err_set(err, ERR_UNAVAILABLE, "asked");
}

static void test_port(void **state)
{
	static const struct llm_ops ops = {.chat = never};
	static const struct llm_message user = {.role = LLM_USER, .content = {"hi", 2}};
	static const struct llm_message broken = {.role = LLM_USER, .content = {"\xff", 1}};
	static const struct llm_message nameless = {.role = LLM_TOOL, .content = {"x", 1}};
	static const struct llm_message odd = {.role = (enum llm_role)9, .content = {"x", 1}};
	static const struct llm_tool_call call = {.name = {"x", 1}};
	static const struct llm_message caller = {
		.role = LLM_USER, .calls = &call, .call_count = 1};
	static const struct llm_tool tool = {.name = {"", 0}};
	static const struct {
		struct llm_request request;
		enum err_code code;
	} cases[] = {
		{{.messages = &user, .message_count = 1}, ERR_UNAVAILABLE},
		{{.messages = &user, .message_count = 0}, ERR_INVALID},
		{{.messages = &user, .message_count = 100000}, ERR_INVALID},
		{{.messages = &broken, .message_count = 1}, ERR_INVALID},
		{{.messages = &nameless, .message_count = 1}, ERR_INVALID},
		{{.messages = &odd, .message_count = 1}, ERR_INVALID},
		{{.messages = &caller, .message_count = 1}, ERR_INVALID},
		{{.messages = &user, .message_count = 1, .temperature = 2.1}, ERR_INVALID},
		{{.messages = &user, .message_count = 1, .temperature = NAN}, ERR_INVALID},
		{{.messages = &user, .message_count = 1, .tools = &tool, .tool_count = 1},
		 ERR_INVALID},
	};
	struct llm llm = {.ops = &ops, .model = "m"};
	struct llm_reply reply;
	struct err err;
	struct arena arena;
	arena_init(&arena, alloc_default(), 1 << 20);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (llm_chat(&llm, &cases[i].request, NULL, &arena, &reply, &err) != cases[i].code)
			fail_msg("case %zu: %s", i, err.message);
	llm_close(NULL);
	arena_release(&arena);
}

/* --- addresses --- */

static void test_addresses(void **state)
{
	static const struct {
		const char *given, *chat, *models, *second; /* second: models of another place */
	} cases[] = {
		{"http://h", "http://h/openai/v1/chat/completions", "http://h/openai/v1/models",
		 "http://h/v1/models"},
		{" http://h:8080/ ", "http://h:8080/openai/v1/chat/completions",
		 "http://h:8080/openai/v1/models", "http://h:8080/v1/models"},
		{"https://h/tenant/a", "https://h/tenant/a/openai/v1/chat/completions",
		 "https://h/tenant/a/openai/v1/models", "https://h/tenant/a/v1/models"},
		{"http://h/v1", "http://h/v1/chat/completions", "http://h/v1/models", NULL},
		{"http://h/v1//", "http://h/v1/chat/completions", "http://h/v1/models", NULL},
		{"http://h/openai", "http://h/openai/v1/chat/completions",
		 "http://h/openai/v1/models", NULL},
		{"http://h/openai/v1", "http://h/openai/v1/chat/completions",
		 "http://h/openai/v1/models", NULL},
		{"http://h/api/v3/", "http://h/api/v3/chat/completions", "http://h/api/v3/models",
		 NULL},
		{"http://h/v1beta", "http://h/v1beta/chat/completions", "http://h/v1beta/models",
		 NULL},
		{"http://h/openai/v1/chat/completions", "http://h/openai/v1/chat/completions",
		 "http://h/openai/v1/models", NULL},
		{"https://h/d/x/chat/completions?api-version=1",
		 "https://h/d/x/chat/completions?api-version=1",
		 "https://h/d/x/models?api-version=1", NULL},
		{"http://[::1]:9/v1", "http://[::1]:9/v1/chat/completions",
		 "http://[::1]:9/v1/models", NULL},
		{"http://h/very", "http://h/very/openai/v1/chat/completions",
		 "http://h/very/openai/v1/models", "http://h/very/v1/models"},
	};
	static const char *const refused[] = {
		"",           "h:8080",          "ftp://h",     "http://",
		"http:///v1", "http://u:p@h/v1", "http://h/a b"};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena arena;
		struct llm_address address;
		struct err err;
		arena_init(&arena, alloc_default(), 1 << 20);
		if (llm_address(str_c(cases[i].given), &arena, &address, &err))
			fail_msg("%s: %s", cases[i].given, err.message);
		assert_string_equal(address.places[0].chat, cases[i].chat);
		assert_string_equal(address.places[0].models, cases[i].models);
		assert_int_equal(address.count, cases[i].second ? 2 : 1);
		if (cases[i].second)
			assert_string_equal(address.places[1].models, cases[i].second);
		arena_release(&arena);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct arena arena;
		struct llm_address address;
		arena_init(&arena, alloc_default(), 1 << 20);
		assert_int_equal(llm_address(str_c(refused[i]), &arena, &address, NULL),
				 ERR_INVALID);
		arena_release(&arena);
	}
}

/* --- replies --- */

struct heard {
	struct buf text;
	size_t most;
};

static bool hear(void *ctx, struct str piece)
{
	struct heard *heard = ctx;
	assert_true(piece.len && utf8_valid(piece));
	buf_append(&heard->text, piece);
	return heard->text.len < heard->most;
}

#define DELTA(json) "{\"choices\":[{\"index\":0,\"delta\":" json "}]}"
#define CALL(json)  DELTA("{\"tool_calls\":[" json "]}")

/* Calls as "id name arguments;". */
static void check_calls(const char *const *chunks, const char *expected)
{
	const struct llm_sink sink = {.text = hear};
	struct reply r;
	struct llm_reply reply = {.call_count = 0};
	struct arena arena;
	struct buf out;
	struct err err;
	bool again;
	reply_init(&r, alloc_default(), &sink);
	arena_init(&arena, alloc_default(), 1 << 20);
	buf_init(&out, alloc_default(), 1 << 16);
	for (; *chunks; chunks++)
		if (reply_chunk(&r, str_c(*chunks), &again, &err))
			fail_msg("%s: %s", *chunks, err.message);
	assert_int_equal(reply_store(&r, &arena, &reply, &err), ERR_OK);
	for (size_t i = 0; i < reply.call_count; i++)
		buf_printf(&out, "%.*s %.*s %.*s;", STR_ARG(reply.calls[i].id),
			   STR_ARG(reply.calls[i].name), STR_ARG(reply.calls[i].arguments));
	assert_string_equal(out.len ? out.ptr : "", expected);
	assert_int_equal(reply.finish, reply.call_count ? LLM_TOOL_CALLS : LLM_UNKNOWN);
	buf_release(&out);
	arena_release(&arena);
	reply_release(&r);
}

static void test_fragments(void **state)
{
	/* OpenAI, vLLM: by index */
	check_calls(
		(const char *const[]){
			CALL("{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{"
			     "\"name\":\"f\",\"arguments\":\"\"}}"),
			CALL("{\"index\":0,\"function\":{\"arguments\":\"{\\\"q\\\"\"}}"),
			CALL("{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\"}}"),
			CALL("{\"index\":0,\"function\":{\"arguments\":\":1}\"}}"),
			CALL("{\"index\":1,\"function\":{\"arguments\":\"[\"}}"), NULL},
		"a f {\"q\":1};b g [;");
	/* several in one chunk, without index */
	check_calls((const char *const[]){CALL("{\"id\":\"a\",\"function\":{\"name\":\"f\","
					       "\"arguments\":\"{}\"}},{\"id\":\"b\",\"function\":"
					       "{\"name\":\"f\",\"arguments\":\"{}\"}}"),
					  NULL},
		    "a f {};b f {};");
	/* fragments without index: they go to the last call */
	check_calls((const char *const[]){CALL("{\"id\":\"a\",\"function\":{\"name\":\"f\"}}"),
					  CALL("{\"function\":{\"arguments\":\"{\\\"x\\\"\"}}"),
					  CALL("{\"function\":{\"arguments\":\":2}\"}}"),
					  CALL("{\"id\":\"b\",\"function\":{\"name\":\"g\"}}"),
					  NULL},
		    "a f {\"x\":2};b g {};");
	/* index 0 for every call, told apart by ids */
	check_calls((const char *const[]){CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":"
					       "\"f\",\"arguments\":\"1\"}}"),
					  CALL("{\"index\":0,\"id\":\"b\",\"function\":{\"name\":"
					       "\"g\",\"arguments\":\"2\"}}"),
					  CALL("{\"index\":0,\"function\":{\"arguments\":\"3\"}}"),
					  NULL},
		    "a f 1;b g 23;");
	/* id and name repeated in each fragment */
	check_calls((const char *const[]){CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":"
					       "\"f\",\"arguments\":\"{\"}}"),
					  CALL("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":"
					       "\"f\",\"arguments\":\"}\"}}"),
					  NULL},
		    "a f {};");
	/* no ids, arguments as an object, indexes from 1 with a gap */
	check_calls(
		(const char *const[]){
			CALL("{\"index\":1,\"function\":{\"name\":\"f\",\"arguments\":{"
			     "\"a\":[1]}}}"),
			CALL("{\"index\":5,\"function\":{\"name\":\"g\"}}"), NULL},
		"call_1 f {\"a\":[1]};call_2 g {};");
	/* what is no call at all */
	check_calls((const char *const[]){DELTA("{\"tool_calls\":null}"), DELTA("{}"),
					  "{\"choices\":[]}", "{\"choices\":[7]}",
					  "{\"choices\":null,\"usage\":null}", NULL},
		    "");
}

static void test_too_many_calls(void **state)
{
	static const char *const chunk = CALL("{\"index\":%d,\"function\":{\"name\":\"f%d\"}}");
	const struct llm_sink sink = {.text = hear};
	struct reply r;
	struct err err;
	bool again;
	reply_init(&r, alloc_default(), &sink);
	for (int i = 0; i < 2 * LLM_MAX_TOOL_CALLS; i++) {
		struct buf text;
		buf_init(&text, alloc_default(), 1 << 12);
		size_t at = str_find(str_c(chunk), STR("%d"), 0);
		size_t next = str_find(str_c(chunk), STR("%d"), at + 2);
		buf_printf(&text, "%.*s%d%.*s%d%s", (int)at, chunk, i, (int)(next - at - 2),
			   chunk + at + 2, i, chunk + next + 2);
		assert_int_equal(reply_chunk(&r, buf_str(&text), &again, &err), ERR_OK);
		buf_release(&text);
	}
	assert_int_equal(r.call_count, LLM_MAX_TOOL_CALLS);
	assert_string_equal(r.calls[LLM_MAX_TOOL_CALLS - 1].name.ptr, "f7");
	reply_release(&r);
}

/* The text in pieces of every length gives "reasoning|text". */
static void check_think(const char *given, const char *expected)
{
	struct str all = str_c(given);
	for (size_t step = 1; step <= all.len; step++) {
		struct heard heard = {.most = SIZE_MAX};
		const struct llm_sink sink = {.ctx = &heard, .text = hear};
		struct reply r;
		struct err err;
		bool again;
		reply_init(&r, alloc_default(), &sink);
		buf_init(&heard.text, alloc_default(), 1 << 16);
		for (size_t at = 0; at < all.len; at += step) {
			struct buf chunk;
			buf_init(&chunk, alloc_default(), 1 << 16);
			buf_printf(&chunk, DELTA("{\"content\":\"%.*s\"}"),
				   STR_ARG(str_slice(all, at, at + step)));
			assert_int_equal(reply_chunk(&r, buf_str(&chunk), &again, &err), ERR_OK);
			buf_release(&chunk);
		}
		assert_int_equal(reply_end(&r, &err), ERR_OK);
		assert_true(str_eq(buf_str(&r.text), buf_str(&heard.text)));
		buf_clear(&heard.text);
		buf_printf(&heard.text, "%.*s|%.*s", STR_ARG(buf_str(&r.reasoning)),
			   STR_ARG(buf_str(&r.text)));
		assert_string_equal(heard.text.ptr, expected);
		buf_release(&heard.text);
		reply_release(&r);
	}
}

static void test_think(void **state)
{
	check_think("<think>a</think>b", "a|b");
	check_think("  <think>a < b </thin </think>  b <think>c</think>",
		    "a < b </thin |b <think>c</think>");
	check_think("<think></think>", "|");
	check_think("<think>never closed </thin", "never closed </thin|");
	check_think("<thinking>a", "|<thinking>a");
	check_think("<thin", "|<thin");
	check_think("   ", "|   ");
	check_think("a <think>b</think>", "|a <think>b</think>");
	check_think("<think><</think>></think>", "<|></think>");
	check_think("<think><</</think>a", "<</|a");
}

static void test_chunks(void **state)
{
	static const struct {
		const char *chunk;
		enum err_code code;
		bool again;
	} cases[] = {
		{"{\"error\":{\"message\":\"m\",\"code\":503}}", ERR_UNAVAILABLE, true},
		{"{\"error\":{\"message\":\"m\",\"code\":400}}", ERR_INVALID, false},
		{"{\"error\":\"plain\"}", ERR_UNAVAILABLE, true},
		{"{\"object\":\"error\",\"message\":\"m\",\"code\":404}", ERR_UNAVAILABLE, false},
		{"{\"error\":null,\"choices\":[]}", ERR_OK, false},
		{"[]", ERR_FORMAT, false},
		{"{}", ERR_FORMAT, false},
		{"{\"choices\":[{\"delta\":{\"content\":\"x", ERR_FORMAT, false},
		{"", ERR_FORMAT, false},
		{"{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"}}]}", ERR_OK, false},
		{"{\"choices\":[{\"delta\":{\"content\":\"nul\\u0000\"}}]}", ERR_OK, false},
		{"{\"choices\":[{\"delta\":{\"content\":[{\"type\":\"text\",\"text\":\"p\"}]}}]}",
		 ERR_OK, false},
		{"{\"choices\":[{\"delta\":{\"content\":\"stop\"}}]}", ERR_CANCELLED, false},
		{" [DONE] ", ERR_OK, false},
		{"rubbish behind it", ERR_OK, false},
	};
	struct heard heard = {.most = 8};
	const struct llm_sink sink = {.ctx = &heard, .text = hear};
	struct reply r;
	struct err err;
	buf_init(&heard.text, alloc_default(), 1 << 16);
	reply_init(&r, alloc_default(), &sink);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool again = true;
		enum err_code code = reply_chunk(&r, str_c(cases[i].chunk), &again, &err);
		if (code != cases[i].code || (code && again != cases[i].again))
			fail_msg("%s: %s %s", cases[i].chunk, err_label(code), err.message);
	}
	assert_true(str_eq(buf_str(&r.text), STR("nul\0pstop")));
	assert_true(r.done);
	reply_release(&r);
	buf_release(&heard.text);
}

static void test_lenient(void **state)
{
	static const struct {
		const char *given, *expected;
	} cases[] = {
		{"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"},
		{"\"\\ud83d\"", "\xef\xbf\xbd"},
		{"\"\\ude00\\ud83d x\"", "\xef\xbf\xbd\xef\xbf\xbd x"},
		{"\"\\\\ud83d \xff\"", "\\ud83d \xef\xbf\xbd"},
		{"\"\\ud83d\\n\"", "\xef\xbf\xbd\n"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *list = NULL;
		struct err err;
		char text[64];
		snprintf(text, sizeof(text), "[%s]", cases[i].given);
		if (lenient_parse(str_c(text), alloc_default(), &list, &err))
			fail_msg("%s: %s", text, err.message);
		assert_string_equal(json_string_value(json_array_get(list, 0)), cases[i].expected);
		json_decref(list);
	}
}

/* --- models --- */

static void test_models(void **state)
{
	static const char list[] =
		"{\"data\":[{\"id\":\"a\",\"max_model_len\":4096},{\"id\":\"b\",\"owned_by\":"
		"\"llamacpp\",\"meta\":{\"n_ctx_train\":32768}},{\"id\":\"c\",\"max_model_len\":"
		"-1}]}";
	static const struct {
		const char *body, *wanted, *id;
		size_t context;
	} cases[] = {
		{list, "", "a", 4096}, {list, "b", "b", 32768},      {list, "c", "c", 0},
		{list, "d", "d", 0},   {"{\"data\":[]}", "", "", 0},
	};
	struct model_info info;
	struct arena arena;
	arena_init(&arena, alloc_default(), 1 << 20);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(models_read(str_c(cases[i].body), str_c(cases[i].wanted), &arena,
					     &info, NULL),
				 ERR_OK);
		assert_string_equal(info.id.ptr, cases[i].id);
		assert_int_equal(info.context, cases[i].context);
		assert_int_equal(info.llama, cases[i].context == 32768);
	}
	assert_int_equal(models_read(STR("{\"models\":[]}"), STR(""), &arena, &info, NULL),
			 ERR_FORMAT);
	assert_int_equal(models_read(STR("<html>"), STR(""), &arena, &info, NULL), ERR_FORMAT);
	assert_int_equal(models_read_props(STR("{\"default_generation_settings\":{\"n_ctx\":7}}")),
			 7);
	assert_int_equal(models_read_props(STR("[]")), 0);
	arena_release(&arena);
}

/* --- the breaker --- */

static int64_t fake_us(void *ctx)
{
	return *(int64_t *)ctx;
}

static void test_breaker(void **state)
{
	static const struct breaker_policy policy = {
		.threshold = 3, .pause_ms = 100, .max_pause_ms = 300};
	int64_t now = 1000, wait;
	const struct clock clock = {.monotonic_us = fake_us, .wall_ms = fake_us, .ctx = &now};
	struct breaker b;
	assert_int_equal(breaker_init(&b, &policy, &clock, NULL), ERR_OK);
	/* A success in between: not in a row. */
	for (int i = 0; i < 10; i++) {
		assert_int_equal(breaker_enter(&b, &wait), BREAKER_CALL);
		if (i % 3 == 2)
			breaker_succeeded(&b);
		else
			breaker_failed(&b, BREAKER_CALL);
	}
	breaker_failed(&b, BREAKER_CALL);
	assert_int_equal(breaker_enter(&b, &wait), BREAKER_CALL);
	breaker_failed(&b, BREAKER_CALL);
	assert_int_equal(breaker_enter(&b, &wait), BREAKER_REFUSED);
	assert_int_equal(wait, 100);
	/* Stragglers that began before say nothing new. */
	breaker_failed(&b, BREAKER_CALL);
	now += 99999;
	assert_int_equal(breaker_enter(&b, &wait), BREAKER_REFUSED);
	now += 1;
	/* One probe, and no second beside it. */
	assert_int_equal(breaker_enter(&b, &wait), BREAKER_PROBE);
	assert_int_equal(breaker_enter(&b, &wait), BREAKER_REFUSED);
	breaker_abandoned(&b, BREAKER_PROBE);
	assert_int_equal(breaker_enter(&b, &wait), BREAKER_PROBE);
	breaker_failed(&b, BREAKER_PROBE);
	/* Twice as long, then as long as is allowed. */
	now += 199999;
	assert_int_equal(breaker_enter(&b, &wait), BREAKER_REFUSED);
	now += 1;
	assert_int_equal(breaker_enter(&b, &wait), BREAKER_PROBE);
	breaker_failed(&b, BREAKER_PROBE);
	assert_int_equal(breaker_enter(&b, &wait), BREAKER_REFUSED);
	assert_int_equal(wait, 300);
	now += 300000;
	assert_int_equal(breaker_enter(&b, &wait), BREAKER_PROBE);
	breaker_succeeded(&b);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(breaker_enter(&b, &wait), BREAKER_CALL);
		breaker_failed(&b, BREAKER_CALL);
	}
	assert_int_equal(breaker_enter(&b, &wait), BREAKER_REFUSED);
	assert_int_equal(wait, 100); /* it begins with the short one again */
	breaker_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port),      cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_fragments), cmocka_unit_test(test_too_many_calls),
		cmocka_unit_test(test_think),     cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_lenient),   cmocka_unit_test(test_models),
		cmocka_unit_test(test_breaker),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
