/*
 * Agent2Agent (A2A) 0.3 and 1.0 over JSON-RPC as pure functions, without I/O: what a request asks for, and the
 * documents and events that go back. All functions are thread-safe.
 * Source of the forms: the A2A specification, tags v0.3.0 and v1.0.1; of the metadata, kagent's web client.
 */
#ifndef DOCS_BOT_SERVE_A2A_H
#define DOCS_BOT_SERVE_A2A_H

#include "answer/answer.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define A2A_ID_SIZE      129  /* of a task or conversation, NUL included */
#define A2A_RPC_ID_MAX   1024 /* bytes of a request's id as JSON */
#define A2A_PARTS_MAX    64   /* of one message */
#define A2A_CARD_PATH    "/.well-known/agent-card.json"
#define A2A_DEFAULT_PATH "/a2a/default/docs-bot" /* where the card sends clients to */

enum a2a_version { A2A_V03, A2A_V10 };

/* JSON-RPC 2.0, and A2A's own (section 5.4 of its specification). */
enum a2a_error_code {
	A2A_PARSE_ERROR = -32700,
	A2A_INVALID_REQUEST = -32600,
	A2A_METHOD_NOT_FOUND = -32601,
	A2A_INVALID_PARAMS = -32602,
	A2A_INTERNAL_ERROR = -32603,
	A2A_TASK_NOT_FOUND = -32001,
	A2A_NOT_CANCELABLE = -32002,
	A2A_NO_PUSH = -32003,
	A2A_UNSUPPORTED = -32004,
	A2A_CONTENT_TYPE = -32005,
	A2A_NO_EXTENDED_CARD = -32007,
	A2A_VERSION = -32009,
};

enum a2a_method { A2A_SEND, A2A_STREAM, A2A_GET, A2A_CANCEL, A2A_SUBSCRIBE };

enum a2a_state {
	A2A_SUBMITTED,
	A2A_WORKING,
	A2A_COMPLETED, /* this and what follows: for ever */
	A2A_CANCELED,
	A2A_FAILED,
	A2A_STATE_COUNT
};

static inline bool a2a_state_final(enum a2a_state state)
{
	return state >= A2A_COMPLETED;
}

struct a2a_problem {
	int code; /* enum a2a_error_code */
	char message[ERR_MESSAGE_MAX];
};

/* ---- a2a_read.c ---- */

struct a2a_request {
	enum a2a_version version;
	enum a2a_method method;
	char task[A2A_ID_SIZE];    /* of the message, or of which the request speaks; empty: none */
	char context[A2A_ID_SIZE]; /* the conversation; empty: a new one */
	bool at_once;              /* A2A_SEND: the client does not wait for the answer */
};

/*
 * One request. `header` is the value of A2A-Version, empty when there is none: then the method's name tells
 * the version. Appended are the request's id as JSON text ("null" when there is none that can be
 * returned) to `rpc_id`, and the text of a message, without white space at its ends, to `question`. false: *problem says why;
 * out->version and rpc_id are those to answer in.
 */
bool a2a_read(struct str body, struct str header, struct a2a_request *out, struct buf *rpc_id,
	      struct buf *question, struct a2a_problem *problem) WARN_UNUSED;

/* ---- a2a_write.c; errors as those of frames.h: ERR_NOMEM, or ERR_LIMIT when `out` is full ---- */

/* What every document and event of one request says. */
struct a2a_reply {
	enum a2a_version version;
	struct str rpc_id; /* as JSON text; empty: null */
	struct str task;   /* ids */
	struct str context;
	int64_t now_ms; /* since 1970, UTC */
	bool event;     /* a `data:` line rather than a document */
};

/* A task as it stands. */
struct a2a_task_view {
	enum a2a_state state;
	struct str text;      /* the answer, or of a failed task why; may be empty */
	struct str citations; /* of the answer, as a JSON list; may be empty */
};

/* {jsonrpc, id, error}. */
enum err_code a2a_write_error(const struct a2a_reply *reply, const struct a2a_problem *problem,
			      struct buf *out, struct err *err) WARN_UNUSED;
/* The task as result; `sent`: of a message, where 1.0 names what the result is. */
enum err_code a2a_write_task(const struct a2a_reply *reply, const struct a2a_task_view *task,
			     bool sent, struct buf *out, struct err *err) WARN_UNUSED;

/* What the message of a status update is. */
enum a2a_text_kind { A2A_TEXT_PIECE, A2A_TEXT_WHOLE, A2A_TEXT_NOTE };

/*
 * A status update. With a text it has a message of the agent under `message_id`, whose metadata tell pieces
 * from the whole; a note has none. An update to a final state is the last one.
 */
enum err_code a2a_write_status(const struct a2a_reply *reply, enum a2a_state state, struct str text,
			       enum a2a_text_kind kind, struct str message_id, struct buf *out,
			       struct err *err) WARN_UNUSED;
/* The answer as an artifact, complete. */
enum err_code a2a_write_artifact(const struct a2a_reply *reply, const struct a2a_task_view *task,
				 struct buf *out, struct err *err) WARN_UNUSED;

/*
 * The agent's card, for both versions. `project`: whose documentation it knows. `base`: scheme and host of
 * this service. `path`: of the agent.
 */
enum err_code a2a_write_card(struct str project, struct str base, struct str path, struct buf *out,
			     struct err *err) WARN_UNUSED;

#endif
