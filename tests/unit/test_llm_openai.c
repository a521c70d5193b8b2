/*
 * The client of chat completions against a server on loopback that a test scripts: requests are
 * checked, answers come in any form that servers have, faults are those that servers have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "llm/openai/openai.h"
#include "support/fail_alloc.h"
#include "support/http_stub.h"

#define CHUNK(delta, finish)                                                                       \
	"data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":" delta   \
	",\"finish_reason\":" finish "}],\"usage\":null}\n\n"
#define TEXT(text) CHUNK("{\"content\":\"" text "\"}", "null")
#define USAGE_AND_DONE                                                                             \
	"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":2}}\n\n"      \
	"data: [DONE]\n\n"
#define HELLO                                                                                      \
	CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null")                                 \
	TEXT("Hello")                                                                              \
	TEXT(" reader")                                                                            \
	CHUNK("{}", "\"stop\"") USAGE_AND_DONE

/* What the server does with requests for completions, the first of them first. */
struct step {
	int status;          /* 0: 200 */
	const char *type;    /* NULL: text/event-stream */
	const char *headers; /* whole lines, or NULL */
	const char *body;
	enum stub_end end;
};

struct server {
	struct http_stub stub;
	const char *models; /* answer to /v1/models; NULL: 404 */
	const char *kserve; /* and to /openai/v1/models */
	const char *props;  /* and to /props */
	const struct step *steps;
	size_t step_count, chats; /* the last step is repeated */
	char path[128], auth[128];
	json_t *request; /* the last one */
};

static const char models_vllm[] =
	"{\"object\":\"list\",\"data\":[{\"id\":\"tiny\",\"object\":\"model\",\"owned_by\":"
	"\"vllm\","
	"\"max_model_len\":4096},{\"id\":\"other\",\"max_model_len\":2048}]}";

static void answer_list(struct buf *answer, const char *body)
{
	http_stub_json(answer, body ? 200 : 404, body ? str_c(body) : STR("{\"detail\":\"no\"}"));
}

static enum stub_end answer_step(struct server *s, struct buf *answer)
{
	const struct step *step =
		&s->steps[s->chats < s->step_count ? s->chats : s->step_count - 1];
	s->chats++;
	buf_printf(answer, "HTTP/1.1 %d Status\r\nContent-Type: %s\r\n%s",
		   step->status ? step->status : 200, step->type ? step->type : "text/event-stream",
		   step->headers ? step->headers : "");
	if (step->end == STUB_KEEP)
		buf_printf(answer, "Content-Length: %zu\r\n", strlen(step->body));
	buf_printf(answer, "\r\n%s", step->body);
	return step->end;
}

static enum stub_end handle(void *ctx, const struct stub_request *request, struct buf *answer)
{
	struct server *s = ctx;
	struct str lines = request->headers, line;
	snprintf(s->path, sizeof(s->path), "%.*s", STR_ARG(request->path));
	s->auth[0] = '\0';
	while (str_cut(&lines, '\n', &line))
		if (str_starts(line, STR("Authorization: ")))
			snprintf(s->auth, sizeof(s->auth), "%.*s", STR_ARG(str_trim(line)));
	if (str_eq(request->path, STR("/openai/v1/models")))
		return answer_list(answer, s->kserve), STUB_KEEP;
	if (str_eq(request->path, STR("/v1/models")))
		return answer_list(answer, s->models), STUB_KEEP;
	if (str_eq(request->path, STR("/props")))
		return answer_list(answer, s->props), STUB_KEEP;
	json_decref(s->request);
	s->request = NULL;
	if (!str_ends(request->path, STR("/chat/completions")) ||
	    json_parse(request->body, &s->request, NULL))
		return http_stub_json(answer, 404, STR("{}")), STUB_KEEP;
	return answer_step(s, answer);
}

/* --- the fixture --- */

struct fixture {
	struct server server;
	struct llm_openai_options options;
	char url[128];
	struct llm *llm;
	struct arena arena;
	struct llm_reply reply;
	struct err err;
	struct buf said; /* what the sink got */
	size_t stop_after;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->server.stub.handle = handle;
	f->server.stub.ctx = &f->server;
	f->server.models = models_vllm;
	http_stub_start(&f->server.stub);
	snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d/v1", f->server.stub.port);
	f->options = (struct llm_openai_options){.url = f->url,
						 .context_tokens = 8192,
						 .max_tokens = 64,
						 .connect_ms = 2000,
						 .first_token_ms = 20000,
						 .stall_ms = 20000,
						 .total_ms = 20000,
						 .clock = clock_system()};
	arena_init(&f->arena, alloc_default(), 16U << 20);
	buf_init(&f->said, alloc_default(), 16U << 20);
	f->stop_after = SIZE_MAX;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	llm_close(f->llm);
	http_stub_stop(&f->server.stub);
	json_decref(f->server.request);
	arena_release(&f->arena);
	buf_release(&f->said);
	free(f);
	return 0;
}

static void open_llm(struct fixture *f)
{
	if (llm_openai_open(&f->options, alloc_default(), &f->llm, &f->err))
		fail_msg("%s", f->err.message);
}

static void script(struct fixture *f, const struct step *steps, size_t count)
{
	f->server.steps = steps;
	f->server.step_count = count;
	f->server.chats = 0;
}

static bool hear(void *ctx, struct str piece)
{
	struct fixture *f = ctx;
	assert_true(buf_append(&f->said, piece));
	return f->said.len < f->stop_after;
}

static enum err_code ask(struct fixture *f, const struct llm_request *more)
{
	static const struct llm_message message = {.role = LLM_USER, .content = {"Hi", 2}};
	const struct llm_sink sink = {.ctx = f, .text = hear};
	struct llm_request request = more ? *more : (struct llm_request){.temperature = 0};
	if (!request.message_count) {
		request.messages = &message;
		request.message_count = 1;
	}
	buf_clear(&f->said);
	f->err = (struct err){ERR_OK, ""};
	return llm_chat(f->llm, &request, &sink, &f->arena, &f->reply, &f->err);
}

static void expect_text(struct fixture *f, const char *text)
{
	if (ask(f, NULL))
		fail_msg("%s", f->err.message);
	assert_true(str_eq(f->reply.text, str_c(text)));
	assert_true(str_eq(buf_str(&f->said), str_c(text)));
}

static void expect_error(struct fixture *f, enum err_code code, const char *words)
{
	assert_int_equal(ask(f, NULL), code);
	assert_int_equal(f->err.code, code);
	if (!strstr(f->err.message, words))
		fail_msg("'%s' is not in '%s'", words, f->err.message);
}

/* --- tests --- */

static void test_reply(void **state)
{
	static const struct step hello = {.body = HELLO};
	struct fixture *f = *state;
	f->options.key = "secret-key";
	script(f, &hello, 1);
	open_llm(f);
	assert_string_equal(f->llm->model, "tiny");
	assert_int_equal(f->llm->context_tokens, 4096);
	expect_text(f, "Hello reader");
	assert_string_equal(f->server.path, "/v1/chat/completions");
	assert_string_equal(f->server.auth, "Authorization: Bearer secret-key");
	assert_int_equal(f->reply.finish, LLM_STOP);
	assert_int_equal(f->reply.prompt_tokens, 12);
	assert_int_equal(f->reply.completion_tokens, 2);
	assert_true(f->reply.first_token_us > 0 && f->reply.total_us >= f->reply.first_token_us);
	/* Connections are kept: for the list of models and two replies, one. */
	expect_text(f, "Hello reader");
	assert_int_equal(atomic_load(&f->server.stub.connections), 1);
}

static void test_request(void **state)
{
	static const struct step hello = {.body = HELLO};
	static const struct llm_tool_call calls[] = {
		{.id = {"c1", 2}, .name = {"search", 6}, .arguments = {"{\"q\":\"x\"}", 9}},
		{.id = {"c2", 2}, .name = {"search", 6}, .arguments = {"{\"q\":", 5}}};
	static const struct llm_message messages[] = {
		{.role = LLM_SYSTEM, .content = {"Be brief.", 9}},
		{.role = LLM_USER, .content = {"\xc3\xa4\"\n", 4}},
		{.role = LLM_ASSISTANT, .content = {"", 0}, .calls = calls, .call_count = 2},
		{.role = LLM_TOOL, .content = {"found", 5}, .call_id = {"c1", 2}}};
	static const struct llm_tool tool = {.name = {"search", 6},
					     .description = {"Searches.", 9},
					     .parameters = {"{\"type\":\"object\"}", 17}};
	static const struct llm_request request = {.messages = messages,
						   .message_count = 4,
						   .tools = &tool,
						   .tool_count = 1,
						   .temperature = 0.5};
	static const char expected[] =
		"{\"model\":\"other\",\"messages\":[{\"role\":\"system\",\"content\":\"Be "
		"brief.\"},"
		"{\"role\":\"user\",\"content\":\"\xc3\xa4\\\"\\n\"},"
		"{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":["
		"{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"search\","
		"\"arguments\":\"{\\\"q\\\":\\\"x\\\"}\"}},"
		"{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"search\","
		"\"arguments\":\"{}\"}}]},"
		"{\"role\":\"tool\",\"content\":\"found\",\"tool_call_id\":\"c1\"}],"
		"\"stream\":true,\"stream_options\":{\"include_usage\":true},\"temperature\":0.5,"
		"\"max_tokens\":64,\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
		"\"search\",\"description\":\"Searches.\",\"parameters\":{\"type\":\"object\"}}}],"
		"\"tool_choice\":\"auto\"}";
	struct fixture *f = *state;
	struct buf sent;
	f->options.model = "other";
	script(f, &hello, 1);
	open_llm(f);
	assert_int_equal(f->llm->context_tokens, 2048);
	assert_int_equal(ask(f, &request), ERR_OK);
	buf_init(&sent, alloc_default(), 1U << 20);
	assert_int_equal(json_write(f->server.request, &sent, NULL), ERR_OK);
	assert_string_equal(sent.ptr, expected);
	buf_release(&sent);
}

static void test_forms(void **state)
{
	static const struct step steps[] = {
		/* not streamed */
		{.type = "application/json",
		 .body = "{\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{"
			 "\"role\":\"assistant\",\"content\":\"Whole\",\"reasoning_content\":"
			 "\"hm\"},"
			 "\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":3,"
			 "\"completion_tokens\":4}}"},
		/* no type, CRLF, comments, no space, no [DONE] */
		{.type = "",
		 .body = ": hi\r\n\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"A\"}}]}"
			 "\r\n\r\ndata:{\"choices\":[{\"delta\":{},\"finish_reason\":"
			 "\"stop\"}]}\r\n\r\n"},
		/* [DONE] alone says that it ended; what follows does not count */
		{.body = TEXT("B") "data: [DONE]\n\n" TEXT("C") "data: [DONE]\n\n"},
		{.body = TEXT("<think>secret") TEXT(" thoughts</th") TEXT("ink>\\n\\nD")
			 CHUNK("{}", "\"stop\"") "data: [DONE]\n\n"},
		{.body = CHUNK("{\"reasoning_content\":\"r\"}", "null") TEXT("E")
			 CHUNK("{}", "\"content_filter\"") "data: [DONE]\n\n"},
		{.body = TEXT("a\xff"
			      "b") TEXT("\\ud83d") CHUNK("{}", "\"stop\"") "data: [DONE]\n\n"},
		{.body = CHUNK("{\"content\":null}", "\"stop\"") "data: [DONE]\n\n"},
	};
	struct fixture *f = *state;
	script(f, steps, sizeof(steps) / sizeof(steps[0]));
	open_llm(f);
	expect_text(f, "Whole");
	assert_int_equal(f->reply.finish, LLM_LENGTH);
	assert_true(str_eq(f->reply.reasoning, STR("hm")));
	assert_int_equal(f->reply.completion_tokens, 4);
	expect_text(f, "A");
	expect_text(f, "B");
	expect_text(f, "D");
	assert_true(str_eq(f->reply.reasoning, STR("secret thoughts")));
	expect_text(f, "E");
	assert_int_equal(f->reply.finish, LLM_FILTERED);
	assert_true(str_eq(f->reply.reasoning, STR("r")));
	expect_text(f, "a\xef\xbf\xbd"
		       "b\xef\xbf\xbd");
	expect_text(f, "");
	assert_int_equal(f->reply.finish, LLM_STOP);
}

static void test_refusals(void **state)
{
	static const struct {
		struct step step;
		enum err_code code;
		const char *words;
	} cases[] = {
		{{.status = 401, .type = "application/json", .body = "{}"},
		 ERR_UNAVAILABLE,
		 "refuses the key"},
		{{.status = 404,
		  .type = "application/json",
		  .body = "{\"object\":\"error\",\"message\":\"The model `x` does not exist.\"}"},
		 ERR_UNAVAILABLE,
		 "The model `x` does not exist."},
		{{.status = 400,
		  .type = "application/json",
		  .body = "{\"error\":{\"message\":\"too many tokens\",\"code\":400}}"},
		 ERR_INVALID,
		 "too many tokens"},
		{{.status = 302, .headers = "Location: http://127.0.0.1:1/\r\n", .body = ""},
		 ERR_UNAVAILABLE,
		 "302"},
		{{.type = "text/html", .body = "<html>Sign in</html>"}, ERR_FORMAT, "text/html"},
		{{.body = "data: {\"choices\":[{\"del\n\n"}, ERR_FORMAT, "not valid JSON"},
		{{.body = "data: {\"answer\":42}\n\n"}, ERR_FORMAT, "no chat completion"},
		{{.type = "application/json", .body = "{\"choices\":[{\"mess"},
		 ERR_FORMAT,
		 "not valid JSON"},
		{{.body = TEXT("Half") "data: {\"error\":{\"message\":\"CUDA\",\"code\":500}}\n\n"},
		 ERR_UNAVAILABLE,
		 "500: CUDA"},
		{{.body = TEXT("Half")}, ERR_UNAVAILABLE, "breaks off"},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		script(f, &cases[i].step, 1);
		open_llm(f);
		expect_error(f, cases[i].code, cases[i].words);
		/* None of them is tried again, and what was shown is in the reply. */
		assert_int_equal(f->server.chats, 1);
		assert_true(str_eq(f->reply.text, buf_str(&f->said)));
		llm_close(f->llm);
		f->llm = NULL;
	}
}

static void test_tries_again(void **state)
{
	static const struct step steps[] = {
		{.status = 503, .type = "application/json", .body = "{\"error\":\"loading\"}"},
		{.status = 429, .headers = "Retry-After: 0\r\n", .body = ""},
		{.body = HELLO},
		{.body = "", .end = STUB_CLOSE},
		{.body = HELLO},
		{.body = "data: {\"error\":{\"message\":\"busy\",\"code\":503}}\n\n"},
		{.body = HELLO},
		{.status = 429, .headers = "Retry-After: 3600\r\n", .body = ""},
	};
	struct fixture *f = *state;
	script(f, steps, sizeof(steps) / sizeof(steps[0]));
	open_llm(f);
	expect_text(f, "Hello reader");
	assert_int_equal(f->server.chats, 3);
	expect_text(f, "Hello reader");
	assert_int_equal(f->server.chats, 5);
	expect_text(f, "Hello reader");
	assert_int_equal(f->server.chats, 7);
	/* Longer than a question waits. */
	expect_error(f, ERR_UNAVAILABLE, "429");
	assert_int_equal(f->server.chats, 8);
}

static void test_limits(void **state)
{
	static const struct step silence = {.body = ": still here\n\n", .end = STUB_HANG};
	static const struct step stall = {.body = TEXT("Half"), .end = STUB_HANG};
	struct fixture *f = *state;
	f->options.first_token_ms = 50;
	f->options.stall_ms = 50;
	script(f, &silence, 1);
	open_llm(f);
	expect_error(f, ERR_UNAVAILABLE, "no token came");
	assert_int_equal(f->server.chats, 1);
	llm_close(f->llm);
	f->options.first_token_ms = 20000;
	script(f, &stall, 1);
	open_llm(f);
	expect_error(f, ERR_UNAVAILABLE, "stopped in the middle");
	assert_true(str_eq(f->reply.text, STR("Half")));
	llm_close(f->llm);
	f->options.stall_ms = 20000;
	f->options.total_ms = 60;
	open_llm(f);
	expect_error(f, ERR_UNAVAILABLE, "not whole after");
}

static void test_reader_leaves(void **state)
{
	static const struct step hello = {.body = HELLO},
				 stall = {.body = TEXT("Half"), .end = STUB_HANG};
	atomic_bool cancelled;
	struct fixture *f = *state;
	const struct llm_request request = {.cancelled = &cancelled};
	script(f, &hello, 1);
	open_llm(f);
	f->stop_after = 5;
	expect_error(f, ERR_CANCELLED, "wants no more");
	assert_true(str_eq(f->reply.text, STR("Hello")));
	atomic_init(&cancelled, true);
	assert_int_equal(ask(f, &request), ERR_CANCELLED);
	/* A hanging server is told by the closed connection: tear_down() would wait for it else. */
	script(f, &stall, 1);
	f->stop_after = 4;
	expect_error(f, ERR_CANCELLED, "wants no more");
}

static void test_breaker(void **state)
{
	static const struct step broken = {.status = 500, .body = ""};
	struct fixture *f = *state;
	f->options.first_token_ms = 1; /* no time for a second attempt */
	f->options.model = "tiny";
	script(f, &broken, 1);
	open_llm(f);
	f->options.first_token_ms = 1;
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(f, NULL), ERR_UNAVAILABLE);
	size_t requests = atomic_load(&f->server.stub.requests);
	expect_error(f, ERR_UNAVAILABLE, "left alone");
	assert_int_equal(atomic_load(&f->server.stub.requests), requests);
}

static void test_places(void **state)
{
	static const struct step hello = {.body = HELLO};
	struct fixture *f = *state;
	script(f, &hello, 1);
	snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d", f->server.stub.port);
	open_llm(f);
	expect_text(f, "Hello reader");
	assert_string_equal(f->server.path, "/v1/chat/completions");
	llm_close(f->llm);
	/* KServe's own list below /v1 is no list of chat models. */
	f->server.kserve = models_vllm;
	f->server.models = "{\"models\":[\"tiny\"]}";
	open_llm(f);
	expect_text(f, "Hello reader");
	assert_string_equal(f->server.path, "/openai/v1/chat/completions");
	llm_close(f->llm);
	/* A server that comes up later is found then. */
	f->server.kserve = f->server.models = NULL;
	open_llm(f);
	assert_string_equal(f->llm->model, "");
	expect_error(f, ERR_UNAVAILABLE, "/openai/v1/models or /v1/models");
	f->server.models = "{\"data\":[{\"id\":\"q\",\"owned_by\":\"llamacpp\",\"meta\":{"
			   "\"n_ctx_train\":32768}}]}";
	f->server.props = "{\"default_generation_settings\":{\"n_ctx\":2000}}";
	expect_text(f, "Hello reader");
	assert_string_equal(f->llm->model, "q");
	assert_int_equal(f->llm->context_tokens, 2000);
}

static void test_bad_options(void **state)
{
	static const struct {
		const char *url, *key, *ca_file, *words;
	} cases[] = {
		{"ftp://host/v1", "", "", "http://HOST"},
		{"http://", "", "", "http://HOST"},
		{"http://user:pass@host/v1", "", "", "user or password"},
		{"http://host/v1", "a key", "", "no header"},
		{"http://host/v1", "", "/nowhere/ca.pem", "/nowhere/ca.pem"},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->options.url = cases[i].url;
		f->options.key = cases[i].key;
		f->options.ca_file = cases[i].ca_file;
		assert_int_equal(llm_openai_open(&f->options, alloc_default(), &f->llm, &f->err),
				 ERR_INVALID);
		assert_null(f->llm);
		if (!strstr(f->err.message, cases[i].words))
			fail_msg("%s: %s", cases[i].url, f->err.message);
	}
}

static void test_failing_memory(void **state)
{
	static const struct step hello = {.body = HELLO};
	struct fixture *f = *state;
	size_t failed = 0;
	script(f, &hello, 1);
	for (size_t n = 1;; n++) {
		struct fail_alloc fail;
		fail_alloc_init(&fail, n, false);
		arena_release(&f->arena);
		arena_init(&f->arena, &fail.alloc, 16U << 20);
		enum err_code code = llm_openai_open(&f->options, &fail.alloc, &f->llm, &f->err);
		if (!code)
			code = ask(f, NULL);
		llm_close(f->llm);
		f->llm = NULL;
		arena_release(&f->arena);
		assert_int_equal(atomic_load(&fail.live), 0);
		if (!atomic_load(&fail.failures)) {
			assert_int_equal(code, ERR_OK);
			break;
		}
		/* What is not needed (the list of models) may fail unnoticed. */
		assert_true(code == ERR_NOMEM || code == ERR_OK);
		failed += code == ERR_NOMEM;
	}
	assert_true(failed > 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_reply),         TEST(test_request),        TEST(test_forms),
		TEST(test_refusals),      TEST(test_tries_again),    TEST(test_limits),
		TEST(test_reader_leaves), TEST(test_breaker),        TEST(test_places),
		TEST(test_bad_options),   TEST(test_failing_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
