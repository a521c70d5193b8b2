/*
 * Any bytes as the body of a request of OpenAI's API: refused with a status and one line of valid text, or
 * a question, a history and a list of texts within their limits. The first byte chooses which.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/utf8.h"
#include "serve/openai.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { QUESTION_MAX = 200, LIST_MAX = 1 << 16 };

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_openai: %s\n", what);
	abort();
}

/* The client can read why. */
static void check_problem(const struct openai_problem *problem)
{
	struct buf out;
	json_t *json = NULL;
	buf_init(&out, alloc_default(), LIST_MAX);
	require(problem->status >= 400 && problem->status < 600, "a refusal has no status");
	require(!openai_error(problem->status, problem->message, problem->param, problem->code,
			      &out, NULL),
		"a refusal cannot be written");
	require(!json_parse(buf_str(&out), &json, NULL), "a refusal is no JSON");
	require(json_get_str(json_object_get(json, "error"), "message").len > 0,
		"a refusal says nothing");
	json_decref(json);
	buf_release(&out);
}

static void check_text(struct str text)
{
	require(text.len && utf8_valid(text), "a text is empty or not valid");
}

static void read_chat(struct str body)
{
	struct openai_problem problem = {0};
	struct openai_chat chat;
	struct buf question, history;
	json_t *turns = NULL;
	buf_init(&question, alloc_default(), QUESTION_MAX);
	buf_init(&history, alloc_default(), LIST_MAX);
	if (!openai_read_chat(body, &chat, &question, &history, &problem)) {
		check_problem(&problem);
		goto out;
	}
	check_text(buf_str(&question));
	require(str_trim(buf_str(&question)).len == question.len, "white space is left");
	if (!history.len)
		goto out;
	require(!json_parse(buf_str(&history), &turns, NULL), "the history is no JSON");
	require(json_array_size(turns) > 0, "a history is empty");
	for (size_t i = 0; i < json_array_size(turns); i++) {
		struct str role = json_get_str(json_array_get(turns, i), "role");
		require(str_eq(role, STR("user")) || str_eq(role, STR("assistant")),
			"the system is spoken for");
		check_text(json_get_str(json_array_get(turns, i), "content"));
	}
out:
	json_decref(turns);
	buf_release(&question);
	buf_release(&history);
}

static void read_embeddings(struct str body)
{
	struct openai_problem problem = {0};
	struct openai_embeddings request;
	struct buf inputs;
	json_t *list = NULL;
	buf_init(&inputs, alloc_default(), LIST_MAX);
	if (openai_read_embeddings(body, "m", 3, &request, &inputs, &problem)) {
		require(!json_parse(buf_str(&inputs), &list, NULL), "the texts are no JSON");
		require(request.count && request.count == json_array_size(list) &&
				request.count <= OPENAI_INPUTS_MAX,
			"the texts are miscounted");
		for (size_t i = 0; i < request.count; i++) {
			const json_t *text = json_array_get(list, i);
			check_text((struct str){json_string_value(text), json_string_length(text)});
		}
	} else {
		check_problem(&problem);
	}
	json_decref(list);
	buf_release(&inputs);
}

/* As the text of an answer: every annotation lies within it. */
static void annotate(struct str text)
{
	struct answer_citation cited[] = {{.index = 1, .title = STR("T"), .url = STR("https://x/")},
					  {.index = 2, .section = text, .url = text}};
	const struct openai_reply reply = {.id = STR("i"), .base = STR("http://h")};
	struct answer_result result = {.text = text, .citations = cited, .citation_count = 2};
	struct buf whole;
	buf_init(&whole, alloc_default(), 1 << 20);
	buf_append(&whole, text);
	openai_sources(&reply, &result, &whole);
	require(!whole.failed, "the list of sources is too long");
	struct str body = openai_without_sources(buf_str(&whole));
	require(body.len <= text.len, "the list of sources stays");
	json_t *list =
		openai_annotations(&reply, &result, buf_str(&whole), text.len, alloc_default());
	long long points = (long long)utf8_length(buf_str(&whole)), before = 0;
	require(list != NULL, "no annotations");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_object_get(json_array_get(list, i), "url_citation");
		long long from = json_get_int(item, "start_index", -1);
		long long to = json_get_int(item, "end_index", -1);
		require(from >= before && to > from && to <= points,
			"an annotation is out of place");
		before = to;
	}
	json_decref(list);
	buf_release(&whole);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	if (size == 0 || size > LIST_MAX / 8)
		return 0;
	struct str body = {(const char *)data + 1, size - 1};
	if (data[0] % 3 == 0)
		read_chat(body);
	else if (data[0] % 3 == 1)
		read_embeddings(body);
	else if (utf8_valid(body))
		annotate(body);
	return 0;
}
