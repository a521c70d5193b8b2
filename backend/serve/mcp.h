/*
 * The Model Context Protocol as pure functions, without I/O: what a message means, and the bytes that
 * go back. Two generations of it: 2025-03-26 to 2025-11-25, which begin with `initialize`, and 2026-07-28,
 * in which each request says all about itself in `_meta`. Over HTTP see mcp_http.c, over standard input
 * and output cmd/mcp.c. The searches are in mcp_tools.h. All functions are thread-safe; a plan is used by
 * one thread at a time.
 * Source: modelcontextprotocol.io/specification, each revision's transports, lifecycle and tools.
 */
#ifndef DOCS_BOT_SERVE_MCP_H
#define DOCS_BOT_SERVE_MCP_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#define MCP_SERVER_NAME    "Kubeflow Docs MCP Server"
#define MCP_BATCH_MAX      16  /* requests of one batch */
#define MCP_ID_MAX         256 /* bytes of a request's id */
#define MCP_QUERY_MAX      512 /* characters */
#define MCP_FILTER_MAX     127 /* bytes */
#define MCP_TOP_K_MAX      20
#define MCP_TOP_K_DEFAULT  5
#define MCP_VERSION_MODERN "2026-07-28"
#define MCP_VERSION_LATEST "2025-11-25" /* with initialize */
#define MCP_VERSION_FIRST  "2025-03-26" /* what a request without a version speaks */

/* Codes of JSON-RPC 2.0 (5.1), and of MCP 2026-07-28. */
enum mcp_code {
	MCP_PARSE_ERROR = -32700,
	MCP_INVALID_REQUEST = -32600,
	MCP_METHOD_NOT_FOUND = -32601,
	MCP_INVALID_PARAMS = -32602,
	MCP_INTERNAL_ERROR = -32603,
	MCP_HEADER_MISMATCH = -32020,
	MCP_UNSUPPORTED_VERSION = -32022,
};

/* What stands around a message. Strings are NUL-terminated; NULL: not given. */
struct mcp_frame {
	bool http;           /* 2026-07-28 then wants headers */
	const char *version; /* MCP-Protocol-Version */
	const char *method;  /* Mcp-Method */
	const char *name;    /* Mcp-Name */
	const char *agreed;  /* version of the session, or of the process; NULL: none is begun */
};

enum mcp_tool { MCP_DOCS, MCP_ISSUES, MCP_CODE, MCP_TOOL_COUNT };

/* What one tool is asked for; views into the plan's message. */
struct mcp_query {
	enum mcp_tool tool;
	struct str text; /* trimmed, valid UTF-8, 1 … MCP_QUERY_MAX characters */
	size_t top_k;    /* 1 … MCP_TOP_K_MAX */
	struct str repo, state, resource_kind; /* empty: any */
};

/* One request that is to be answered. */
struct mcp_call {
	json_t *id;       /* of the message; NULL: it cannot be told */
	bool modern;      /* 2026-07-28 */
	json_t *response; /* the call's own; NULL until the search is made */
	struct mcp_query query;
};

/* What becomes of a message. */
struct mcp_plan {
	json_t *message; /* the plan's own */
	struct mcp_call calls[MCP_BATCH_MAX];
	size_t count; /* 0: there is nothing to say (HTTP 202) */
	bool batch;   /* the answer is a list */
	bool modern;
	size_t searches; /* calls without a response */
	int status;      /* of HTTP */
	/* The version that `initialize` agreed on, static; NULL: the message is none. */
	const char *initialized;
	bool events; /* for mcp_http.c: the client takes only server-sent events */
};

/*
 * Reads a message and answers what needs no search. Never fails but for memory: what is wrong with the
 * bytes is an answer. *plan is to be released in either case.
 */
enum err_code mcp_read(struct str bytes, const struct mcp_frame *frame, struct mcp_plan *plan,
		       struct err *err) WARN_UNUSED;
void mcp_release(struct mcp_plan *plan);

/*
 * Gives a call the result of its tool, which is taken over (NULL: it could not be built, as any JSON
 * without memory).
 */
enum err_code mcp_answer(struct mcp_call *call, json_t *result, struct err *err) WARN_UNUSED;
/* The same with a JSON-RPC error. */
enum err_code mcp_refuse(struct mcp_call *call, enum mcp_code code, const char *message,
			 struct err *err) WARN_UNUSED;

/*
 * Appends the answers of a plan, all of whose calls have one, as one line of JSON without a newline.
 * Nothing when there is nothing to say.
 */
enum err_code mcp_write(const struct mcp_plan *plan, struct buf *out, struct err *err) WARN_UNUSED;

/* Appends an error that no request can be named for. */
enum err_code mcp_write_error(enum mcp_code code, const char *message, struct buf *out,
			      struct err *err) WARN_UNUSED;

/* Whether the version is one that begins with initialize; its static spelling, or NULL. */
const char *mcp_legacy_version(const char *version);

/*
 * Whether an Accept header (NULL: none was sent) lets us answer in JSON, or else in events.
 */
enum mcp_accept { MCP_ACCEPT_JSON, MCP_ACCEPT_EVENTS, MCP_ACCEPT_NEITHER };
enum mcp_accept mcp_accept(const char *header);

#endif
