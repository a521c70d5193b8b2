/*
 * Keeps the readers at the index published last, so that no question waits for a new one to be read.
 *
 * A reader holds its store at one published state (store_hold), also between questions. One thread
 * looks for a new state several times a second, reads its vectors, and then moves every reader that
 * is idle; one that is busy moves at its next question. What is old is thereby let go of within a
 * second too, which is what lets the store merge its log (store_maintain): after that all move once
 * more, because a reader of the unmerged log keeps it from being begun anew.
 *
 * Threads: reader.lock guards a reader's store and is held while a job searches with it; here it is only
 * tried. service.epoch is the number of the last move, reader.epoch that of the last one
 * that a reader has made.
 */
#include <signal.h>
#include <string.h>

#include "serve/service.h"

#define REFRESH_MS 200

struct refresher {
	struct service *service;
	struct store *store; /* its own; NULL: to be opened */
	uint64_t generation; /* read last */
	bool loaded, merged;
};

/* Moves the readers that are idle; false when one is busy and may hold an older state. */
static bool move_readers(struct service *service)
{
	bool all = true;
	for (size_t i = 0; i < service->reader_count; i++) {
		struct reader *reader = &service->readers[i];
		struct err ignored = {0};
		if (pthread_mutex_trylock(&reader->lock)) {
			all = all && atomic_load(&reader->epoch) == atomic_load(&service->epoch);
			continue;
		}
		/* The next question tells of what is wrong, after having opened the store again. */
		if (reader->store && reader_hold(reader, &ignored))
			reader_drop_store(reader);
		pthread_mutex_unlock(&reader->lock);
	}
	return all;
}

static void forget(struct refresher *r)
{
	store_close(r->store);
	r->store = NULL;
	r->loaded = false;
}

/* Reads what is new. Failure is left to the questions, which say what to do. */
static void look(struct refresher *r)
{
	const struct serve_deps *deps = r->service->deps;
	struct err err = {0};
	uint64_t generation;
	if (!r->store && deps->open_store(deps->ctx, &r->store, &err)) {
		r->store = NULL;
		return;
	}
	if (store_generation(r->store, &generation, &err)) {
		forget(r);
		return;
	}
	if (r->loaded && generation == r->generation)
		return;
	if (store_hold(r->store, &r->generation, &err)) {
		log_warn(deps->log, "serve", "the index cannot be read: %s", err.message);
		forget(r);
		return;
	}
	store_release(r->store);
	if (r->loaded)
		log_info(deps->log, "serve", "index generation=%llu",
			 (unsigned long long)r->generation);
	r->loaded = true;
	r->merged = false;
	atomic_fetch_add(&r->service->epoch, 1);
}

static bool wait_a_moment(struct service *service)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += REFRESH_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&service->refresh_lock);
	int waited = 0;
	while (!service->refresh_quit && !waited)
		waited = pthread_cond_timedwait(&service->refresh_wake, &service->refresh_lock,
						&until);
	bool quit = service->refresh_quit;
	pthread_mutex_unlock(&service->refresh_lock);
	return !quit;
}

static void *refresh_main(void *arg)
{
	struct refresher refresher = {.service = arg, .merged = true};
	do {
		look(&refresher);
		bool moved = move_readers(refresher.service);
		if (moved && !refresher.merged && refresher.store) {
			store_maintain(refresher.store);
			refresher.merged = true;
			atomic_fetch_add(&refresher.service->epoch, 1);
			move_readers(refresher.service);
		}
	} while (wait_a_moment(refresher.service));
	store_close(refresher.store);
	return NULL;
}

enum err_code refresh_start(struct service *service, struct err *err)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int failed = pthread_create(&service->refresh_thread, NULL, refresh_main, service);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (failed)
		return err_set(err, ERR_UNAVAILABLE, "cannot start a thread: %s", strerror(failed));
	service->refreshing = true;
	return ERR_OK;
}

void refresh_stop(struct service *service)
{
	if (!service->refreshing)
		return;
	pthread_mutex_lock(&service->refresh_lock);
	service->refresh_quit = true;
	pthread_cond_signal(&service->refresh_wake);
	pthread_mutex_unlock(&service->refresh_lock);
	pthread_join(service->refresh_thread, NULL);
	service->refreshing = false;
}
