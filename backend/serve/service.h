/* What the files of serve/ share. The thread rules stand at the top of worker.c. */
#ifndef DOCS_BOT_SERVE_SERVICE_H
#define DOCS_BOT_SERVE_SERVICE_H

#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/queue.h"
#include "serve/dialect.h"
#include "serve/frames.h"
#include "serve/mcp.h"
#include "serve/mcp_sessions.h"
#include "serve/metrics.h"
#include "serve/outbox.h"
#include "serve/serve.h"

#define SERVE_ID_SIZE     65   /* request and answer ids, NUL included */
#define SERVE_MAX_TURNS   8    /* questions waiting on one socket behind the running one */
#define SERVE_FILTER_SIZE 128  /* longest name of a repository or version, NUL included */
#define JOB_TAG_MAX       4096 /* of what a dialect remembers of a request */
#define SERVE_ORIGIN_SIZE 256
#define SERVE_TYPE_SIZE   16                  /* longest name of a document type, NUL included */
#define SERVE_ARENA_MAX   ((size_t)256 << 20) /* memory of one answer */
#define SERVE_RETRY_AFTER 2                   /* seconds that a refused client should wait */

enum job_kind { JOB_ANSWER, JOB_SEARCH, JOB_PAGE, JOB_READY, JOB_EMBED, JOB_MCP };

struct a2a_tasks;
struct conn;
struct worker;

/* How the errors of a path are worded, before an answer has begun. NULL: RFC 9457 documents. */
struct problem_form {
	const char *content_type;
	enum err_code (*write)(int status, const char *detail, struct buf *out, struct err *err);
};

/* One piece of work for a worker. */
struct job {
	struct service *service;
	atomic_int refs;
	atomic_bool cancelled;

	/* Written before the job is queued, constant afterwards. */
	enum job_kind kind;
	char id[SERVE_ID_SIZE];
	const struct dialect *dialect;       /* JOB_ANSWER: in which it is answered */
	const struct problem_form *problems; /* of its path, set by job_submit() */
	struct buf tag;     /* what the dialect must remember of the request, e.g. an id */
	struct buf text;    /* question, query or path */
	struct buf history; /* JSON list of earlier turns; empty: none */
	char session[FRAMES_SESSION_MAX + 1]; /* empty: none */
	size_t top_k;
	char type[SERVE_TYPE_SIZE]; /* filters of a search; empty: none */
	char repo[SERVE_FILTER_SIZE], version[SERVE_FILTER_SIZE];
	int64_t created_us;
	struct mcp_plan *mcp; /* JOB_MCP: the job's own; its worker fills in results */

	bool begun; /* the worker's own: a frame was handed to the loop */

	pthread_mutex_t lock; /* guards the next five */
	struct outbox out;    /* JOB_ANSWER: frames */
	struct buf body;      /* the others: the response */
	int status;
	bool overflow; /* the reader was too slow for the buffer */
	bool finished; /* nothing is added any more */

	struct job *bulk_next; /* guarded by service.bulk.lock */

	/* Guarded by service.ready_lock. */
	struct job *ready_next;
	bool ready;

	struct conn *conn; /* the loop's; NULL once nobody waits for the result */
};

/* An HTTP response on its way out. */
struct response {
	bool active, head_sent, close;
	bool streamed; /* the body is what the job says, until it is finished; its length is unknown */
	int status;
	const char *content_type, *allow, *etag, *cache;
	char session[MCP_SESSION_SIZE]; /* Mcp-Session-Id; empty: none */
	int retry_after;                /* seconds; 0: none */
	struct str body;                /* static bytes, or those of `owned` */
	struct buf owned;
	size_t sent;
};

/* One message of a client that waits for its turn. */
struct turn {
	struct buf text;    /* the question, or what is wrong with it */
	struct buf history; /* as in struct job */
	char session[FRAMES_SESSION_MAX + 1];
	bool failed;
};

/* One connection; only the loop thread touches it. */
struct conn {
	struct service *service;
	struct lws *wsi;
	struct conn *prev, *next;
	char id[SERVE_ID_SIZE]; /* of the current request */
	struct job *job;        /* running, or NULL */

	bool head;                       /* the request was HEAD */
	const struct http_route *posted; /* whose body is being received, or NULL */
	unsigned completions;            /* of bodies that nobody waits for, since the request */
	struct buf body, rest;           /* and what its path has below the route's */
	char origin
		[SERVE_ORIGIN_SIZE]; /* of the page that asks and may, for its browser; or empty */
	bool preflight;
	enum metrics_route route;
	const struct problem_form *problems; /* of the route */
	struct response response;

	bool websocket;
	struct buf message; /* fragments so far */
	bool oversized;     /* the rest of this message is dropped */
	struct turn turns[SERVE_MAX_TURNS];
	size_t turn_count;
	struct outbox out; /* frames that no worker made */
};

/* A store to search in, lent to one job at a time; see readers.c. */
struct reader {
	struct service *service;
	struct reader *next_free;
	atomic_uint_fast64_t epoch; /* of its state, see refresh.c */
	pthread_mutex_t lock;       /* guards what follows; held by whom it is lent to */
	struct store *store;        /* NULL: to be opened, e.g. after an error */
	bool held;                  /* at this generation */
	uint64_t generation;
	bool filled;                /* the store was seen to hold chunks of our model … */
	uint64_t filled_generation; /* … in this generation, and so many */
	uint64_t chunks, pending;
	struct arena scratch; /* for looking at it */
};

struct worker {
	struct service *service;
	pthread_t thread;
	struct arena arena;    /* of the job */
	struct buf frame;      /* the frame under construction */
	struct reader *reader; /* lent to this worker, or NULL */
	struct hosts *hosts;   /* that links of the job's answer may lead to, or NULL */
};

/* Lists of texts to embed, which take turns; see openai_embed.c. */
struct bulk {
	pthread_mutex_t lock; /* guards the rest */
	bool busy;            /* a worker is at it, and will take those that wait */
	struct job *first, *last;
	size_t count; /* waiting */
};

struct service {
	const struct serve_options *options;
	const struct serve_deps *deps;
	const struct alloc *alloc;
	struct lws_context *context;
	struct lws_vhost *vhost;
	struct metrics metrics;
	int64_t started; /* Unix time in seconds */
	struct queue queue;
	char (*etags)[24]; /* one per asset */
	struct a2a_tasks *a2a_tasks;

	pthread_mutex_t ready_lock;
	struct job *ready; /* jobs with something new for the loop */

	struct worker *workers;
	size_t worker_count; /* running */
	struct bulk bulk;

	/* readers.c */
	struct reader *readers;
	size_t reader_count;
	pthread_mutex_t free_lock; /* guards free_readers */
	pthread_cond_t reader_freed;
	struct reader *free_readers;

	/* refresh.c */
	atomic_uint_fast64_t epoch;
	pthread_t refresh_thread;
	bool refreshing;
	pthread_mutex_t refresh_lock; /* guards refresh_quit */
	pthread_cond_t refresh_wake;
	bool refresh_quit;

	/* The loop's own. */
	struct lws *listener;
	lws_sorted_usec_list_t tick;
	struct conn *conns;
	size_t conn_count, websocket_count;
	struct mcp_sessions mcp;
	bool accept_paused, draining;
	int64_t drain_started_us, idle_since_us;
};

/* --- worker.c --- */

enum err_code workers_start(struct service *service, struct err *err) WARN_UNUSED;
/* Lets the workers finish what is queued and joins them. */
void workers_stop(struct service *service);

/* A job owned by the caller, or NULL without memory. */
struct job *job_new(struct service *service, enum job_kind kind, const char *id);
void job_unref(struct job *job);
/*
 * Queues it for `conn`, which then owns it (conn->job). false when the queue is full or closed;
 * the caller's reference is gone in both cases.
 */
bool job_submit(struct job *job, struct conn *conn) WARN_UNUSED;
/* Worker: hands worker->frame to the loop. false: stop, nobody can take it. */
bool worker_send(struct worker *worker, struct job *job);
/* Worker: nothing follows. */
void worker_finish(struct job *job);
/* Worker: ends an HTTP job; `body` (taken over) becomes the response. */
void worker_finish_http(struct job *job, int status, struct buf *body);
/* Worker: ends it with a problem document. */
void worker_problem(struct worker *worker, struct job *job, int status, const char *detail);
/* The HTTP status for an error. */
int worker_status(enum err_code code);
/* The client has gone: nobody reads the result. */
void job_abandon(struct conn *conn);
/* The client does not wait: the job goes on without it. */
void job_detach(struct conn *conn);
/* Loop: asks for a writeable callback on every connection whose job has something new. */
void jobs_collect(struct service *service);

/* --- answering.c --- */

/* JOB_ANSWER. */
void answering_run(struct worker *worker, struct job *job);
/* One that was cancelled before it began. */
void answering_cancelled(struct worker *worker, struct job *job);

/* --- readers.c --- */

enum err_code readers_start(struct service *service, struct err *err) WARN_UNUSED;
void readers_stop(struct service *service); /* nothing is lent any more */
/*
 * Waits for a reader and makes sure that it is open, holds what the refresher last saw, and can be
 * searched. On an error nothing is lent.
 */
enum err_code reader_take(struct service *service, struct reader **out,
			  struct err *err) WARN_UNUSED;
/* Gives it back; `code` is what its use ended with: a store that failed is opened again next time. */
void reader_put(struct reader *reader, enum err_code code);
/* With the reader's lock and its store open: holds it at the newest state that is in memory. */
enum err_code reader_hold(struct reader *reader, struct err *err) WARN_UNUSED;
void reader_drop_store(struct reader *reader);

/* --- refresh.c --- */

/* After the workers; and before them. */
enum err_code refresh_start(struct service *service, struct err *err) WARN_UNUSED;
void refresh_stop(struct service *service);

/* --- http.c --- */

void http_new_id(char id[SERVE_ID_SIZE]);
/* A fresh id, or the client's own X-Request-Id when it is a short plain word. */
void http_request_id(struct lws *wsi, char id[SERVE_ID_SIZE]);
/* `body` must stay as it is until the response is sent. */
void http_respond(struct conn *conn, int status, const char *content_type, struct str body);
/* Takes the bytes of *body over. */
void http_respond_buf(struct conn *conn, int status, const char *content_type, struct buf *body);
void http_problem(struct conn *conn, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Writes the next piece of the response; for the return value of an lws callback. */
int http_pump(struct conn *conn);
/* Writes all of a small response now, where lws allows no later; false when that failed. */
bool http_send_now(struct conn *conn);
int http_writeable(struct conn *conn);
/* Submits a JOB_ANSWER, whose dialect says how it is sent; a problem when the queue is full. */
void http_answer(struct conn *conn, struct job *job);
/* A header of the request, NUL-terminated, "" when it is not there; false when it does not fit. */
bool http_header(struct conn *conn, enum lws_token_indexes token, char *out, size_t size);
/*
 * Scheme and host under which the client reached us, e.g. "https://docs.example.org"; empty when it does not say.
 * Only the client itself is to be shown it, for it is the client's own Host and X-Forwarded-Proto.
 */
void http_own_address(struct conn *conn, char *out, size_t size);
/* Whether the page that asks, if any, may; else a problem was sent. */
bool http_check_origin(struct conn *conn);

/* --- routes.c --- */

/* LWS_CALLBACK_HTTP: answers, or starts a job that will. */
int routes_request(struct conn *conn, struct str path);
/* LWS_CALLBACK_HTTP_BODY and …_COMPLETION, of a request that has one. */
int routes_body(struct conn *conn, const void *data, size_t len);
int routes_body_done(struct conn *conn);

/* --- one file for each protocol --- */

void chat_post(struct conn *conn, struct str rest, struct str body);

/* a2a.c */
extern const struct problem_form a2a_problems;
void a2a_post(struct conn *conn, struct str rest, struct str body);
void a2a_get(struct conn *conn, struct str rest);
void a2a_card_get(struct conn *conn, struct str rest);

struct openai_problem;

/* openai.c, openai_embed.c */
/* Sends OpenAI's error object. */
void openai_refuse(struct conn *conn, const struct openai_problem *problem);
extern const struct problem_form openai_problems;
void openai_chat_post(struct conn *conn, struct str rest, struct str body);
void openai_embeddings_post(struct conn *conn, struct str rest, struct str body);
void openai_models_get(struct conn *conn, struct str rest);
void openai_model_get(struct conn *conn, struct str rest);
/* JOB_EMBED. */
void openai_embed_run(struct worker *worker, struct job *job);

/* mcp_http.c */
extern const struct problem_form mcp_problems;
void mcp_post(struct conn *conn, struct str rest, struct str body);
void mcp_get(struct conn *conn, struct str rest);
void mcp_delete(struct conn *conn);
void mcp_run(struct worker *worker, struct job *job); /* JOB_MCP */
/* Sends what mcp_run() made, which is taken over. */
void mcp_respond(struct conn *conn, struct buf *body, bool events);

/* --- ws.c --- */

/* Before the upgrade: 0 goes on, > 0 a response was sent, < 0 close. */
int ws_confirm(struct conn *conn, const char *protocol);
int ws_open(struct conn *conn);
int ws_receive(struct conn *conn, const void *data, size_t len);
int ws_writeable(struct conn *conn);
void ws_close(struct conn *conn);
/* True while a question is unanswered or a frame unsent. */
bool ws_busy(const struct conn *conn);

#endif
