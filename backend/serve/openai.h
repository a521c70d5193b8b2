/*
 * The chat completions, models and embeddings of OpenAI's API as pure functions, without I/O: what a request
 * asks for, and the documents and events that go back. All functions are thread-safe.
 * Source of the forms: OpenAI's public API reference (chat completions, streaming, embeddings, errors).
 */
#ifndef DOCS_BOT_SERVE_OPENAI_H
#define DOCS_BOT_SERVE_OPENAI_H

#include "answer/answer.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#define OPENAI_MODEL      "docs-bot" /* the id under which the assistant is asked */
#define OPENAI_INPUTS_MAX 256        /* texts of one request for embeddings */
#define OPENAI_PARAM_SIZE 64
#define OPENAI_BASE_SIZE  300 /* address of this service, NUL included */

/* Why a request is refused. */
struct openai_problem {
	int status;
	char message[ERR_MESSAGE_MAX];
	char param[OPENAI_PARAM_SIZE]; /* what is wrong, e.g. "messages[0].role"; empty: none */
	const char *code;              /* for programs, e.g. "model_not_found"; NULL: none */
};

/* ---- openai_read.c ---- */

struct openai_chat {
	bool stream, include_usage;
};

/*
 * A request for a chat completion. The last message of the user is appended to `question`, without white space
 * at its ends, and what user and assistant said before it to `history` as a JSON list of {role, content}, or
 * nothing when there is none. System messages are left out, of answers the list of sources that
 * openai_sources() put under them. false: *problem says why.
 */
bool openai_read_chat(struct str body, struct openai_chat *out, struct buf *question,
		      struct buf *history, struct openai_problem *problem) WARN_UNUSED;

struct openai_embeddings {
	bool base64; /* little-endian f32; else a list of numbers */
	size_t count;
};

/*
 * A request for embeddings by the model of that name and dimension. Its texts are appended to `inputs` as a JSON
 * list of strings, 1 … OPENAI_INPUTS_MAX, none empty. false: *problem says why.
 */
bool openai_read_embeddings(struct str body, const char *model, size_t dimension,
			    struct openai_embeddings *out, struct buf *inputs,
			    struct openai_problem *problem) WARN_UNUSED;

/* ---- openai_write.c; errors as those of frames.h: ERR_NOMEM, or ERR_LIMIT when `out` is full ---- */

/* {"error": {message, type, param, code}}; the type follows from the status. `param` and `code`: NULL for null. */
enum err_code openai_error(int status, const char *message, const char *param, const char *code,
			   struct buf *out, struct err *err) WARN_UNUSED;

/* What every document of one answer says. */
struct openai_reply {
	struct str id;      /* of the answer */
	int64_t created;    /* Unix time in seconds */
	struct str base;    /* put before addresses that begin with '/'; may be empty */
	bool include_usage; /* of a stream: its last event counts tokens */
};

/* A server-sent event with a piece of the text; the `first` names the role. */
enum err_code openai_event_text(const struct openai_reply *reply, struct str piece, bool first,
				struct buf *out, struct err *err) WARN_UNUSED;

/*
 * The events after the last piece: the list of sources as text, the annotations, finish_reason, the counts if
 * they are wanted, and [DONE]. `first`: no piece was sent before.
 */
enum err_code openai_event_end(const struct openai_reply *reply, const struct answer_result *result,
			       bool first, struct buf *out, struct err *err) WARN_UNUSED;

/* An error in the middle of a stream, which ends it. */
enum err_code openai_event_error(int status, const char *message, struct buf *out,
				 struct err *err) WARN_UNUSED;

/* The whole answer as one document. */
enum err_code openai_completion(const struct openai_reply *reply,
				const struct answer_result *result, struct buf *out,
				struct err *err) WARN_UNUSED;

/* The list of models: the assistant's, and that of embeddings unless it is NULL. */
enum err_code openai_models(const char *embedder, int64_t created, struct buf *out,
			    struct err *err) WARN_UNUSED;
/* One model; ERR_NOTFOUND when there is none of that id. */
enum err_code openai_model(struct str id, const char *embedder, int64_t created, struct buf *out,
			   struct err *err) WARN_UNUSED;

/* `count` rows of `dimension` values, and the tokens of the texts they belong to. */
enum err_code openai_vectors(const char *model, const float *vectors, size_t count,
			     size_t dimension, bool base64, uint64_t tokens, struct buf *out,
			     struct err *err) WARN_UNUSED;

/* ---- openai_cite.c ---- */

/* The list of sources under an answer: a Markdown list of numbered links. Nothing without addresses. */
void openai_sources(const struct openai_reply *reply, const struct answer_result *result,
		    struct buf *out);

/*
 * The annotations of `text`, an answer with its list of sources that begins at `list`: one for each mark [n]
 * outside code, at most OPENAI_ANNOTATIONS_MAX, and one for the entry of each source that has no mark. Indexes
 * count code points. NULL without memory; the caller's.
 */
#define OPENAI_ANNOTATIONS_MAX 200
json_t *openai_annotations(const struct openai_reply *reply, const struct answer_result *result,
			   struct str text, size_t list, const struct alloc *alloc) WARN_UNUSED;

/* An assistant's earlier answer without the list of sources under it. */
struct str openai_without_sources(struct str text);

#endif
