/*
 * The paths of A2A: agents, kagent and its web client ask here. Requests are read on the loop, which also keeps
 * the table of tasks; answers are made by workers, which report to it.
 */
#include "serve/a2a.h"

#include <string.h>

#include "answer/present.h"
#include "base/utf8.h"
#include "serve/a2a_tasks.h"
#include "serve/openai.h"
#include "serve/service.h"

/* The start of job->tag; the request's id follows as JSON. The task is job->id, its context job->session. */
struct tag {
	enum a2a_version version;
	char base[OPENAI_BASE_SIZE]; /* of addresses in the list of sources */
};

/* ---- errors ---- */

static enum err_code write_problem(int status, const char *detail, struct buf *out, struct err *err)
{
	const struct a2a_reply reply = {.version = A2A_V03};
	struct a2a_problem problem = {.code = status >= 500 ? A2A_INTERNAL_ERROR
							    : A2A_INVALID_REQUEST};
	snprintf(problem.message, sizeof(problem.message), "%s", detail);
	utf8_make_printable(problem.message);
	return a2a_write_error(&reply, &problem, out, err);
}

const struct problem_form a2a_problems = {"application/json", write_problem};

/* ---- what is said of an answer; workers ---- */

static int64_t now_ms(const struct service *service)
{
	return clock_wall_ms(service->deps->clock);
}

static struct a2a_reply reply_of(const struct job *job)
{
	const struct tag *tag = (const void *)job->tag.ptr;
	return (struct a2a_reply){.version = tag->version,
				  .rpc_id =
					  str_slice(buf_str(&job->tag), sizeof(*tag), job->tag.len),
				  .task = str_c(job->id),
				  .context = str_c(job->session),
				  .now_ms = now_ms(job->service),
				  .event = dialect_streams(job->dialect)};
}

/* The first event of a stream names the task. */
static enum err_code begin(const struct job *job, const struct a2a_reply *reply, struct buf *frame,
			   struct err *err)
{
	const struct a2a_task_view task = {.state = A2A_SUBMITTED};
	if (job->begun)
		return ERR_OK;
	a2a_tasks_work(job->service->a2a_tasks, job->id, reply->now_ms);
	return a2a_write_task(reply, &task, true, frame, err);
}

static enum err_code event_status(const struct job *job, const char *stage, struct buf *frame,
				  struct err *err)
{
	const struct a2a_reply reply = reply_of(job);
	(void)stage;
	if (job->begun)
		return ERR_OK;
	enum err_code code = begin(job, &reply, frame, err);
	return code ? code
		    : a2a_write_status(&reply, A2A_WORKING, STR(""), A2A_TEXT_NOTE, STR(""), frame,
				       err);
}

static enum err_code write_text(const struct a2a_reply *reply, struct str text,
				enum a2a_text_kind kind, enum a2a_state state, struct buf *frame,
				struct err *err)
{
	char id[SERVE_ID_SIZE];
	http_new_id(id);
	return a2a_write_status(reply, state, text, kind, str_c(id), frame, err);
}

static enum err_code event_text(const struct job *job, struct str piece, struct buf *frame,
				struct err *err)
{
	const struct a2a_reply reply = reply_of(job);
	enum err_code code = begin(job, &reply, frame, err);
	return code ? code : write_text(&reply, piece, A2A_TEXT_PIECE, A2A_WORKING, frame, err);
}

/* The answer with its list of sources, which begins at *list. */
static enum err_code whole_text(const struct job *job, const struct answer_result *result,
				struct buf *text, size_t *list, struct err *err)
{
	const struct tag *tag = (const void *)job->tag.ptr;
	const struct openai_reply base = {.base = str_c(tag->base)};
	buf_init(text, job->service->alloc, job->service->options->max_answer_bytes);
	buf_append(text, result->text);
	*list = text->len;
	openai_sources(&base, result, text);
	return buf_ok(text, "the answer", err);
}

static enum err_code citations_of(const struct job *job, const struct answer_result *result,
				  struct buf *out, struct err *err)
{
	buf_init(out, job->service->alloc, job->service->options->max_answer_bytes);
	if (!result->citation_count)
		return ERR_OK;
	json_t *list = present_citations(result->citations, result->citation_count);
	enum err_code code = json_write(list, out, err);
	json_decref(list);
	return code;
}

enum { END_TEXT, END_ARTIFACT, END_STATE, END_STEPS };

/*
 * Web clients show pieces, or the whole when there were none; agents take the artifact. The last event is a
 * small one, which no network cuts in two.
 */
static enum err_code write_step(const struct job *job, const struct a2a_task_view *task,
				size_t list, unsigned step, struct buf *frame, struct err *err)
{
	const struct a2a_reply reply = reply_of(job);
	enum err_code code = begin(job, &reply, frame, err);
	if (code || step == END_STATE)
		return code ? code
			    : a2a_write_status(&reply, task->state, STR(""), A2A_TEXT_NOTE, STR(""),
					       frame, err);
	if (task->state != A2A_COMPLETED || !task->text.len)
		return ERR_OK;
	if (step == END_ARTIFACT)
		return a2a_write_artifact(&reply, task, frame, err);
	if (list < task->text.len)
		code = write_text(&reply, str_slice(task->text, list, task->text.len),
				  A2A_TEXT_PIECE, A2A_WORKING, frame, err);
	return code ? code
		    : write_text(&reply, task->text, A2A_TEXT_WHOLE, A2A_WORKING, frame, err);
}

static enum err_code end(const struct job *job, const struct answer_result *result, unsigned step,
			 struct buf *frame, struct err *err)
{
	struct buf text, citations;
	size_t list;
	enum err_code code = whole_text(job, result, &text, &list, err);
	enum err_code listed = citations_of(job, result, &citations, code ? NULL : err);
	struct a2a_task_view task = {A2A_COMPLETED, buf_str(&text), buf_str(&citations)};
	code = code ? code : listed;
	if (!code) {
		const struct a2a_reply reply = reply_of(job);
		/* Told again at every step: what counts is the first, and whether it was cancelled. */
		task.state = a2a_tasks_end(job->service->a2a_tasks, job->id, &task, reply.now_ms);
		code = reply.event ? write_step(job, &task, list, step, frame, err)
				   : a2a_write_task(&reply, &task, true, frame, err);
	}
	buf_release(&text);
	buf_release(&citations);
	return code;
}

static enum err_code failed(const struct job *job, enum err_code kind, const char *message,
			    struct buf *frame, struct err *err)
{
	const struct a2a_reply reply = reply_of(job);
	char text[ERR_MESSAGE_MAX + 32];
	bool cancelled = kind == ERR_CANCELLED;
	snprintf(text, sizeof(text), "Request failed: %s", message);
	utf8_make_printable(text);
	struct a2a_task_view task = {.state = cancelled ? A2A_CANCELED : A2A_FAILED,
				     .text = cancelled ? STR("") : str_c(text)};
	task.state = a2a_tasks_end(job->service->a2a_tasks, job->id, &task, reply.now_ms);
	if (!reply.event)
		return a2a_write_task(&reply, &task, true, frame, err);
	enum err_code code = begin(job, &reply, frame, err);
	return code ? code
		    : write_text(&reply, task.state == A2A_FAILED ? task.text : STR(""),
				 A2A_TEXT_NOTE, task.state, frame, err);
}

static void gone(const struct job *job)
{
	a2a_tasks_gone(job->service->a2a_tasks, job->id, now_ms(job->service));
}

static const struct dialect events = {.content_type = "text/event-stream",
				      .status = event_status,
				      .text = event_text,
				      .end = end,
				      .end_steps = END_STEPS,
				      .error = failed,
				      .gone = gone};

/* Says nothing, but who asks for the task is told. */
static enum err_code whole_status(const struct job *job, const char *stage, struct buf *frame,
				  struct err *err)
{
	(void)stage;
	(void)frame;
	(void)err;
	a2a_tasks_work(job->service->a2a_tasks, job->id, now_ms(job->service));
	return ERR_OK;
}

static const struct dialect whole = {.content_type = "application/json",
				     .status = whole_status,
				     .end = end,
				     .end_steps = 1,
				     .error = failed,
				     .gone = gone};

/* ---- requests; loop ---- */

static void respond(struct conn *conn, enum err_code code, struct buf *body)
{
	if (code)
		http_problem(conn, 503, "out of memory");
	else
		http_respond_buf(conn, 200, "application/json", body);
}

static void respond_error(struct conn *conn, const struct a2a_reply *reply, int code,
			  const char *message)
{
	struct a2a_problem problem = {.code = code};
	struct buf body;
	snprintf(problem.message, sizeof(problem.message), "%s", message);
	buf_init(&body, conn->service->alloc, 16 * ERR_MESSAGE_MAX + A2A_RPC_ID_MAX);
	respond(conn, a2a_write_error(reply, &problem, &body, NULL), &body);
	buf_release(&body);
}

/* The task of that id as the answer. */
static void respond_task(struct conn *conn, struct a2a_reply *reply, const char *id, bool sent)
{
	struct service *service = conn->service;
	size_t max = service->options->max_answer_bytes;
	struct a2a_task task;
	struct buf text, citations, body;
	struct err err = {ERR_OK, ""};
	buf_init(&text, service->alloc, max);
	buf_init(&citations, service->alloc, max);
	/* JSON of a text is at most six times as long. */
	buf_init(&body, service->alloc, 8 * max);
	enum err_code code = a2a_tasks_get(service->a2a_tasks, id, reply->now_ms, &task, &text,
					   &citations, &err);
	if (code == ERR_NOTFOUND) {
		respond_error(conn, reply, A2A_TASK_NOT_FOUND, err.message);
	} else {
		const struct a2a_task_view view = {task.state, buf_str(&text), buf_str(&citations)};
		reply->task = str_c(id);
		reply->context = str_c(task.context);
		reply->now_ms = task.changed_ms;
		respond(conn, code ? code : a2a_write_task(reply, &view, sent, &body, &err), &body);
	}
	buf_release(&text);
	buf_release(&citations);
	buf_release(&body);
}

static void cancel(struct conn *conn, struct a2a_reply *reply, const char *id)
{
	struct err err = {ERR_OK, ""};
	enum err_code code = a2a_tasks_cancel(conn->service->a2a_tasks, id, reply->now_ms, &err);
	if (code)
		respond_error(conn, reply,
			      code == ERR_NOTFOUND ? A2A_TASK_NOT_FOUND : A2A_NOT_CANCELABLE,
			      err.message);
	else
		respond_task(conn, reply, id, false);
}

/* Tasks end with their first answer: none goes on, and only the stream of its own request tells of it. */
static void refuse_task(struct conn *conn, struct a2a_reply *reply, const char *id,
			const char *reason)
{
	struct a2a_task task;
	struct buf text, citations;
	size_t max = conn->service->options->max_answer_bytes;
	buf_init(&text, conn->service->alloc, max);
	buf_init(&citations, conn->service->alloc, max);
	bool known = a2a_tasks_get(conn->service->a2a_tasks, id, reply->now_ms, &task, &text,
				   &citations, NULL) != ERR_NOTFOUND;
	buf_release(&text);
	buf_release(&citations);
	respond_error(conn, reply, known ? A2A_UNSUPPORTED : A2A_TASK_NOT_FOUND,
		      known ? reason : "there is no task of this id");
}

/* Takes the job over. */
static void ask(struct conn *conn, struct a2a_reply *reply, const struct a2a_request *request,
		struct job *job)
{
	struct service *service = conn->service;
	struct tag tag = {.version = reply->version};
	struct err err = {ERR_OK, ""};
	char id[SERVE_ID_SIZE], context[SERVE_ID_SIZE];
	http_new_id(context);
	snprintf(job->session, sizeof(job->session), "%s",
		 request->context[0] ? request->context : context);
	memcpy(id, job->id, sizeof(id));
	http_own_address(conn, tag.base, sizeof(tag.base));
	job->dialect = request->method == A2A_STREAM ? &events : &whole;
	if (!buf_append(&job->tag, (struct str){(const char *)&tag, sizeof(tag)}) ||
	    !buf_append(&job->tag, reply->rpc_id) ||
	    a2a_tasks_add(service->a2a_tasks, id, job->session, &job->cancelled, reply->now_ms,
			  &err)) {
		http_problem(conn, 503, "%s", err.code ? err.message : "out of memory");
		job_unref(job);
		return;
	}
	http_answer(conn, job);
	if (!conn->job) {
		a2a_tasks_remove(service->a2a_tasks, id);
	} else if (request->at_once) {
		job_detach(conn);
		respond_task(conn, reply, id, true);
	}
}

static void dispatch(struct conn *conn, struct a2a_reply *reply, const struct a2a_request *request,
		     struct job *job)
{
	bool asks = request->method == A2A_SEND || request->method == A2A_STREAM;
	if (asks && !request->task[0]) {
		ask(conn, reply, request, job);
		return;
	}
	job_unref(job);
	if (asks)
		refuse_task(conn, reply, request->task,
			    "a task ends with its answer; ask on with its contextId alone");
	else if (request->method == A2A_GET)
		respond_task(conn, reply, request->task, false);
	else if (request->method == A2A_CANCEL)
		cancel(conn, reply, request->task);
	else
		refuse_task(conn, reply, request->task,
			    "a stream cannot be joined again; ask for the task until it has ended");
}

/* "{namespace}/{agent}", of names as Kubernetes has them, perhaps with a slash behind. */
static bool is_agent(struct str rest)
{
	struct str name;
	size_t count = 0;
	if (str_ends(rest, STR("/")))
		rest.len--;
	while (str_cut(&rest, '/', &name)) {
		if (!name.len || name.len > 253 || ++count > 2)
			return false;
		for (size_t i = 0; i < name.len; i++)
			if (!ascii_alnum((unsigned char)name.ptr[i]) &&
			    !memchr("-_.", name.ptr[i], 3))
				return false;
	}
	return count == 2;
}

void a2a_post(struct conn *conn, struct str rest, struct str body)
{
	static const char version_header[] = "a2a-version:";
	char id[SERVE_ID_SIZE], version[64] = "";
	struct a2a_problem problem;
	struct a2a_request request;
	struct buf rpc_id;
	if (!is_agent(rest)) {
		http_problem(conn, 404, "the path must be /a2a/{namespace}/{agent}");
		return;
	}
	if (lws_hdr_custom_length(conn->wsi, version_header, sizeof(version_header) - 1) > 0 &&
	    lws_hdr_custom_copy(conn->wsi, version, sizeof(version), version_header,
				sizeof(version_header) - 1) < 0)
		snprintf(version, sizeof(version), "of such length");
	/* Who knows the id can read the task: it is ours, not one that the client made up. */
	http_new_id(id);
	struct job *job = job_new(conn->service, JOB_ANSWER, id);
	if (!job) {
		http_problem(conn, 503, "out of memory");
		return;
	}
	buf_init(&rpc_id, conn->service->alloc, A2A_RPC_ID_MAX);
	bool valid = a2a_read(body, str_c(version), &request, &rpc_id, &job->text, &problem);
	struct a2a_reply reply = {.version = request.version,
				  .rpc_id = buf_str(&rpc_id),
				  .now_ms = now_ms(conn->service)};
	if (valid) {
		dispatch(conn, &reply, &request, job);
	} else {
		job_unref(job);
		respond_error(conn, &reply, problem.code, problem.message);
	}
	buf_release(&rpc_id);
}

/* ---- the card ---- */

static void respond_card(struct conn *conn, struct str path)
{
	const struct answer_settings *given = conn->service->deps->settings;
	const struct answer_settings settings = given ? *given : answer_settings_default();
	char base[OPENAI_BASE_SIZE];
	struct buf body;
	if (!http_check_origin(conn))
		return;
	http_own_address(conn, base, sizeof(base));
	buf_init(&body, conn->service->alloc, 1 << 16);
	respond(conn, a2a_write_card(str_c(settings.project), str_c(base), path, &body, NULL),
		&body);
	buf_release(&body);
}

void a2a_card_get(struct conn *conn, struct str rest)
{
	(void)rest;
	respond_card(conn, STR(A2A_DEFAULT_PATH));
}

void a2a_get(struct conn *conn, struct str rest)
{
	char path[600];
	struct str agent = rest;
	bool card = str_ends(rest, STR(A2A_CARD_PATH));
	if (card)
		agent.len -= sizeof(A2A_CARD_PATH) - 1;
	if (!is_agent(agent)) {
		http_problem(conn, 404, "no such path");
	} else if (!card) {
		http_problem(conn, 405, "only POST is allowed here");
		conn->response.allow = "POST";
	} else {
		snprintf(path, sizeof(path), "/a2a/%.*s", STR_ARG(agent));
		respond_card(conn, str_c(path));
	}
}
