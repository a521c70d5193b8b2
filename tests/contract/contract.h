/*
 * What the contract tests of a port share: the backends, and a store in a fresh folder for each test.
 * Failures of the helpers end the running test (cmocka).
 */
#ifndef DOCS_BOT_TESTS_CONTRACT_H
#define DOCS_BOT_TESTS_CONTRACT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/vec.h"
#include "support/store_fixture.h"
#include "support/temp_dir.h"

struct backend {
	const char *name;
	/* Opens a store in `place`, which is empty before the first call of a test. */
	enum err_code (*open)(const char *place, bool create, const struct alloc *alloc,
			      struct store **out, struct err *err);
};

static inline enum err_code open_sqlite(const char *place, bool create, const struct alloc *alloc,
					struct store **out, struct err *err)
{
	struct store_sqlite_options options = {.data_dir = place, .create = create};

	options.vec_limit = VEC_AVX512;
	return store_sqlite_open(&options, alloc, out, err);
}

static const struct backend backends[] = {{"sqlite", open_sqlite}};

struct fixture {
	const struct backend *backend;
	struct temp_dir dir;
	struct store *store;
	struct arena arena;
	struct err err;
};

static const struct backend *current; /* set by main between groups */

static const struct store_identity model_a = {{"model-a", 7}, FIXTURE_DIMENSION, {"", 0}};
static const struct store_identity model_b = {{"model-b", 7}, FIXTURE_DIMENSION, {"", 0}};

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	*state = f;
	f->backend = current;
	arena_init(&f->arena, alloc_default(), 1 << 26);
	temp_dir_make(&f->dir);
	return f->backend->open(f->dir.path, true, alloc_default(), &f->store, &f->err) ? -1 : 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	arena_release(&f->arena);
	temp_dir_remove(&f->dir);
	free(f);
	return 0;
}

#define assert_ok(f, call)                                                                         \
	do {                                                                                       \
		enum err_code code_ = (call);                                                      \
		if (code_)                                                                         \
			fail_msg("%s: %s", err_label(code_), (f)->err.message);                    \
	} while (0)

static inline void begin(struct fixture *f)
{
	assert_ok(f, store_begin(f->store, &model_a, false, &f->err));
}

static inline void publish(struct fixture *f)
{
	assert_ok(f, store_publish(f->store, 1700000000000, &f->err));
}

static inline void put_texts(struct fixture *f, const char *source, const char *path,
			     const char *hash, const char *const *texts, size_t count,
			     uint32_t seed)
{
	static const char *const headings[FIXTURE_MAX_SECTIONS] = {
		"Overview", "Install", "Usage", "Limits", "More", "Next", "Other", "Last"};
	struct fixture_document d;

	fixture_document(&d, source, path, hash, headings, texts, count, seed);
	assert_ok(f, store_put(f->store, &d.document, &f->err));
}

static inline void put_text(struct fixture *f, const char *path, const char *hash, const char *text)
{
	put_texts(f, "site", path, hash, &text, 1, 1);
}

static inline size_t count_text(struct fixture *f, struct store *s, enum store_text_scope scope,
				const char *query)
{
	struct store_hits hits;

	assert_ok(f, store_search_text(s, scope, str_c(query), 100, &f->arena, &hits, &f->err));
	for (size_t i = 0; i < hits.count; i++) {
		assert_true(hits.items[i].score > 0);
		assert_true(!i || hits.items[i - 1].score >= hits.items[i].score);
	}
	return hits.count;
}

static inline struct store_stats stats(struct fixture *f, struct store *s)
{
	struct store_stats out;

	uint64_t generation;

	assert_ok(f, store_stats(s, &f->arena, &out, &f->err));
	assert_ok(f, store_generation(s, &generation, &f->err));
	assert_int_equal(generation, out.generation);
	return out;
}

/* The group of tests against each backend; for main. */
static inline int run_contract(const struct CMUnitTest *tests, size_t count)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		current = &backends[i];
		failed += _cmocka_run_group_tests(backends[i].name, tests, count, NULL, NULL);
	}
	return failed != 0;
}

#define CONTRACT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
