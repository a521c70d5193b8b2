/*
 * Any bytes as a request of A2A: a question or an id within bounds, or an error of the specification; the reply
 * is JSON with the request's id either way. The first byte chooses the header A2A-Version.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "serve/a2a.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { QUESTION_MAX = 300, REPLY_MAX = 1 << 16 };

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_a2a: %s\n", what);
	abort();
}

static void check_request(const struct a2a_request *request, const struct buf *question)
{
	bool asks = request->method == A2A_SEND || request->method == A2A_STREAM;
	struct str text = buf_str(question);
	require(strlen(request->task) < A2A_ID_SIZE, "the id of a task is too long");
	require(strlen(request->context) < A2A_ID_SIZE, "a context is too long");
	require(asks ? text.len > 0 && text.len <= QUESTION_MAX : text.len == 0,
		"a question is empty, too long, or none was asked");
	require(utf8_valid(text) && str_trim(text).len == text.len, "a question is not clean");
	require(asks || request->task[0], "a request for a task names none");
}

static void check_reply(const struct buf *out, const struct buf *rpc_id)
{
	json_t *reply = NULL;
	require(!memchr(out->ptr, '\n', out->len), "a reply has several lines");
	require(json_parse(buf_str(out), &reply, NULL) == ERR_OK, "a reply is no JSON");
	struct buf id;
	buf_init(&id, alloc_default(), A2A_RPC_ID_MAX);
	require(json_write(json_object_get(reply, "id"), &id, NULL) == ERR_OK &&
			str_eq(buf_str(&id), buf_str(rpc_id)),
		"a reply has another id");
	buf_release(&id);
	json_decref(reply);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const char *const headers[] = {"", "0.3", "1.0", "1.0.1", "2", "\xff\xff"};
	struct a2a_request request;
	struct a2a_problem problem = {0};
	struct buf rpc_id, question, out;
	if (!size)
		return 0;
	buf_init(&rpc_id, alloc_default(), A2A_RPC_ID_MAX);
	buf_init(&question, alloc_default(), QUESTION_MAX);
	buf_init(&out, alloc_default(), REPLY_MAX);
	struct str body = {(const char *)data + 1, size - 1};
	struct str header = str_c(headers[data[0] % (sizeof(headers) / sizeof(headers[0]))]);
	bool ok = a2a_read(body, header, &request, &rpc_id, &question, &problem);
	const struct a2a_reply reply = {.version = request.version,
					.rpc_id = buf_str(&rpc_id),
					.task = STR("t"),
					.context = str_c(ok ? request.context : "")};
	enum err_code code;
	if (ok) {
		const struct a2a_task_view view = {A2A_COMPLETED, buf_str(&question), STR("")};
		check_request(&request, &question);
		code = a2a_write_task(&reply, &view, true, &out, NULL);
	} else {
		require(problem.code <= -32001 && problem.code >= -32700, "no code of A2A");
		require(problem.message[0] && utf8_valid(str_c(problem.message)),
			"a message is empty or no valid text");
		code = a2a_write_error(&reply, &problem, &out, NULL);
	}
	require(code == ERR_OK, "a reply cannot be written");
	check_reply(&out, &rpc_id);
	buf_release(&rpc_id);
	buf_release(&question);
	buf_release(&out);
	return 0;
}
