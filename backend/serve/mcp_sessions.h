/*
 * The sessions of MCP 2025-03-26 to 2025-11-25. They hold nothing but the version that was agreed on; a
 * client whose session is gone begins another (HTTP 404). One thread uses a table.
 */
#ifndef DOCS_BOT_SERVE_MCP_SESSIONS_H
#define DOCS_BOT_SERVE_MCP_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/str.h"

#define MCP_SESSIONS_MAX    1024 /* beyond: the one that rested longest goes */
#define MCP_SESSION_IDLE_US ((int64_t)24 * 3600 * 1000000) /* editors stay open over night */
#define MCP_SESSION_SIZE    49 /* 192 random bits in hex, NUL included */

struct mcp_session {
	char id[MCP_SESSION_SIZE];
	const char *version; /* static */
	int64_t used_us;     /* monotonic */
};

/* Zero-initialised but for `alloc`; memory is taken with the first session. */
struct mcp_sessions {
	const struct alloc *alloc;
	struct mcp_session *items; /* MCP_SESSIONS_MAX */
	size_t count;
};

void mcp_sessions_release(struct mcp_sessions *sessions);

/* Its id into `id`; false: no memory, or the system gives no random bytes. */
bool mcp_session_begin(struct mcp_sessions *sessions, const char *version, int64_t now_us,
		       char id[MCP_SESSION_SIZE]);
/* The session's version, which has then been used now; NULL: there is no such session any more. */
const char *mcp_session_use(struct mcp_sessions *sessions, struct str id, int64_t now_us);
/* false: there was none. */
bool mcp_session_end(struct mcp_sessions *sessions, struct str id, int64_t now_us);

#endif
