/*
 * The WebSocket chat (docs: the frames of docs-agent's first server, plus status, sources and
 * answer_id). Questions of one socket are answered one after another. A message over the limit is
 * dropped and answered with an error frame; the socket stays open. Loop thread only.
 */
#include <string.h>

#include "serve/frames.h"
#include "serve/origin.h"
#include "serve/service.h"

/* ---- what is said ---- */

static enum err_code say_status(const struct job *job, const char *stage, struct buf *frame,
				struct err *err)
{
	return frames_status(stage, frame, err);
}

static enum err_code say_text(const struct job *job, struct str piece, struct buf *frame,
			      struct err *err)
{
	return frames_content(piece, frame, err);
}

static enum err_code say_tool_result(const struct job *job, struct str tool, struct str text,
				     struct buf *frame, struct err *err)
{
	return frames_tool_result(tool, text, frame, err);
}

enum { END_SOURCES, END_CITATIONS, END_DONE, END_STEPS };

static enum err_code say_end(const struct job *job, const struct answer_result *result,
			     unsigned step, struct buf *frame, struct err *err)
{
	if (step == END_SOURCES)
		return frames_sources(result->citations, result->citation_count, frame, err);
	if (step == END_CITATIONS)
		return frames_citations(result->citations, result->citation_count, frame, err);
	return frames_done(str_c(job->id), result, frame, err);
}

static enum err_code say_error(const struct job *job, enum err_code code, const char *message,
			       struct buf *frame, struct err *err)
{
	return frames_error(message, frame, err);
}

static const struct dialect websocket_dialect = {.status = say_status,
						 .text = say_text,
						 .tool_result = say_tool_result,
						 .end = say_end,
						 .end_steps = END_STEPS,
						 .error = say_error};

/* ---- the connection ---- */

static bool header(struct lws *wsi, enum lws_token_indexes token, char *out, size_t size)
{
	out[0] = '\0';
	return lws_hdr_total_length(wsi, token) <= 0 ||
	       lws_hdr_copy(wsi, out, (int)size, token) >= 0;
}

int ws_confirm(struct conn *conn, const char *protocol)
{
	char origin[512], host[512];
	conn->route = METRICS_WEBSOCKET;
	conn->problems = NULL;
	http_request_id(conn->wsi, conn->id);
	if (strcmp(protocol, "websocket") != 0) {
		conn->response.close = true;
		http_problem(conn, 505, "HTTP/2 is not served here; use HTTP/1.1");
		return http_send_now(conn) ? 1 : -1;
	}
	if (!header(conn->wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin)) ||
	    !header(conn->wsi, WSI_TOKEN_HOST, host, sizeof(host)) ||
	    !origin_allowed(str_c(conn->service->options->allowed_origins), str_c(origin),
			    str_c(host))) {
		conn->response.close = true;
		http_problem(
			conn, 403,
			"pages of this origin may not connect; see the option allowed_origins");
		return http_send_now(conn) ? 1 : -1;
	}
	return 0;
}

/* Queues a frame that the loop made; without memory the frame is lost and the socket closed. */
static bool post(struct conn *conn, enum err_code code, struct buf *frame)
{
	bool ok = code == ERR_OK && outbox_push(&conn->out, buf_str(frame));
	buf_release(frame);
	lws_callback_on_writable(conn->wsi);
	return ok;
}

static bool post_error(struct conn *conn, const char *message)
{
	struct buf frame;
	buf_init(&frame, conn->service->alloc, 8 * ERR_MESSAGE_MAX);
	return post(conn, frames_error(message, &frame, NULL), &frame);
}

int ws_open(struct conn *conn)
{
	const struct serve_options *options = conn->service->options;
	struct buf frame;
	conn->websocket = true;
	conn->service->websocket_count++;
	metrics_request(&conn->service->metrics, METRICS_WEBSOCKET, 101);
	buf_init(&conn->message, conn->service->alloc, options->max_message_bytes);
	outbox_init(&conn->out, conn->service->alloc, 64 * ERR_MESSAGE_MAX);
	buf_init(&frame, conn->service->alloc, 4096);
	return post(conn, frames_system(&frame, NULL), &frame) ? 0 : -1;
}

/* Starts the next question if none is running. false: out of memory, close. */
static bool next_turn(struct conn *conn)
{
	struct service *service = conn->service;
	while (!conn->job && conn->turn_count) {
		struct turn turn = conn->turns[0];
		conn->turn_count--;
		memmove(conn->turns, conn->turns + 1, conn->turn_count * sizeof(turn));
		bool ok = true;
		if (turn.failed) {
			ok = post_error(conn, turn.text.ptr);
		} else {
			char id[SERVE_ID_SIZE];
			http_new_id(id);
			struct job *job = job_new(service, JOB_ANSWER, id);
			ok = job && buf_append(&job->text, buf_str(&turn.text)) &&
			     buf_append(&job->history, buf_str(&turn.history));
			if (job)
				job->dialect = &websocket_dialect;
			if (ok)
				memcpy(job->session, turn.session, sizeof(job->session));
			if (!ok && job)
				job_unref(job);
			else if (ok && !job_submit(job, conn))
				ok = post_error(conn,
						service->draining
							? "the server is shutting down"
							: "too many questions are waiting; try "
							  "again in a few seconds");
		}
		buf_release(&turn.text);
		buf_release(&turn.history);
		if (!ok)
			return false;
	}
	return true;
}

/* What is wrong with the question in `turn`, or ERR_OK. */
static enum err_code check_turn(struct conn *conn, struct turn *turn, struct err *err)
{
	size_t max = conn->service->options->max_question_bytes;
	if (conn->oversized)
		return err_set(err, ERR_LIMIT, "the message is longer than %zu bytes; shorten it",
			       conn->service->options->max_message_bytes);
	enum err_code code = frames_parse(buf_str(&conn->message), &turn->text, err);
	if (!code)
		code = frames_conversation(buf_str(&conn->message), turn->session, &turn->history,
					   err);
	if (code)
		return code;
	if (!turn->text.len)
		return err_set(err, ERR_INVALID, "the question is empty; type a question");
	if (turn->text.len > max)
		return err_set(err, ERR_LIMIT,
			       "the question is %zu bytes long; the limit is %zu bytes",
			       turn->text.len, max);
	return ERR_OK;
}

static int end_of_message(struct conn *conn)
{
	struct err err;
	struct turn turn = {.failed = false};
	if (conn->turn_count == SERVE_MAX_TURNS) {
		buf_clear(&conn->message);
		conn->oversized = false;
		return post_error(conn, "too many questions at once on this connection; wait for "
					"an answer first")
			       ? 0
			       : -1;
	}
	size_t max = conn->service->options->max_message_bytes;
	buf_init(&turn.text, conn->service->alloc, max > ERR_MESSAGE_MAX ? max : ERR_MESSAGE_MAX);
	buf_init(&turn.history, conn->service->alloc, max);
	turn.failed = check_turn(conn, &turn, &err) != ERR_OK;
	buf_release(&conn->message);
	conn->oversized = false;
	if (turn.failed) {
		buf_clear(&turn.text);
		buf_release(&turn.history);
		if (!buf_append(&turn.text, str_c(err.message))) {
			buf_release(&turn.text);
			return -1;
		}
	}
	conn->turns[conn->turn_count++] = turn;
	return next_turn(conn) ? 0 : -1;
}

int ws_receive(struct conn *conn, const void *data, size_t len)
{
	if (!conn->oversized && !buf_append(&conn->message, (struct str){data, len})) {
		conn->oversized = true;
		buf_clear(&conn->message);
	}
	return lws_is_final_fragment(conn->wsi) ? end_of_message(conn) : 0;
}

static int write_text(struct conn *conn, struct buf *frame)
{
	size_t len = frame->len - LWS_PRE;
	unsigned char *text = (unsigned char *)frame->ptr + LWS_PRE;
	return lws_write(conn->wsi, text, len, LWS_WRITE_TEXT) < (int)len ? -1 : 0;
}

/* Takes the job's next frame; *ended when there will be none. */
static bool take_frame(struct conn *conn, struct buf *frame, bool *ended, bool *overflow)
{
	struct job *job = conn->job;
	pthread_mutex_lock(&job->lock);
	bool got = outbox_pop(&job->out, frame);
	*ended = job->finished && outbox_empty(&job->out);
	*overflow = job->overflow;
	pthread_mutex_unlock(&job->lock);
	return got;
}

int ws_writeable(struct conn *conn)
{
	struct buf frame;
	static const char pre[LWS_PRE];
	bool ended = false, overflow = false;
	int result = 0;
	buf_init(&frame, conn->service->alloc,
		 conn->service->options->max_answer_bytes + 64 * ERR_MESSAGE_MAX + LWS_PRE);
	if (!buf_append(&frame, (struct str){pre, sizeof(pre)})) {
		result = -1;
		goto out;
	}
	if (outbox_pop(&conn->out, &frame) ||
	    (conn->job && take_frame(conn, &frame, &ended, &overflow)))
		result = write_text(conn, &frame);
	if (frame.failed)
		result = -1;
	if (result)
		goto out;
	if (ended) {
		job_abandon(conn);
		if (overflow && !post_error(conn, "the answer was not read fast enough"))
			result = -1;
		if (!next_turn(conn))
			result = -1;
	}
	if (conn->service->draining && !ws_busy(conn)) {
		unsigned char reason[] = "the server is shutting down";
		lws_close_reason(conn->wsi, LWS_CLOSE_STATUS_GOINGAWAY, reason, sizeof(reason) - 1);
		result = -1;
	} else if (ws_busy(conn) && (frame.len > LWS_PRE || !outbox_empty(&conn->out))) {
		/* Something was written: look for more as soon as the socket takes it. */
		lws_callback_on_writable(conn->wsi);
	}
out:
	buf_release(&frame);
	return result;
}

bool ws_busy(const struct conn *conn)
{
	return conn->job || conn->turn_count || !outbox_empty(&conn->out);
}

void ws_close(struct conn *conn)
{
	if (!conn->websocket)
		return;
	conn->websocket = false;
	conn->service->websocket_count--;
	for (size_t i = 0; i < conn->turn_count; i++) {
		buf_release(&conn->turns[i].text);
		buf_release(&conn->turns[i].history);
	}
	conn->turn_count = 0;
	buf_release(&conn->message);
	outbox_release(&conn->out);
}
