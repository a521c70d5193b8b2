#include "serve/a2a_tasks.h"

#include <pthread.h>
#include <string.h>

struct entry {
	char id[A2A_ID_SIZE], context[A2A_ID_SIZE];
	enum a2a_state state;
	int64_t changed_ms;
	atomic_bool *cancelled; /* NULL: nothing works at it */
	char *kept;             /* text, then citations */
	size_t text_len, citations_len;
};

/* Oldest first; hashes beside the pointers, so that a search reads few cache lines. */
struct slot {
	uint64_t hash;
	struct entry *entry;
};

struct a2a_tasks {
	const struct alloc *alloc;
	struct a2a_limits limits;
	pthread_mutex_t lock; /* guards what follows */
	struct slot *slots;   /* limits.count of them */
	size_t count, bytes;
	int64_t swept_ms; /* when old ones were last looked for */
};

struct a2a_limits a2a_limits_default(void)
{
	return (struct a2a_limits){
		.count = 4096, .bytes = (size_t)16 << 20, .lifetime_ms = 60LL * 60 * 1000};
}

enum err_code a2a_tasks_new(const struct alloc *alloc, const struct a2a_limits *limits,
			    struct a2a_tasks **out, struct err *err)
{
	struct a2a_tasks *tasks = alloc_zero(alloc, 1, sizeof(*tasks));
	*out = NULL;
	if (!tasks)
		return err_set(err, ERR_NOMEM, "out of memory for the tasks of A2A");
	tasks->alloc = alloc;
	tasks->limits = *limits;
	tasks->slots = alloc_zero(alloc, limits->count, sizeof(*tasks->slots));
	if (!tasks->slots) {
		alloc_free(alloc, tasks);
		return err_set(err, ERR_NOMEM, "out of memory for the tasks of A2A");
	}
	pthread_mutex_init(&tasks->lock, NULL);
	*out = tasks;
	return ERR_OK;
}

static size_t kept_bytes(const struct entry *entry)
{
	return entry->text_len + entry->citations_len;
}

static void drop(struct a2a_tasks *tasks, size_t at)
{
	struct entry *entry = tasks->slots[at].entry;
	tasks->bytes -= kept_bytes(entry);
	alloc_free(tasks->alloc, entry->kept);
	alloc_free(tasks->alloc, entry);
	tasks->count--;
	memmove(tasks->slots + at, tasks->slots + at + 1,
		(tasks->count - at) * sizeof(*tasks->slots));
}

void a2a_tasks_free(struct a2a_tasks *tasks)
{
	if (!tasks)
		return;
	while (tasks->count)
		drop(tasks, tasks->count - 1);
	pthread_mutex_destroy(&tasks->lock);
	alloc_free(tasks->alloc, tasks->slots);
	alloc_free(tasks->alloc, tasks);
}

/* Whether nobody needs it: ended, and not worked at. */
static bool idle(const struct entry *entry)
{
	return !entry->cancelled && a2a_state_final(entry->state);
}

/* The index, or the count. */
static size_t find(const struct a2a_tasks *tasks, const char *id)
{
	uint64_t hash = str_hash(str_c(id));
	size_t i = 0;
	while (i < tasks->count &&
	       (tasks->slots[i].hash != hash || strcmp(tasks->slots[i].entry->id, id) != 0))
		i++;
	return i;
}

static struct entry *lookup(const struct a2a_tasks *tasks, const char *id)
{
	size_t at = find(tasks, id);
	return at < tasks->count ? tasks->slots[at].entry : NULL;
}

static bool too_old(const struct a2a_tasks *tasks, const struct entry *entry, int64_t now_ms)
{
	return idle(entry) && now_ms - entry->changed_ms >= tasks->limits.lifetime_ms;
}

/* Forgets what is too old; looks at all entries, so not every time. */
static void expire(struct a2a_tasks *tasks, int64_t now_ms)
{
	if (now_ms - tasks->swept_ms < tasks->limits.lifetime_ms / 64)
		return;
	tasks->swept_ms = now_ms;
	for (size_t i = tasks->count; i > 0; i--)
		if (too_old(tasks, tasks->slots[i - 1].entry, now_ms))
			drop(tasks, i - 1);
}

/* One that a client may still see, or NULL. */
static struct entry *lookup_known(const struct a2a_tasks *tasks, const char *id, int64_t now_ms)
{
	struct entry *entry = lookup(tasks, id);
	return entry && !too_old(tasks, entry, now_ms) ? entry : NULL;
}

/* Makes room for one more task, or for so many bytes; those that ended go, oldest first. */
static bool make_room(struct a2a_tasks *tasks, size_t slots, size_t bytes)
{
	size_t i = 0;
	if (bytes > tasks->limits.bytes)
		return false;
	while (tasks->count + slots > tasks->limits.count ||
	       tasks->bytes > tasks->limits.bytes - bytes) {
		while (i < tasks->count && !idle(tasks->slots[i].entry))
			i++;
		if (i == tasks->count)
			return false;
		drop(tasks, i);
	}
	return true;
}

enum err_code a2a_tasks_add(struct a2a_tasks *tasks, const char *id, const char *context,
			    atomic_bool *cancelled, int64_t now_ms, struct err *err)
{
	struct entry *entry = alloc_zero(tasks->alloc, 1, sizeof(*entry));
	if (!entry)
		return err_set(err, ERR_NOMEM, "out of memory for a task");
	snprintf(entry->id, sizeof(entry->id), "%s", id);
	snprintf(entry->context, sizeof(entry->context), "%s", context);
	entry->state = A2A_SUBMITTED;
	entry->changed_ms = now_ms;
	entry->cancelled = cancelled;
	pthread_mutex_lock(&tasks->lock);
	expire(tasks, now_ms);
	bool room = make_room(tasks, 1, 0);
	if (room)
		tasks->slots[tasks->count++] = (struct slot){str_hash(str_c(id)), entry};
	pthread_mutex_unlock(&tasks->lock);
	if (room)
		return ERR_OK;
	alloc_free(tasks->alloc, entry);
	return err_set(err, ERR_FULL, "%zu tasks are running already", tasks->limits.count);
}

void a2a_tasks_remove(struct a2a_tasks *tasks, const char *id)
{
	pthread_mutex_lock(&tasks->lock);
	size_t at = find(tasks, id);
	if (at < tasks->count)
		drop(tasks, at);
	pthread_mutex_unlock(&tasks->lock);
}

void a2a_tasks_work(struct a2a_tasks *tasks, const char *id, int64_t now_ms)
{
	pthread_mutex_lock(&tasks->lock);
	struct entry *entry = lookup(tasks, id);
	if (entry && entry->state == A2A_SUBMITTED) {
		entry->state = A2A_WORKING;
		entry->changed_ms = now_ms;
	}
	pthread_mutex_unlock(&tasks->lock);
}

/* What does not fit is not kept; the entry itself is not idle, so making room leaves it alone. */
static void keep(struct a2a_tasks *tasks, struct entry *entry, const struct a2a_task_view *view)
{
	size_t bytes;
	if (!size_add(view->text.len, view->citations.len, &bytes) || !bytes ||
	    !make_room(tasks, 0, bytes))
		return;
	entry->kept = alloc_get(tasks->alloc, bytes);
	if (!entry->kept)
		return;
	entry->text_len = view->text.len;
	entry->citations_len = view->citations.len;
	if (view->text.len)
		memcpy(entry->kept, view->text.ptr, view->text.len);
	if (view->citations.len)
		memcpy(entry->kept + view->text.len, view->citations.ptr, view->citations.len);
	tasks->bytes += bytes;
}

enum a2a_state a2a_tasks_end(struct a2a_tasks *tasks, const char *id,
			     const struct a2a_task_view *view, int64_t now_ms)
{
	enum a2a_state state = view->state;
	pthread_mutex_lock(&tasks->lock);
	struct entry *entry = lookup(tasks, id);
	if (entry && a2a_state_final(entry->state)) {
		state = entry->state;
	} else if (entry) {
		keep(tasks, entry, view);
		entry->state = state;
		entry->changed_ms = now_ms;
	}
	pthread_mutex_unlock(&tasks->lock);
	return state;
}

void a2a_tasks_gone(struct a2a_tasks *tasks, const char *id, int64_t now_ms)
{
	pthread_mutex_lock(&tasks->lock);
	struct entry *entry = lookup(tasks, id);
	if (entry && !a2a_state_final(entry->state)) {
		entry->state = A2A_FAILED;
		entry->changed_ms = now_ms;
	}
	if (entry)
		entry->cancelled = NULL;
	pthread_mutex_unlock(&tasks->lock);
}

static void stop(struct entry *entry, int64_t now_ms)
{
	if (entry->cancelled)
		atomic_store(entry->cancelled, true);
	entry->state = A2A_CANCELED;
	entry->changed_ms = now_ms;
}

enum err_code a2a_tasks_cancel(struct a2a_tasks *tasks, const char *id, int64_t now_ms,
			       struct err *err)
{
	pthread_mutex_lock(&tasks->lock);
	struct entry *entry = lookup_known(tasks, id, now_ms);
	bool found = entry != NULL, stopped = found && !a2a_state_final(entry->state);
	if (stopped)
		stop(entry, now_ms);
	pthread_mutex_unlock(&tasks->lock);
	if (!found)
		return err_set(err, ERR_NOTFOUND, "there is no task of this id");
	return stopped ? ERR_OK : err_set(err, ERR_INVALID, "the task has ended already");
}

void a2a_tasks_cancel_all(struct a2a_tasks *tasks, int64_t now_ms)
{
	pthread_mutex_lock(&tasks->lock);
	for (size_t i = 0; i < tasks->count; i++)
		if (!a2a_state_final(tasks->slots[i].entry->state))
			stop(tasks->slots[i].entry, now_ms);
	pthread_mutex_unlock(&tasks->lock);
}

enum err_code a2a_tasks_get(struct a2a_tasks *tasks, const char *id, int64_t now_ms,
			    struct a2a_task *out, struct buf *text, struct buf *citations,
			    struct err *err)
{
	enum err_code code = ERR_OK;
	pthread_mutex_lock(&tasks->lock);
	const struct entry *entry = lookup_known(tasks, id, now_ms);
	if (entry) {
		out->state = entry->state;
		out->changed_ms = entry->changed_ms;
		memcpy(out->context, entry->context, sizeof(out->context));
		buf_append(text, (struct str){entry->kept, entry->text_len});
		if (entry->citations_len)
			buf_append(citations, (struct str){entry->kept + entry->text_len,
							   entry->citations_len});
		code = buf_ok(text, "a task", err);
		if (!code)
			code = buf_ok(citations, "a task", err);
	}
	pthread_mutex_unlock(&tasks->lock);
	return entry ? code : err_set(err, ERR_NOTFOUND, "there is no task of this id");
}
