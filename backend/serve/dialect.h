/*
 * How a protocol says what becomes of a question: the one thing in which WebSocket, server-sent events
 * and the rest differ for the worker that answers. All functions are called on the worker's thread and
 * append to `frame`; one that appends nothing sends nothing.
 */
#ifndef DOCS_BOT_SERVE_DIALECT_H
#define DOCS_BOT_SERVE_DIALECT_H

#include "answer/answer.h"
#include "base/buf.h"
#include "base/err.h"

struct job;

struct dialect {
	/* Of the HTTP response; NULL: frames of a WebSocket. */
	const char *content_type;
	/*
	 * While the answer is made. All NULL: nothing is sent before its end, and end() makes the whole body.
	 * Of these three each may be NULL, then it is left unsaid.
	 */
	enum err_code (*status)(const struct job *job, const char *stage, struct buf *frame,
				struct err *err);
	enum err_code (*text)(const struct job *job, struct str piece, struct buf *frame,
			      struct err *err);
	enum err_code (*tool_result)(const struct job *job, struct str tool, struct str text,
				     struct buf *frame, struct err *err);
	/* After the last piece; called for step 0 … end_steps - 1, each a frame of its own. */
	enum err_code (*end)(const struct job *job, const struct answer_result *result,
			     unsigned step, struct buf *frame, struct err *err);
	unsigned end_steps;
	/*
	 * Instead of an end; the whole body where nothing was to be sent before. `code` tells what kind of
	 * failure it is. NULL, or nothing appended before anything
	 * was sent: an HTTP error in the form of the path.
	 */
	enum err_code (*error)(const struct job *job, enum err_code code, const char *message,
			       struct buf *frame, struct err *err);
	/* The job is being freed, on whatever thread and however it ended. NULL: nobody cares. */
	void (*gone)(const struct job *job);
};

/* Whether pieces are sent as they come. */
static inline bool dialect_streams(const struct dialect *dialect)
{
	return dialect->text != NULL;
}

#endif
