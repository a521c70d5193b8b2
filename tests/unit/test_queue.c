/* base/queue: order, bounds, and nothing lost or doubled between threads. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/queue.h"
#include "support/fail_alloc.h"

static int items[64];

static void first_in_first_out(void **state)
{
	struct queue queue;
	struct err err;
	assert_int_equal(queue_init(&queue, alloc_default(), 3, &err), ERR_OK);
	/* around the ring more than once */
	for (int round = 0; round < 5; round++) {
		assert_true(queue_try_push(&queue, &items[0]));
		assert_true(queue_push(&queue, &items[1]));
		assert_int_equal(queue_length(&queue), 2);
		assert_ptr_equal(queue_pop(&queue), &items[0]);
		assert_ptr_equal(queue_pop(&queue), &items[1]);
	}
	queue_release(&queue);
	queue_release(&queue);
}

static void full_queue_refuses(void **state)
{
	struct queue queue;
	struct err err;
	assert_int_equal(queue_init(&queue, alloc_default(), 2, &err), ERR_OK);
	assert_true(queue_try_push(&queue, &items[0]));
	assert_true(queue_try_push(&queue, &items[1]));
	assert_false(queue_try_push(&queue, &items[2]));
	assert_int_equal(queue_length(&queue), 2);
	assert_ptr_equal(queue_pop(&queue), &items[0]);
	assert_true(queue_try_push(&queue, &items[2]));
	queue_release(&queue);
}

static void closed_queue_drains(void **state)
{
	struct queue queue;
	struct err err;
	assert_int_equal(queue_init(&queue, alloc_default(), 4, &err), ERR_OK);
	assert_true(queue_push(&queue, &items[0]));
	queue_close(&queue);
	assert_false(queue_push(&queue, &items[1]));
	assert_false(queue_try_push(&queue, &items[1]));
	assert_ptr_equal(queue_pop(&queue), &items[0]);
	assert_null(queue_pop(&queue));
	assert_null(queue_pop(&queue));
	queue_release(&queue);
}

static void out_of_memory(void **state)
{
	struct queue queue;
	struct err err = {ERR_OK, ""};
	struct fail_alloc fail;
	fail_alloc_init(&fail, 1, false);
	assert_int_equal(queue_init(&queue, &fail.alloc, 2, &err), ERR_NOMEM);
	queue_release(&queue);
	assert_int_equal(queue_init(&queue, alloc_default(), SIZE_MAX / 2, &err), ERR_NOMEM);
	queue_release(&queue);
}

enum { PRODUCERS = 4, CONSUMERS = 3, EACH = 2000 };

struct shared {
	struct queue queue;
	unsigned char seen[PRODUCERS * EACH]; /* each written by the one thread that popped it */
	char tokens[PRODUCERS * EACH];        /* their addresses are the items */
};

struct producer {
	struct shared *shared;
	size_t first;
	bool spin; /* pushes with try_push until it succeeds */
	size_t refused;
};

struct consumer {
	struct shared *shared;
	size_t count;
	size_t out_of_order;
};

static void *produce(void *arg)
{
	struct producer *p = arg;
	for (size_t i = 0; i < EACH; i++) {
		void *item = &p->shared->tokens[p->first + i];
		if (p->spin)
			while (!queue_try_push(&p->shared->queue, item))
				sched_yield();
		else
			p->refused += !queue_push(&p->shared->queue, item);
	}
	return NULL;
}

static void *consume(void *arg)
{
	struct consumer *c = arg;
	size_t last[PRODUCERS] = {0};
	char *item;
	while ((item = queue_pop(&c->shared->queue))) {
		size_t index = (size_t)(item - c->shared->tokens);
		c->shared->seen[index]++;
		/* what one producer pushed comes in its order */
		size_t producer = index / EACH, place = index % EACH + 1;
		c->out_of_order += place <= last[producer];
		last[producer] = place;
		c->count++;
	}
	return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
	struct shared *shared = calloc(1, sizeof(*shared));
	struct producer producers[PRODUCERS];
	struct consumer consumers[CONSUMERS];
	pthread_t threads[PRODUCERS + CONSUMERS];
	struct err err;
	size_t total = 0;
	assert_non_null(shared);
	assert_int_equal(queue_init(&shared->queue, alloc_default(), 5, &err), ERR_OK);
	for (size_t i = 0; i < CONSUMERS; i++) {
		consumers[i] = (struct consumer){.shared = shared};
		assert_int_equal(
			pthread_create(&threads[PRODUCERS + i], NULL, consume, &consumers[i]), 0);
	}
	for (size_t i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct producer){shared, i * EACH, i % 2 == 1, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
	}
	for (size_t i = 0; i < PRODUCERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(producers[i].refused, 0);
	}
	queue_close(&shared->queue);
	for (size_t i = 0; i < CONSUMERS; i++) {
		pthread_join(threads[PRODUCERS + i], NULL);
		assert_int_equal(consumers[i].out_of_order, 0);
		total += consumers[i].count;
	}
	assert_int_equal(total, PRODUCERS * EACH);
	for (size_t i = 0; i < PRODUCERS * EACH; i++)
		assert_int_equal(shared->seen[i], 1);
	queue_release(&shared->queue);
	free(shared);
}

/* Closing wakes those that wait for room and those that wait for an item. */
static void *push_until_closed(void *arg)
{
	struct queue *queue = arg;
	while (queue_push(queue, &items[0]))
		;
	return NULL;
}

static void *pop_until_closed(void *arg)
{
	return queue_pop(arg);
}

static void closing_wakes_every_waiter(void **state)
{
	struct queue full, empty;
	struct err err;
	pthread_t threads[6];
	assert_int_equal(queue_init(&full, alloc_default(), 1, &err), ERR_OK);
	assert_int_equal(queue_init(&empty, alloc_default(), 1, &err), ERR_OK);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, push_until_closed, &full), 0);
		assert_int_equal(pthread_create(&threads[3 + i], NULL, pop_until_closed, &empty),
				 0);
	}
	while (queue_length(&full) == 0)
		sched_yield();
	queue_close(&full);
	queue_close(&empty);
	for (size_t i = 0; i < 6; i++) {
		void *got = &items[0];
		assert_int_equal(pthread_join(threads[i], &got), 0);
		assert_null(got);
	}
	assert_int_equal(queue_length(&full), 1);
	queue_release(&full);
	queue_release(&empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_in_first_out),
		cmocka_unit_test(full_queue_refuses),
		cmocka_unit_test(closed_queue_drains),
		cmocka_unit_test(out_of_memory),
		cmocka_unit_test(nothing_is_lost_between_threads),
		cmocka_unit_test(closing_wakes_every_waiter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
