/*
 * Any bytes as a message of MCP: what is answered is JSON on one line, a response of JSON-RPC for each
 * request, and what is searched for is within its bounds. The first byte chooses what stands around the
 * message.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "serve/mcp_tools.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_mcp: %s\n", what);
	abort();
}

static void check_query(const struct mcp_query *query)
{
	require(query->text.len && utf8_valid(query->text), "a query is empty or no text");
	require(utf8_length(query->text) <= MCP_QUERY_MAX, "a query is too long");
	require(query->top_k >= 1 && query->top_k <= MCP_TOP_K_MAX, "top_k is out of bounds");
	require(query->repo.len <= MCP_FILTER_MAX && query->state.len <= MCP_FILTER_MAX &&
			query->resource_kind.len <= MCP_FILTER_MAX,
		"a filter is too long");
}

/* A response has a result or an error, and names the request as far as it can be told. */
static void check_response(const json_t *response, const struct mcp_call *call)
{
	const json_t *result = json_object_get(response, "result");
	const json_t *error = json_object_get(response, "error");
	const json_t *id = json_object_get(response, "id");
	require(json_is_object(response), "a response is no object");
	require((result == NULL) != (error == NULL), "a response is not one of two things");
	require(!call->id || json_equal(id, call->id), "a response has another id");
	require(call->id || !id || json_is_null(id), "a response has an id of its own");
	require(!error || json_get_int(error, "code", 0) < 0, "an error has no code");
}

static void check_answers(const struct mcp_plan *plan)
{
	struct buf out;
	struct err err;
	json_t *json = NULL;
	buf_init(&out, alloc_default(), 1 << 24);
	require(mcp_write(plan, &out, &err) == ERR_OK, "answers cannot be written");
	require((out.len > 0) == (plan->count > 0),
		"an answer is missing, or there is one too many");
	if (out.len) {
		require(str_find(buf_str(&out), STR("\n"), 0) == STR_NPOS, "a newline");
		require(json_parse(buf_str(&out), &json, &err) == ERR_OK, "the answer is no JSON");
		require(plan->batch == json_is_array(json), "a list where none is due");
		for (size_t i = 0; i < plan->count; i++)
			check_response(plan->batch ? json_array_get(json, i) : json,
				       &plan->calls[i]);
	}
	json_decref(json);
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const char *const versions[] = {NULL, "2026-07-28", "2025-11-25", "2025-03-26"};
	static const char *const names[] = {NULL, "tools/call", "tools/list", "server/discover"};
	struct mcp_plan plan;
	struct err err;
	if (size == 0)
		return 0;
	const struct mcp_frame frame = {.http = data[0] & 1,
					.version = versions[data[0] >> 1 & 3],
					.method = names[data[0] >> 3 & 3],
					.name = data[0] & 0x20 ? "search_kubeflow_docs" : NULL,
					.agreed = versions[data[0] >> 6 & 3]};
	require(mcp_read((struct str){(const char *)data + 1, size - 1}, &frame, &plan, &err) ==
			ERR_OK,
		"a message is not answered");
	size_t searches = 0;
	for (size_t i = 0; i < plan.count; i++) {
		if (plan.calls[i].response)
			continue;
		searches++;
		check_query(&plan.calls[i].query);
		require(mcp_answer(&plan.calls[i], mcp_tool_failure("Search failed", "x"), &err) ==
				ERR_OK,
			"a result cannot be said");
	}
	require(searches == plan.searches, "searches are miscounted");
	require(plan.status == 200 || !searches, "a search has a status of an error");
	check_answers(&plan);
	mcp_release(&plan);
	return 0;
}
