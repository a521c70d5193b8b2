#include "serve/mcp_sessions.h"

#include <stdio.h>
#include <sys/random.h>

void mcp_sessions_release(struct mcp_sessions *sessions)
{
	alloc_free(sessions->alloc, sessions->items);
	sessions->items = NULL;
	sessions->count = 0;
}

static void drop(struct mcp_sessions *sessions, struct mcp_session *session)
{
	*session = sessions->items[--sessions->count];
}

static bool new_id(char id[MCP_SESSION_SIZE])
{
	unsigned char random[(MCP_SESSION_SIZE - 1) / 2];
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return false;
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(id + 2 * i, 3, "%02x", random[i]);
	return true;
}

static struct mcp_session *find(struct mcp_sessions *sessions, struct str id, int64_t now_us)
{
	for (size_t i = 0; i < sessions->count; i++) {
		struct mcp_session *session = &sessions->items[i];
		if (!str_eq(str_c(session->id), id))
			continue;
		if (now_us - session->used_us <= MCP_SESSION_IDLE_US)
			return session;
		drop(sessions, session);
		return NULL;
	}
	return NULL;
}

bool mcp_session_begin(struct mcp_sessions *sessions, const char *version, int64_t now_us,
		       char id[MCP_SESSION_SIZE])
{
	if (!sessions->items)
		sessions->items =
			alloc_zero(sessions->alloc, MCP_SESSIONS_MAX, sizeof(*sessions->items));
	struct mcp_session session = {.version = version, .used_us = now_us};
	if (!sessions->items || !new_id(session.id))
		return false;
	if (sessions->count == MCP_SESSIONS_MAX) {
		struct mcp_session *oldest = sessions->items;
		for (size_t i = 1; i < sessions->count; i++)
			if (sessions->items[i].used_us < oldest->used_us)
				oldest = &sessions->items[i];
		drop(sessions, oldest);
	}
	sessions->items[sessions->count++] = session;
	snprintf(id, MCP_SESSION_SIZE, "%s", session.id);
	return true;
}

const char *mcp_session_use(struct mcp_sessions *sessions, struct str id, int64_t now_us)
{
	struct mcp_session *session = find(sessions, id, now_us);
	if (!session)
		return NULL;
	session->used_us = now_us;
	return session->version;
}

bool mcp_session_end(struct mcp_sessions *sessions, struct str id, int64_t now_us)
{
	struct mcp_session *session = find(sessions, id, now_us);
	if (session)
		drop(sessions, session);
	return session != NULL;
}
