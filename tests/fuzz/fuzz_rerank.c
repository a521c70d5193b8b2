/*
 * Any bytes as a reranking server's answer: one finite score for each text, or one line of valid
 * text that says what is wrong. The first byte chooses the API, how many texts were sent, and
 * whether the status was 200.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "rerank/tei/wire.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { TEXTS_MAX = 31 };

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_rerank: %s\n", what);
	abort();
}

static void check_message(const struct err *err)
{
	struct str text = str_c(err->message);
	require(text.len > 0 && utf8_valid(text), "a message is empty or no valid text");
	for (size_t i = 0; i < text.len; i++)
		require((unsigned char)text.ptr[i] >= ' ' && text.ptr[i] != 0x7f,
			"a control character is in a message");
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	float scores[TEXTS_MAX];
	struct err err = {ERR_OK, ""};
	if (size == 0)
		return 0;
	struct str body = {(const char *)data + 1, size - 1};
	enum rerank_api api = data[0] & 0x80 ? RERANK_API_VLLM : RERANK_API_TEI;
	size_t count = data[0] & TEXTS_MAX;
	if (data[0] & 0x40) {
		long status = 400 + (long)(data[0] & 0x3f) * 3;
		require(wire_problem(status, body, &err) != ERR_OK, "a failure is none");
		check_message(&err);
		return 0;
	}
	if (wire_scores(api, body, count, scores, &err)) {
		check_message(&err);
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		require(isfinite(scores[i]), "a score is missing or not finite");
	return 0;
}
