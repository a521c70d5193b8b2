/* The helping thread: every part once, one caller at a time, and what happens when it is interrupted. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "embed/inproc/gemm.h"
#include "embed/inproc/helper.h"
#include "support/fail_alloc.h"

#define PARTS 300

/* What lies in the shared memory. */
struct board {
	int runs[PARTS], input, output[PARTS];
	enum helper_who who[PARTS];
	atomic_bool hold, entered;
};

static struct helper *open_helper(const struct helper_options *options)
{
	struct helper *h = NULL;
	struct err err = {0};
	assert_int_equal(helper_open(options, alloc_default(), &h, &err), ERR_OK);
	return h;
}

/* A helper that is in use or that the system has not run yet comes within a while. */
static struct board *take(struct helper *h)
{
	struct board *board = NULL;
	for (int i = 0; i < 100000 && !board; i++) {
		board = helper_take(h);
		if (!board)
			usleep(100);
	}
	assert_non_null(board);
	return board;
}

static void count_part(void *memory, size_t part, enum helper_who who)
{
	struct board *board = memory;
	board->runs[part]++;
	board->who[part] = who;
	board->output[part] = board->input * (int)part;
}

static void check_counts(const struct board *board, size_t parts, int input)
{
	for (size_t i = 0; i < PARTS; i++) {
		assert_int_equal(board->runs[i], i < parts ? 1 : 0);
		assert_int_equal(board->output[i], i < parts ? input * (int)i : 0);
	}
}

static void test_every_part_once(void **state)
{
	for (int forced = 0; forced < 2; forced++) {
		struct helper *h = open_helper(&(struct helper_options){
			.bytes = sizeof(struct board), .only_helper = forced});
		for (size_t parts = 0; parts <= PARTS; parts += parts < 20 ? 1 : 41) {
			struct board *board = take(h);
			assert_int_equal((uintptr_t)board % GEMM_ALIGN, 0);
			for (int task = 1; task <= 20; task++) {
				memset(board, 0, sizeof(*board));
				board->input = task;
				if (!helper_run(h, count_part, parts)) {
					/* Interrupted on a busy machine: once more. */
					assert_false(forced);
					board = take(h);
					task--;
					continue;
				}
				check_counts(board, parts, task);
				for (size_t i = 0; forced && i < parts; i++)
					assert_int_equal(board->who[i], HELPER_OTHER);
			}
			helper_give(h);
		}
		helper_close(h);
	}
}

static void test_one_caller_at_a_time(void **state)
{
	struct helper *h = open_helper(&(struct helper_options){.bytes = 1});
	assert_non_null(helper_take(h));
	assert_null(helper_take(h));
	assert_null(helper_take(h));
	helper_give(h);
	assert_non_null(helper_take(h));
	helper_give(h);
	helper_close(h);
}

/* The caller's first part waits until the helper is in one, and that one until it is let go. */
static void held_part(void *memory, size_t part, enum helper_who who)
{
	struct board *board = memory;
	if (who == HELPER_OTHER) {
		atomic_store(&board->entered, true);
		while (atomic_load(&board->hold))
			usleep(100);
	}
	while (!atomic_load(&board->entered))
		usleep(100);
	count_part(memory, part, who);
}

static void test_left_behind(void **state)
{
	struct helper *h = open_helper(&(struct helper_options){.bytes = sizeof(struct board)});
	for (int round = 0; round < 3; round++) {
		struct board *board = take(h);
		memset(board, 0, sizeof(*board));
		atomic_store(&board->hold, true);
		assert_false(helper_run(h, held_part, 8));
		for (int i = 0; i < 5; i++)
			assert_null(helper_take(h));
		atomic_store(&board->hold, false);
		board = take(h); /* it has come out */
		int runs = 0;
		for (size_t i = 0; i < 8; i++)
			runs += board->runs[i];
		assert_int_equal(runs, 8);
		helper_give(h);
	}
	helper_close(h);
}

/* Closing waits for the part that the helper is in. */
static void *let_go(void *arg)
{
	usleep(20000);
	atomic_store((atomic_bool *)arg, false);
	return NULL;
}

static void test_closed_while_left(void **state)
{
	struct helper *h = open_helper(&(struct helper_options){.bytes = sizeof(struct board)});
	struct board *board = take(h);
	pthread_t thread;
	memset(board, 0, sizeof(*board));
	atomic_store(&board->hold, true);
	assert_false(helper_run(h, held_part, 2));
	assert_int_equal(pthread_create(&thread, NULL, let_go, &board->hold), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	helper_close(h);
}

static void test_left_when_told(void **state)
{
	struct helper *h = open_helper(&(struct helper_options){
		.bytes = sizeof(struct board), .only_helper = true, .leave_at = 3});
	struct board *board = take(h);
	memset(board, 0, sizeof(*board));
	assert_true(helper_run(h, count_part, 5));
	assert_true(helper_run(h, count_part, 5));
	assert_false(helper_run(h, count_part, 5));
	take(h);
	assert_true(helper_run(h, count_part, 5));
	helper_give(h);
	helper_close(h);
}

static void test_no_memory(void **state)
{
	struct fail_alloc fail;
	struct err err = {0};
	struct helper *h = NULL;
	fail_alloc_init(&fail, 1, false);
	assert_int_equal(helper_open(&(struct helper_options){.bytes = 9}, &fail.alloc, &h, &err),
			 ERR_NOMEM);
	assert_null(h);
	fail_alloc_init(&fail, 2, false);
	assert_int_equal(helper_open(&(struct helper_options){.bytes = 9}, &fail.alloc, &h, &err),
			 ERR_OK);
	assert_null(helper_take(h));
	assert_null(helper_take(h));
	helper_close(h);
	assert_int_equal(fail.live, 0);
	h = open_helper(&(struct helper_options){.bytes = SIZE_MAX});
	assert_null(helper_take(h));
	helper_close(h);
	helper_close(NULL);
}

/* A stack that no address space holds. */
static void test_no_thread(void **state)
{
	pthread_attr_t normal, huge;
	struct helper *h = open_helper(&(struct helper_options){.bytes = 9});
	assert_int_equal(pthread_getattr_default_np(&normal), 0);
	assert_int_equal(pthread_attr_init(&huge), 0);
	assert_int_equal(pthread_attr_setstacksize(&huge, (size_t)1 << 50), 0);
	assert_int_equal(pthread_setattr_default_np(&huge), 0);
	void *memory = helper_take(h);
	assert_int_equal(pthread_setattr_default_np(&normal), 0);
	assert_null(memory);
	assert_null(helper_take(h)); /* it is not tried again */
	helper_close(h);
	pthread_attr_destroy(&huge);
	pthread_attr_destroy(&normal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_part_once), cmocka_unit_test(test_one_caller_at_a_time),
		cmocka_unit_test(test_left_behind),     cmocka_unit_test(test_closed_while_left),
		cmocka_unit_test(test_left_when_told),  cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_no_thread),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
