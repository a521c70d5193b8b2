/*
 * Threads: what the holder writes (`part`, `owed`, the memory) becomes visible to the helper by the
 * claim of a part, and what the helper writes to the holder by `done`. The holder publishes a task
 * only when no part of the one before is claimed and unfinished.
 */
#include "embed/inproc/helper.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/clock.h"
#include "embed/inproc/gemm.h"

enum {
	/* The helper looks for the next task so long, for between two there is little to do. */
	SPIN_US = 300,
	/* From then on it lets others run in between, of which one may be the caller. */
	YIELD_US = 20,
	/* The caller waits so long for a part in work, and for some parts of the length of its own. */
	WAIT_US = 50,
	WAIT_PARTS = 4,
	PAUSES = 32, /* between two looks at the clock */
	LINE = 64    /* bytes of a cache line */
};

/* FREE: nobody holds it; LEFT: nobody either, but the helper was in a part when it was left. */
enum { FREE, TAKEN, LEFT };

/* Fields that both threads write stand in cache lines of their own. */
struct helper {
	const struct alloc *alloc;
	struct helper_options options;
	/* The holder's. */
	helper_part *part;
	void *block, *memory;
	size_t owed;  /* what `done` is when the helper has finished all that it claimed */
	size_t tasks; /* so far */
	bool started, failed;
	cpu_set_t allowed; /* processors of this process */
	int avoided;       /* the one that the helper is kept from; -1: none yet */
	pthread_t thread;
	sem_t wake;
	bool wake_ready;
	char apart[LINE];
	/* Of the current task: parts, those claimed from the back, those claimed from the front. */
	atomic_uint_fast64_t ticket;
	char apart_too[LINE];
	atomic_size_t done; /* parts that the helper has finished since it was started */
	atomic_int state;
	atomic_bool sleeping, quit;
};

enum { BACK_SHIFT = 16, PARTS_SHIFT = 32, FIELD_MASK = 0xffff };

static size_t front_of(uint_fast64_t ticket)
{
	return ticket & FIELD_MASK;
}

static size_t back_of(uint_fast64_t ticket)
{
	return ticket >> BACK_SHIFT & FIELD_MASK;
}

static size_t parts_of(uint_fast64_t ticket)
{
	return ticket >> PARTS_SHIFT;
}

/*
 * Claims add to one end without looking, so that both fields may pass the number of parts by the
 * claims that came too late: one for each side, since nobody claims where nothing is left to see.
 */
static bool has_parts(uint_fast64_t ticket)
{
	return front_of(ticket) + back_of(ticket) < parts_of(ticket);
}

/*
 * Both begin at the front of a half of their own, for parts that follow each other are quicker than
 * parts in any other order, and go on at the end of the other's.
 */
static size_t front_part(uint_fast64_t ticket)
{
	size_t parts = parts_of(ticket), middle = (parts + 1) / 2, claim = front_of(ticket);
	return claim < middle ? claim : parts - 1 - (claim - middle);
}

static size_t back_part(uint_fast64_t ticket)
{
	size_t parts = parts_of(ticket), middle = (parts + 1) / 2, claim = back_of(ticket);
	return claim < parts - middle ? middle + claim : parts - 1 - claim;
}

static int64_t now_us(void)
{
	return clock_monotonic_us(clock_system());
}

static void pause_a_little(void)
{
	for (int i = 0; i < PAUSES; i++) {
#if defined(__x86_64__)
		__builtin_ia32_pause();
#else
		atomic_signal_fence(memory_order_seq_cst);
#endif
	}
}

/* ---- the helper's thread ---- */

static void run_parts(struct helper *h)
{
	while (has_parts(atomic_load_explicit(&h->ticket, memory_order_relaxed))) {
		uint_fast64_t ticket = atomic_fetch_add(&h->ticket, (uint_fast64_t)1 << BACK_SHIFT);
		if (!has_parts(ticket))
			return;
		h->part(h->memory, back_part(ticket), HELPER_OTHER);
		atomic_fetch_add(&h->done, 1);
	}
}

/* False when there is no task for long, or nobody who could have one. */
static bool await_task(struct helper *h)
{
	int64_t begin = now_us();
	while (!has_parts(atomic_load(&h->ticket))) {
		int64_t waited = now_us() - begin;
		if (waited > SPIN_US || atomic_load(&h->state) != TAKEN)
			return false;
		if (waited > YIELD_US)
			sched_yield();
		pause_a_little();
	}
	return true;
}

/*
 * `sleeping` is raised before the last look for work, and who publishes work looks at it afterwards:
 * one of the two sees the other. Who lowers it for the sleeper owes him one wake.
 */
static void sleep_until_needed(struct helper *h)
{
	atomic_store(&h->sleeping, true);
	bool needed = has_parts(atomic_load(&h->ticket)) || atomic_load(&h->quit);
	if (needed && atomic_exchange(&h->sleeping, false))
		return;
	while (sem_wait(&h->wake) != 0)
		; /* a signal handler ran */
}

static void *helper_main(void *arg)
{
	struct helper *h = arg;
	while (!atomic_load(&h->quit)) {
		if (await_task(h))
			run_parts(h);
		else
			sleep_until_needed(h);
	}
	return NULL;
}

/* ---- the caller's ---- */

static void wake_up(struct helper *h)
{
	if (atomic_load(&h->sleeping) && atomic_exchange(&h->sleeping, false))
		(void)sem_post(&h->wake);
}

enum err_code helper_open(const struct helper_options *options, const struct alloc *alloc,
			  struct helper **out, struct err *err)
{
	*out = NULL;
	struct helper *h = alloc_zero(alloc, 1, sizeof(*h));
	if (!h)
		return err_set(err, ERR_NOMEM, "out of memory for a helping thread");
	h->alloc = alloc;
	h->options = *options;
	h->avoided = -1;
	atomic_init(&h->ticket, 0);
	atomic_init(&h->done, 0);
	atomic_init(&h->state, FREE);
	atomic_init(&h->sleeping, false);
	atomic_init(&h->quit, false);
	*out = h;
	return ERR_OK;
}

void helper_close(struct helper *h)
{
	if (!h)
		return;
	if (h->started) {
		atomic_store(&h->quit, true);
		wake_up(h);
		pthread_join(h->thread, NULL);
	}
	if (h->wake_ready)
		sem_destroy(&h->wake);
	alloc_free(h->alloc, h->block);
	alloc_free(h->alloc, h);
}

static bool make_memory(struct helper *h)
{
	size_t bytes;
	if (!size_add(h->options.bytes, GEMM_ALIGN, &bytes))
		return false;
	h->block = alloc_get(h->alloc, bytes);
	if (!h->block)
		return false;
	size_t past = (uintptr_t)h->block % GEMM_ALIGN;
	h->memory = (unsigned char *)h->block + (past ? GEMM_ALIGN - past : 0);
	return true;
}

/*
 * On the caller's processor the helper could only take its time: when the other ones are busy, it has to
 * wait for them. Where the system does not say, it decides.
 */
static void keep_apart(struct helper *h)
{
	cpu_set_t others = h->allowed;
	int here = sched_getcpu();
	if (here < 0 || here >= CPU_SETSIZE || here == h->avoided)
		return;
	CPU_CLR(here, &others);
	if (CPU_COUNT(&others) > 0 &&
	    pthread_setaffinity_np(h->thread, sizeof(others), &others) == 0)
		h->avoided = here;
}

/* For the holder. Signals stay with the threads that expect them. */
static bool start(struct helper *h)
{
	sigset_t all, old;
	CPU_ZERO(&h->allowed);
	if (sched_getaffinity(0, sizeof(h->allowed), &h->allowed) == 0 &&
	    CPU_COUNT(&h->allowed) == 1)
		return false; /* where there is no second one */
	if (!make_memory(h) || sem_init(&h->wake, 0, 0) != 0)
		return false;
	h->wake_ready = true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	h->started = pthread_create(&h->thread, NULL, helper_main, h) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return h->started;
}

void *helper_take(struct helper *h)
{
	int was = FREE;
	if (!atomic_compare_exchange_strong(&h->state, &was, TAKEN)) {
		if (was != LEFT || !atomic_compare_exchange_strong(&h->state, &was, TAKEN))
			return NULL;
		if (atomic_load(&h->done) != h->owed) {
			atomic_store(&h->state, LEFT);
			return NULL;
		}
	}
	if (!h->started) {
		h->failed = h->failed || !start(h);
		if (h->failed) {
			atomic_store(&h->state, FREE);
			return NULL;
		}
	}
	/* A caller who waits for the helper in any case may as well make room for it. */
	if (!h->options.only_helper)
		keep_apart(h);
	wake_up(h);
	return h->memory;
}

void helper_give(struct helper *h)
{
	atomic_store(&h->state, FREE);
}

/* True when the helper has finished all that it claimed. */
static bool await_helper(struct helper *h, int64_t begin, size_t mine)
{
	int64_t until = 0;
	while (atomic_load(&h->done) != h->owed) {
		int64_t now = now_us();
		if (!until)
			until = now + WAIT_US + WAIT_PARTS * (now - begin) / (int64_t)(mine + 1);
		if (h->options.only_helper)
			sched_yield();
		else if (now > until)
			return false;
		pause_a_little();
	}
	return true;
}

bool helper_run(struct helper *h, helper_part *part, size_t parts)
{
	int64_t begin = now_us();
	size_t mine = 0;
	h->part = part;
	atomic_store(&h->ticket, (uint_fast64_t)parts << PARTS_SHIFT);
	wake_up(h);
	while (!h->options.only_helper) {
		uint_fast64_t ticket = atomic_fetch_add(&h->ticket, 1);
		if (!has_parts(ticket))
			break;
		part(h->memory, front_part(ticket), HELPER_CALLER);
		mine++;
	}
	h->owed += parts - mine;
	if (await_helper(h, begin, mine) && ++h->tasks != h->options.leave_at)
		return true;
	atomic_store(&h->state, LEFT);
	return false;
}
