/*
 * The chat protocol as pure functions, without I/O: what a client message means, and the frames
 * and documents that go back. One JSON text per frame. All functions are thread-safe.
 */
#ifndef DOCS_BOT_SERVE_FRAMES_H
#define DOCS_BOT_SERVE_FRAMES_H

#include "answer/answer.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define FRAMES_GREETING "Connected to Kubeflow Documentation Assistant"

#define FRAMES_SESSION_MAX 128 /* bytes of a session's name */

/*
 * The question in one client message. A JSON object with `message` (string) means that string;
 * anything else is the question itself, as existing clients send it. Bytes that are not UTF-8 are
 * dropped. Appends the question, white space at both ends
 * removed, to `question`; it may be empty. ERR_INVALID when `message` is not a string, else those
 * of the buffer.
 */
enum err_code frames_parse(struct str message, struct buf *question, struct err *err) WARN_UNUSED;

/*
 * What else a client message says: `session_id` (visible ASCII of at most FRAMES_SESSION_MAX bytes, else it is
 * as if there were none) into `session`, the list `history` as JSON text appended to `history`. Both stay
 * empty when they are not there.
 */
enum err_code frames_conversation(struct str message, char session[FRAMES_SESSION_MAX + 1],
				  struct buf *history, struct err *err) WARN_UNUSED;

/*
 * Each appends one JSON text to `out`. Text that is not UTF-8 becomes null. Errors: ERR_NOMEM, or
 * ERR_LIMIT when `out` is full (it is then as long as before).
 */
enum err_code frames_system(struct buf *out, struct err *err) WARN_UNUSED;
enum err_code frames_status(const char *stage, struct buf *out, struct err *err) WARN_UNUSED;
enum err_code frames_content(struct str piece, struct buf *out, struct err *err) WARN_UNUSED;
enum err_code frames_tool_result(struct str tool, struct str text, struct buf *out,
				 struct err *err) WARN_UNUSED;
enum err_code frames_sources(const struct answer_citation *citations, size_t count, struct buf *out,
			     struct err *err) WARN_UNUSED;
/* The distinct URLs in order of first use. Appends nothing when there is none. */
enum err_code frames_citations(const struct answer_citation *citations, size_t count,
			       struct buf *out, struct err *err) WARN_UNUSED;
/* With what became of the question: `route`, `grounded`. */
enum err_code frames_done(struct str answer_id, const struct answer_result *result, struct buf *out,
			  struct err *err) WARN_UNUSED;
/* The answer of POST /chat as one document: {response, citations, sources, answer_id, route, grounded}. */
enum err_code frames_chat(struct str answer_id, const struct answer_result *result, struct buf *out,
			  struct err *err) WARN_UNUSED;
/* "Request failed: " and the message. */
enum err_code frames_error(const char *message, struct buf *out, struct err *err) WARN_UNUSED;

/*
 * The result of a search: {query, took_ms, results:[{rank, score, type, title, section, url, path,
 * repo, version, text}]}.
 */
enum err_code frames_search(struct str query, const struct retrieve_results *results,
			    struct buf *out, struct err *err) WARN_UNUSED;

/*
 * What /readyz says when questions are answered: {status:"ready", index:{chunks, pending, percent,
 * generation}}. Percent of the chunks that have their vectors, rounded down.
 */
enum err_code frames_ready(uint64_t chunks, uint64_t pending, uint64_t generation, struct buf *out,
			   struct err *err) WARN_UNUSED;

/* An RFC 9457 problem document of type about:blank. */
enum err_code frames_problem(int status, const char *title, const char *detail, struct str id,
			     struct buf *out, struct err *err) WARN_UNUSED;

#endif
