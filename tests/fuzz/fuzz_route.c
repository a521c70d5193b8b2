/*
 * Any bytes as a conversation: turns are separated by NUL, the last is the question. Routing and
 * rewriting end without an error, agree with themselves, and give valid text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer/rewrite.h"
#include "answer/route.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { TURNS_MAX = 16, MEMORY = 64 << 20 };

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_route: %s\n", what);
	abort();
}

static void check_route(const struct route *route, const struct route *again)
{
	bool searches = route->route == ROUTE_DOCS || route->route == ROUTE_KNOWLEDGE;
	require(route->route != ROUTE_ABSTAINED, "abstained before a search");
	require(searches == (route->sources != 0), "sources do not go with the route");
	require(searches == (route->reply.len == 0), "the reply does not go with the route");
	require(route->reason.len > 0, "there is no reason");
	require(utf8_valid(route->search_query), "the query is no valid text");
	require(route->route == again->route && route->sources == again->sources &&
			str_eq(route->search_query, again->search_query),
		"the same question is routed another way");
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct arena arena;
	struct err err = {ERR_OK, ""};
	struct chat_turn turns[TURNS_MAX];
	struct history history = {turns, 0};
	struct str rest = {(const char *)data, size}, turn, question = STR("");
	struct route route, again;
	struct str query;
	arena_init(&arena, alloc_default(), MEMORY);
	while (str_cut(&rest, '\0', &turn)) {
		if (question.len && history.count < TURNS_MAX) {
			turns[history.count] = (struct chat_turn){
				history.count % 2 ? CHAT_ASSISTANT : CHAT_USER, question};
			history.count++;
		}
		question = utf8_repair(&arena, turn, NULL);
		require(question.ptr != NULL, "no memory");
	}
	require(!route_decide(question, &history, &arena, &route, &err), err.message);
	require(!route_decide(question, &history, &arena, &again, &err), err.message);
	check_route(&route, &again);
	require(!rewrite_accept(question, &history, history.count ? turns[0].text : question,
				&arena, &query, &err),
		err.message);
	require(utf8_valid(query), "the accepted query is no valid text");
	arena_release(&arena);
	return 0;
}
