/*
 * Memory that runs out at every place in turn, on the way into the index and on the way to an
 * answer: each run ends with an error or with the right result, frees what it took, and leaves the
 * store in its last good state.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "answer/answer.h"
#include "answer/present.h"
#include "support/fail_alloc.h"
#include "support/mini_site.h"

/*
 * SQLite has an allocator of its own, which a process chooses once, before its first use. This one
 * fails the call that `sqlite_fail_at` counts down to; 0: none.
 */
static sqlite3_mem_methods sqlite_memory;
static size_t sqlite_fail_at, sqlite_failures;

static bool sqlite_fails(void)
{
	bool fails = sqlite_fail_at && --sqlite_fail_at == 0;
	sqlite_failures += fails;
	return fails;
}

static void *failing_malloc(int size)
{
	return sqlite_fails() ? NULL : sqlite_memory.xMalloc(size);
}

static void *failing_realloc(void *ptr, int size)
{
	return sqlite_fails() ? NULL : sqlite_memory.xRealloc(ptr, size);
}

static int setup_group(void **state)
{
	sqlite3_mem_methods failing;
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory) != SQLITE_OK)
		return -1;
	failing = sqlite_memory;
	failing.xMalloc = failing_malloc;
	failing.xRealloc = failing_realloc;
	return sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) == SQLITE_OK ? 0 : -1;
}

static const char *const folders[] = {"site"};

struct fixture {
	struct mini_site site;
	struct arena arena;
	struct err err;
	struct store_stats before; /* of the index that is there at first */
	struct index_report wanted;
};

/* Indexed once; then one page is edited, one deleted, one new, one bad. */
static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct index_report report;
	if (!f)
		return -1;
	*state = f;
	sqlite_fail_at = 0;
	mini_site_make(&f->site);
	arena_init(&f->arena, alloc_default(), 64 << 20);
	if (mini_site_index(&f->site, folders, 1, alloc_default(), &f->arena, &report, &f->err))
		fail_msg("%s", f->err.message);
	f->before = mini_site_stats(&f->site, &f->arena);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	sqlite_fail_at = 0;
	arena_release(&f->arena);
	mini_site_remove(&f->site);
	free(f);
	return 0;
}

static void change_pages(struct fixture *f)
{
	mini_site_write(&f->site, "content/en/docs/about.md",
			STR("---\ntitle: About\n---\n{{< note >}}\nOther words.\n{{< /note >}}\n\n"
			    "| a | b |\n| - | - |\n| c | d |\n"));
	mini_site_write(&f->site, "content/en/docs/new.md",
			STR("# New\n\nA page of [links](x.md) and `code`.\n\n```go\nx\n```\n"));
	mini_site_write(&f->site, "content/en/docs/bad.md", STR("\xff"));
	temp_dir_delete(&f->site.dir, "site/content/en/docs/notes.txt");
}

/* The store holds exactly what it held, and says so through search as well. */
static void assert_old_index(struct fixture *f, size_t n)
{
	struct arena arena;
	struct store *store = NULL;
	struct store_hits old_page, new_page;
	arena_init(&arena, alloc_default(), 64 << 20);
	struct store_stats now = mini_site_stats(&f->site, &arena);
	if (now.generation != f->before.generation || now.documents != f->before.documents ||
	    now.chunks != f->before.chunks || now.sections != f->before.sections)
		fail_msg("failure %zu changed the index", n);
	if (mini_site_store(&f->site, alloc_default(), &store, &f->err) ||
	    store_search_text(store, STORE_TEXT_PAGES, STR("dashboard login"), 5, &arena, &old_page,
			      &f->err) ||
	    store_search_text(store, STORE_TEXT_PAGES, STR("links"), 5, &arena, &new_page, &f->err))
		fail_msg("%s", f->err.message);
	assert_int_equal(old_page.count, 1);
	assert_int_equal(new_page.count, 0);
	store_close(store);
	arena_release(&arena);
}

static void assert_new_index(struct fixture *f, const struct index_report *report)
{
	struct arena arena;
	arena_init(&arena, alloc_default(), 64 << 20);
	struct store_stats now = mini_site_stats(&f->site, &arena);
	assert_int_equal(report->documents, MINI_SITE_PAGES);
	assert_int_equal(report->deleted_documents, 1);
	assert_int_equal(report->skip_count, 1);
	assert_int_equal(now.documents, MINI_SITE_PAGES);
	assert_int_equal(now.chunks, report->total_chunks);
	assert_int_equal(now.generation, f->before.generation + 1);
	arena_release(&arena);
}

/* One run with the n-th allocation failing; true when there was no n-th. */
static bool index_with_failure(struct fixture *f, size_t n, bool ever_after)
{
	struct fail_alloc fail;
	struct arena arena;
	struct index_report report;
	f->err = (struct err){ERR_OK, ""};
	fail_alloc_init(&fail, n, ever_after);
	arena_init(&arena, &fail.alloc, 64 << 20);
	enum err_code code =
		mini_site_index(&f->site, folders, 1, &fail.alloc, &arena, &report, &f->err);
	bool failed = atomic_load(&fail.failures) > 0;
	if (failed && code != ERR_NOMEM)
		fail_msg("failure %zu: code %d, '%s'", n, (int)code, f->err.message);
	if (failed) {
		assert_true(f->err.message[0] != '\0');
		assert_old_index(f, n);
	} else {
		if (code)
			fail_msg("%s", f->err.message);
		assert_new_index(f, &report);
	}
	arena_release(&arena);
	if (atomic_load(&fail.live))
		fail_msg("failure %zu leaks %zu blocks", n, atomic_load(&fail.live));
	return !failed;
}

static void index_survives_each_failed_allocation(void **state)
{
	struct fixture *f = *state;
	size_t n = 1;
	change_pages(f);
	while (!index_with_failure(f, n, false))
		n++;
	assert_true(n > 50); /* otherwise it did not go through the allocator */
}

static void index_survives_lasting_lack_of_memory(void **state)
{
	struct fixture *f = *state;
	size_t n = 1;
	change_pages(f);
	while (!index_with_failure(f, n, true))
		n++;
	assert_true(n > 50);
}

/* The same for SQLite's allocations; there are thousands, so the steps grow. */
static void index_survives_failures_within_sqlite(void **state)
{
	struct fixture *f = *state;
	size_t failures = 0;
	change_pages(f);
	for (size_t n = 1;; n += 1 + n / 8) {
		struct arena arena;
		struct index_report report;
		f->err = (struct err){ERR_OK, ""};
		arena_init(&arena, alloc_default(), 64 << 20);
		sqlite_failures = 0;
		sqlite_fail_at = n;
		enum err_code code = mini_site_index(&f->site, folders, 1, alloc_default(), &arena,
						     &report, &f->err);
		sqlite_fail_at = 0;
		/* SQLite gets over some failures (its caches may be smaller): then all is there. */
		if (code == ERR_OK)
			assert_new_index(f, &report);
		else
			assert_old_index(f, n);
		if (code && code != ERR_NOMEM)
			fail_msg("failure %zu: code %d, '%s'", n, (int)code, f->err.message);
		arena_release(&arena);
		failures += code != ERR_OK;
		if (code == ERR_OK && sqlite_failures == 0)
			break;
		if (code == ERR_OK) { /* back to the index before the changes' publication */
			teardown(state);
			assert_int_equal(setup(state), 0);
			f = *state;
			change_pages(f);
		}
	}
	assert_true(failures > 10);
}

static const char question[] = "How do I keep the pods of finished trials in Katib?";

/* Opens the store, asks, and gives the answer's text as JSON in `out`. */
static enum err_code ask(struct fixture *f, const struct alloc *alloc, size_t arena_max,
			 struct buf *out)
{
	const struct answer_sink silent = {0};
	struct store *store = NULL;
	struct answer_result result;
	struct arena arena;
	f->err = (struct err){ERR_OK, ""};
	arena_init(&arena, alloc, arena_max);
	enum err_code code = mini_site_store(&f->site, alloc, &store, &f->err);
	if (!code) {
		const struct answer_deps deps = {.store = store,
						 .embedder = &f->site.fake.embedder,
						 .clock = clock_system()};
		code = answer_run(&deps, &(struct answer_request){.question = str_c(question)},
				  &silent, &arena, &result, &f->err);
	}
	if (!code) {
		json_t *citations = present_citations(result.citations, result.citation_count);
		assert_true(buf_append(out, result.text));
		assert_int_equal(json_write(citations, out, &f->err), ERR_OK);
		json_decref(citations);
	}
	store_close(store);
	arena_release(&arena);
	return code;
}

struct asked {
	struct buf wanted, got;
};

static struct asked ask_first(struct fixture *f)
{
	struct asked asked;
	buf_init(&asked.wanted, alloc_default(), 1 << 20);
	buf_init(&asked.got, alloc_default(), 1 << 20);
	if (ask(f, alloc_default(), 64 << 20, &asked.wanted))
		fail_msg("%s", f->err.message);
	assert_true(str_find(buf_str(&asked.wanted), STR("retain: true"), 0) != STR_NPOS);
	return asked;
}

static void forget(struct asked *asked)
{
	buf_release(&asked->wanted);
	buf_release(&asked->got);
}

static void assert_same_answer(const struct asked *asked)
{
	assert_true(str_eq(buf_str(&asked->got), buf_str(&asked->wanted)));
}

static void asking_survives_each_failed_allocation(void **state)
{
	struct fixture *f = *state;
	struct asked asked = ask_first(f);
	for (int ever_after = 0; ever_after < 2; ever_after++) {
		size_t n = 1;
		for (;; n++) {
			struct fail_alloc fail;
			fail_alloc_init(&fail, n, ever_after);
			buf_clear(&asked.got);
			enum err_code code = ask(f, &fail.alloc, 64 << 20, &asked.got);
			bool failed = atomic_load(&fail.failures) > 0;
			if (code == ERR_OK)
				assert_same_answer(&asked);
			if (failed && code != ERR_NOMEM)
				fail_msg("failure %zu: code %d, '%s'", n, (int)code,
					 f->err.message);
			if (atomic_load(&fail.live))
				fail_msg("failure %zu leaks", n);
			if (!failed) {
				assert_int_equal(code, ERR_OK);
				break;
			}
		}
		assert_true(n > 5);
	}
	forget(&asked);
}

/*
 * Blocks of an arena hide most single allocations; a limit that grows byte by byte stops at each
 * of them in turn.
 */
static void asking_survives_every_memory_limit(void **state)
{
	struct fixture *f = *state;
	struct asked asked = ask_first(f);
	size_t limits = 0;
	for (size_t max = 0;; max += 16 + max / 64) {
		buf_clear(&asked.got);
		enum err_code code = ask(f, alloc_default(), max, &asked.got);
		if (code == ERR_OK) {
			assert_same_answer(&asked);
			break;
		}
		if (code != ERR_LIMIT)
			fail_msg("limit %zu: code %d, '%s'", max, (int)code, f->err.message);
		assert_non_null(strstr(f->err.message, "memory"));
		limits++;
	}
	assert_true(limits > 50);
	forget(&asked);
}

static void asking_survives_failures_within_sqlite(void **state)
{
	struct fixture *f = *state;
	struct asked asked = ask_first(f);
	size_t failures = 0;
	for (size_t n = 1;; n += 1 + n / 16) {
		buf_clear(&asked.got);
		sqlite_failures = 0;
		sqlite_fail_at = n;
		enum err_code code = ask(f, alloc_default(), 64 << 20, &asked.got);
		sqlite_fail_at = 0;
		if (code == ERR_OK)
			assert_same_answer(&asked);
		else if (code != ERR_NOMEM)
			fail_msg("failure %zu: code %d, '%s'", n, (int)code, f->err.message);
		failures += code != ERR_OK;
		if (sqlite_failures == 0)
			break;
	}
	assert_true(failures > 10);
	forget(&asked);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(index_survives_each_failed_allocation),
		TEST(index_survives_lasting_lack_of_memory),
		TEST(index_survives_failures_within_sqlite),
		TEST(asking_survives_each_failed_allocation),
		TEST(asking_survives_every_memory_limit),
		TEST(asking_survives_failures_within_sqlite),
	};
	return cmocka_run_group_tests(tests, setup_group, NULL);
}
