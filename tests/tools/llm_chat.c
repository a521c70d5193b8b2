/*
 * Asks a language model through the client of llm/openai, for tests/e2e/test_llm_client.py:
 *
 *   llm_chat URL MODEL PROMPT [KEY=VALUE]…
 *
 * Keys: first_ms, stall_ms, total_ms, max_tokens; tools (1: offers one), cancel_ms (cancels after
 * so long), leave (the sink wants no more after so many bytes), times (asks so often, one after the other),
 * threads (each of so many asks `times`). Prints a JSON list with an object for each reply.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "llm/openai/openai.h"
#include "net/retry.h"

enum { THREADS_MAX = 4096, STACK_BYTES = 256 << 10 };

struct arguments {
	const char *prompt;
	unsigned max_tokens, tools, cancel_ms, leave, times, threads;
	struct llm *llm;
	atomic_bool cancelled;
};

struct asker {
	const struct arguments *arguments;
	pthread_t thread;
	json_t *replies;
	size_t heard;
	bool valid;
};

static bool hear(void *ctx, struct str piece)
{
	struct asker *asker = ctx;
	asker->heard += piece.len;
	asker->valid = asker->valid && piece.len && utf8_valid(piece);
	return !asker->arguments->leave || asker->heard < asker->arguments->leave;
}

static json_t *calls_of(const struct llm_reply *reply)
{
	json_t *list = json_array();
	for (size_t i = 0; i < reply->call_count; i++)
		json_array_append_new(
			list, json_pack("{s:o, s:o, s:o}", "id", json_from_str(reply->calls[i].id),
					"name", json_from_str(reply->calls[i].name), "arguments",
					json_from_str(reply->calls[i].arguments)));
	return list;
}

static json_t *ask(struct asker *asker)
{
	static const char *const finish[] = {"stop", "length", "tool_calls", "filtered", "unknown"};
	static const struct llm_tool tool = {.name = {"search_kubeflow_docs", 20},
					     .description = {"Searches.", 9},
					     .parameters = {"{\"type\":\"object\"}", 17}};
	const struct arguments *a = asker->arguments;
	const struct llm_message message = {.role = LLM_USER, .content = str_c(a->prompt)};
	const struct llm_request request = {.messages = &message,
					    .message_count = 1,
					    .tools = &tool,
					    .tool_count = a->tools ? 1 : 0,
					    .max_tokens = a->max_tokens,
					    .cancelled = &a->cancelled};
	const struct llm_sink sink = {.ctx = asker, .text = hear};
	struct arena arena;
	struct llm_reply reply;
	struct err err = {ERR_OK, ""};
	asker->heard = 0;
	asker->valid = true;
	arena_init(&arena, alloc_default(), 8U << 20);
	enum err_code code = llm_chat(a->llm, &request, &sink, &arena, &reply, &err);
	json_t *out = json_pack(
		"{s:s, s:s, s:o, s:o, s:o, s:s, s:I, s:I, s:b, s:I}", "code", err_label(code),
		"message", err.message, "text", json_from_str(reply.text), "reasoning",
		json_from_str(reply.reasoning), "calls", calls_of(&reply), "finish",
		finish[reply.finish], "prompt_tokens", (json_int_t)reply.prompt_tokens,
		"completion_tokens", (json_int_t)reply.completion_tokens, "pieces_valid",
		asker->valid && asker->heard == reply.text.len, "first_token_us",
		(json_int_t)reply.first_token_us);
	arena_release(&arena);
	return out;
}

static void *run(void *arg)
{
	struct asker *asker = arg;
	asker->replies = json_array();
	for (unsigned i = 0; i < asker->arguments->times; i++)
		json_array_append_new(asker->replies, ask(asker));
	return NULL;
}

static void *cancel(void *arg)
{
	struct arguments *a = arg;
	if (retry_wait(a->cancel_ms, NULL, NULL) == ERR_OK)
		atomic_store(&a->cancelled, true);
	return NULL;
}

static bool take_argument(const char *text, struct arguments *a, struct llm_openai_options *options)
{
	struct str value = str_c(text), key;
	uint64_t number;
	const struct {
		const char *key;
		unsigned *to;
	} keys[] = {{"first_ms", &options->first_token_ms},
		    {"stall_ms", &options->stall_ms},
		    {"total_ms", &options->total_ms},
		    {"max_tokens", &a->max_tokens},
		    {"tools", &a->tools},
		    {"cancel_ms", &a->cancel_ms},
		    {"leave", &a->leave},
		    {"times", &a->times},
		    {"threads", &a->threads}};
	str_cut(&value, '=', &key);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (str_eq(key, str_c(keys[i].key)) && str_to_u64(value, &number) &&
		    number < 100000000) {
			*keys[i].to = (unsigned)number;
			return true;
		}
	}
	return false;
}

/* One asker a thread; one asker alone uses this thread. */
static json_t *ask_all(struct arguments *a)
{
	static struct asker askers[THREADS_MAX];
	json_t *replies = json_array();
	pthread_attr_t attributes;
	size_t started = 0;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	for (; started < a->threads; started++) {
		askers[started].arguments = a;
		if (pthread_create(&askers[started].thread, &attributes, run, &askers[started]))
			break;
	}
	for (size_t i = 0; i < started; i++) {
		pthread_join(askers[i].thread, NULL);
		json_array_extend(replies, askers[i].replies);
		json_decref(askers[i].replies);
	}
	pthread_attr_destroy(&attributes);
	return replies;
}

int main(int argc, char **argv)
{
	struct arguments a = {.times = 1, .threads = 1};
	struct err err = {ERR_OK, ""};
	pthread_t canceller;
	if (argc < 4)
		return 2;
	struct llm_openai_options options = {.url = argv[1],
					     .model = argv[2],
					     .context_tokens = 8192,
					     .max_tokens = 1024,
					     .connect_ms = 5000,
					     .first_token_ms = 30000,
					     .stall_ms = 30000,
					     .total_ms = 120000,
					     .clock = clock_system()};
	a.prompt = argv[3];
	for (int i = 4; i < argc; i++)
		if (!take_argument(argv[i], &a, &options))
			return 2;
	if (a.threads > THREADS_MAX || llm_openai_open(&options, alloc_default(), &a.llm, &err)) {
		(void)fprintf(stderr, "llm_chat: %s\n", err.message);
		return 1;
	}
	bool cancels = a.cancel_ms && !pthread_create(&canceller, NULL, cancel, &a);
	json_t *replies = ask_all(&a);
	if (cancels)
		pthread_join(canceller, NULL);
	llm_close(a.llm);
	int printed = json_dumpf(replies, stdout, JSON_COMPACT);
	json_decref(replies);
	return printed;
}
