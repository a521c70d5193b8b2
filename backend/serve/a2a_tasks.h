/*
 * The tasks of A2A that are running or have ended lately. The table is bounded in number, bytes and time; the
 * oldest that ended make room first, running ones stay. Thread-safe: the loop adds, reads and cancels,
 * workers report; one lock guards all, and is held across no call out of here.
 */
#ifndef DOCS_BOT_SERVE_A2A_TASKS_H
#define DOCS_BOT_SERVE_A2A_TASKS_H

#include <stdatomic.h>

#include "base/alloc.h"
#include "serve/a2a.h"

struct a2a_tasks;

struct a2a_limits {
	size_t count;        /* tasks, running ones included */
	size_t bytes;        /* of the answers that are kept */
	int64_t lifetime_ms; /* of a task after its end */
};

struct a2a_limits a2a_limits_default(void);

/* The caller's, for a2a_tasks_free(). */
enum err_code a2a_tasks_new(const struct alloc *alloc, const struct a2a_limits *limits,
			    struct a2a_tasks **out, struct err *err) WARN_UNUSED;
void a2a_tasks_free(struct a2a_tasks *tasks); /* NULL is fine */

/*
 * A new task, submitted. *cancelled is set when it is to stop, and must stay until a2a_tasks_gone() or
 * a2a_tasks_remove(). ERR_FULL: as many as there may be are running.
 */
enum err_code a2a_tasks_add(struct a2a_tasks *tasks, const char *id, const char *context,
			    atomic_bool *cancelled, int64_t now_ms, struct err *err) WARN_UNUSED;
/* Forgets one that could not be started. */
void a2a_tasks_remove(struct a2a_tasks *tasks, const char *id);
/* It has begun. */
void a2a_tasks_work(struct a2a_tasks *tasks, const char *id, int64_t now_ms);
/*
 * It has ended; `view` is copied. Returns the state that stands: an earlier end, a cancel for example, stays.
 * Without memory the state is kept alone.
 */
enum a2a_state a2a_tasks_end(struct a2a_tasks *tasks, const char *id,
			     const struct a2a_task_view *view, int64_t now_ms);
/* Nothing works at it any more: one that has not ended has failed. */
void a2a_tasks_gone(struct a2a_tasks *tasks, const char *id, int64_t now_ms);

/* Stops one that runs. ERR_NOTFOUND, or ERR_INVALID: it has ended already. */
enum err_code a2a_tasks_cancel(struct a2a_tasks *tasks, const char *id, int64_t now_ms,
			       struct err *err) WARN_UNUSED;
/* Stops all, for the end of the service. */
void a2a_tasks_cancel_all(struct a2a_tasks *tasks, int64_t now_ms);

struct a2a_task {
	enum a2a_state state;
	char context[A2A_ID_SIZE];
	int64_t changed_ms;
};

/* What is known of one. Its text and citations are appended. ERR_NOTFOUND: it is unknown or forgotten. */
enum err_code a2a_tasks_get(struct a2a_tasks *tasks, const char *id, int64_t now_ms,
			    struct a2a_task *out, struct buf *text, struct buf *citations,
			    struct err *err) WARN_UNUSED;

#endif
