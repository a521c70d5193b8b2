/* answer/retrieve and answer/expand on a real store: filters, archived pages, neighbours, weights. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "answer/expand.h"
#include "answer/retrieve.h"
#include "store/sqlite/sqlite.h"
#include "support/fake_embedder.h"
#include "support/temp_dir.h"

enum { MAX_SECTIONS = 6, CROWD = 300 };

struct page {
	const char *path, *type, *repo, *version;
	bool archived;
	const char *texts[MAX_SECTIONS]; /* of its sections, to the first NULL */
};

struct fixture {
	struct temp_dir dir;
	struct fake_embedder fake;
	struct store *store;
	struct arena arena;
	struct err err;
};

static void put(struct fixture *f, const struct page *page)
{
	struct store_section sections[MAX_SECTIONS];
	struct store_chunk chunks[3 * MAX_SECTIONS];
	static float vectors[MAX_SECTIONS][FAKE_EMBEDDER_DIMENSION];
	size_t count = 0, chunk_count = 0;
	for (; count < MAX_SECTIONS && page->texts[count]; count++) {
		struct str text = str_c(page->texts[count]);
		sections[count] = (struct store_section){
			.heading = STR("H"), .anchor = STR("h"), .level = 2, .text = text};
		if (embed_texts(&f->fake.embedder, &text, 1, vectors[count], &f->err))
			fail_msg("%s", f->err.message);
		for (int unit = 0; unit < STORE_UNIT_COUNT; unit++)
			chunks[chunk_count++] =
				(struct store_chunk){.unit = (enum store_unit)unit,
						     .ordinal = (uint32_t)count,
						     .first_section = (uint32_t)count,
						     .last_section = (uint32_t)count,
						     .text = text,
						     .vector = vectors[count]};
	}
	const struct store_document document = {.source = STR("site"),
						.path = str_c(page->path),
						.title = STR("T"),
						.url = STR("https://e.org/p/"),
						.type = str_c(page->type),
						.repo = str_c(page->repo),
						.version = str_c(page->version),
						.archived = page->archived,
						.content_hash = STR("hash"),
						.sections = sections,
						.section_count = count,
						.chunks = chunks,
						.chunk_count = chunk_count};
	if (store_put(f->store, &document, &f->err))
		fail_msg("%s", f->err.message);
}

static const struct page pages[] = {
	{"current.md",
	 "doc",
	 "kubeflow/website",
	 "",
	 false,
	 {"trial templates are kept", "retain keeps pods of trials", "the next step", NULL}},
	{"old.md", "doc", "kubeflow/website", "1.2", true, {"retain keeps pods of trials", NULL}},
	{"one.yaml", "code", "kubeflow/katib", "", false, {"kind Experiment retain true", NULL}},
	{"two.yaml", "code", "kubeflow/katib", "", false, {"kind Trial pods", NULL}},
	{"1.md", "pull_request", "kubeflow/katib", "", false, {"yankee", NULL}},
	{"2.md",
	 "pull_request",
	 "kubeflow/katib",
	 "",
	 false,
	 {"yankee one two three four five six seven eight nine ten eleven twelve", NULL}},
	{"long.md",
	 "doc",
	 "",
	 "",
	 false,
	 {"alpha", "beta gamma", "delta epsilon zebra", "eta theta", "iota", NULL}},
};

static int set_up(void **state)
{
	static struct fixture f;
	char path[512];
	const struct store_sqlite_options options = {
		.data_dir = temp_dir_path(&f.dir, "data", path), .create = true};
	temp_dir_make(&f.dir);
	fake_embedder_init(&f.fake);
	arena_init(&f.arena, alloc_default(), 256 << 20);
	(void)temp_dir_path(&f.dir, "data", path);
	if (store_sqlite_open(&options, alloc_default(), &f.store, &f.err))
		return -1;
	const struct store_identity identity = {str_c(f.fake.embedder.model),
						f.fake.embedder.dimension, STR("")};
	if (store_begin(f.store, &identity, false, &f.err))
		return -1;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		put(&f, &pages[i]);
	for (int i = 0; i < CROWD; i++) {
		char name[32];
		snprintf(name, sizeof(name), "crowd/%03d.md", i);
		put(&f, &(struct page){name, "doc", "crowd", "", false, {"pods pods pods", NULL}});
	}
	*state = &f;
	return store_publish(f.store, 1, &f.err) ? -1 : 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	arena_release(&f->arena);
	temp_dir_remove(&f->dir);
	return 0;
}

static struct retrieve_results find(struct fixture *f, const char *query,
				    const struct retrieve_options *options)
{
	struct retrieve_results results;
	arena_reset(&f->arena);
	if (retrieve(f->store, &f->fake.embedder, clock_system(), str_c(query), options, &f->arena,
		     &results, &f->err))
		fail_msg("%s", f->err.message);
	return results;
}

static void assert_path(const struct retrieve_results *results, size_t at, const char *path)
{
	assert_true(at < results->count);
	if (!str_eq(results->items[at].passage.path, str_c(path)))
		fail_msg("result %zu is %.*s, not %s", at + 1,
			 STR_ARG(results->items[at].passage.path), path);
}

static void archived_pages_stand_back_unless_asked_for(void **state)
{
	struct retrieve_options options = {.top_k = 5};
	struct retrieve_results results = find(*state, "retain keeps pods of trials", &options);
	assert_path(&results, 0, "current.md");
	for (size_t i = 0; i < results.count; i++)
		if (str_eq(results.items[i].passage.path, STR("old.md")))
			assert_true(results.items[i].signals.page_factor == 0.8);
	static const char *const asking[] = {"legacy: retain keeps pods of trials",
					     "retain keeps pods of trials 1.2.1"};
	for (size_t i = 0; i < 2; i++) {
		results = find(*state, asking[i], &options);
		for (size_t j = 0; j < results.count; j++)
			assert_true(results.items[j].signals.page_factor == 1);
	}
	struct retrieve_tuning tuning = retrieve_tuning_default();
	tuning.archived_factor = 0;
	options.tuning = &tuning;
	results = find(*state, "retain keeps pods of trials", &options);
	for (size_t i = 0; i < results.count; i++)
		assert_false(str_eq(results.items[i].passage.path, STR("old.md")));
}

/* The two files are worse than all of the crowd, so that the first hits hold none of them. */
static void filters_find_what_others_crowd_out(void **state)
{
	struct retrieve_options options = {.top_k = 5, .type = STR("code")};
	struct retrieve_results results = find(*state, "pods pods pods", &options);
	assert_int_equal(results.count, 2);
	assert_path(&results, 0, "two.yaml");
	assert_path(&results, 1, "one.yaml");
	assert_int_equal(results.items[0].rank, 1);

	options = (struct retrieve_options){.top_k = 5, .repo = STR("Kubeflow/Website")};
	results = find(*state, "pods pods pods", &options);
	for (size_t i = 0; i < results.count; i++)
		assert_true(str_eq(results.items[i].passage.repo, STR("kubeflow/website")));
	assert_true(results.count > 0);

	options = (struct retrieve_options){.top_k = 5, .version = STR("1.2")};
	results = find(*state, "pods pods pods", &options);
	assert_int_equal(results.count, 1);
	assert_path(&results, 0, "old.md");
	assert_true(results.items[0].signals.page_factor == 1); /* it was asked for */

	options = (struct retrieve_options){.top_k = 5, .repo = STR("site")}; /* the source */
	results = find(*state, "zebra", &options);
	assert_path(&results, 0, "long.md");

	options = (struct retrieve_options){.top_k = 5, .type = STR("issue")};
	assert_int_equal(find(*state, "pods", &options).count, 0);
}

static void pull_requests_have_to_be_relevant(void **state)
{
	struct retrieve_tuning tuning = retrieve_tuning_default();
	struct retrieve_options options = {
		.top_k = 5, .tuning = &tuning, .type = STR("pull_request")};
	struct retrieve_results results = find(*state, "yankee", &options);
	assert_int_equal(results.count, 1);
	assert_path(&results, 0, "1.md");
	tuning.pull_request_min = 0.1;
	assert_int_equal(find(*state, "yankee", &options).count, 2);
}

static void results_grow_to_their_neighbours(void **state)
{
	struct retrieve_tuning tuning = retrieve_tuning_default();
	struct retrieve_options options = {.top_k = 1, .tuning = &tuning};
	tuning.context_tokens = 0;
	struct retrieve_results results = find(*state, "epsilon zebra", &options);
	assert_path(&results, 0, "long.md");
	assert_true(str_eq(results.items[0].text, STR("delta epsilon zebra")));
	assert_int_equal(results.items[0].passage.section, 2);

	/* four tokens of its own and two of the neighbour below; three quarters of 8 are 6 */
	tuning.context_tokens = 8;
	results = find(*state, "epsilon zebra", &options);
	assert_true(str_eq(results.items[0].text, STR("delta epsilon zebra\n\neta theta")));
	/* what does not fit below may fit above, but never beyond a gap */
	tuning.context_tokens = 12;
	results = find(*state, "epsilon zebra", &options);
	assert_true(str_eq(results.items[0].text,
			   STR("beta gamma\n\ndelta epsilon zebra\n\neta theta\n\niota")));
	tuning.context_tokens = 2000;
	results = find(*state, "epsilon zebra", &options);
	assert_true(str_eq(results.items[0].text,
			   STR("alpha\n\nbeta gamma\n\ndelta epsilon zebra\n\neta theta\n\niota")));
	assert_true(str_eq(results.items[0].passage.text, STR("delta epsilon zebra")));
}

static void no_section_stands_in_two_results(void **state)
{
	struct retrieve_options options = {.top_k = 5, .repo = STR("kubeflow/website")};
	struct retrieve_results results = find(*state, "trial templates retain pods", &options);
	size_t shown = 0;
	for (size_t i = 0; i < results.count; i++)
		shown += str_find(results.items[i].text, STR("the next step"), 0) != STR_NPOS;
	assert_int_equal(shown, 1);
}

static void weights_are_read(void **state)
{
	double weights[SIGNAL_COUNT];
	struct err err;
	assert_int_equal(
		retrieve_weights_parse(STR(" windows=1,words=0.5 page_words=100"), weights, &err),
		ERR_OK);
	assert_true(weights[SIGNAL_WINDOWS] == 1 && weights[SIGNAL_WORDS] == 0.5 &&
		    weights[SIGNAL_PAGE_WORDS] == 100 && weights[SIGNAL_SECTIONS] == 0 &&
		    weights[SIGNAL_PARAGRAPHS] == 0);
	assert_int_equal(retrieve_weights_parse(STR(""), weights, &err), ERR_OK);
	assert_true(weights[SIGNAL_WINDOWS] == 0);
	static const char *const bad[] = {"windows",     "windows=",     "windows=x", "window=1",
					  "windows=-1",  "windows=101",  "=1",        "windows=nan",
					  "words=1;a=2", "windows=1e999"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (retrieve_weights_parse(str_c(bad[i]), weights, &err) != ERR_INVALID)
			fail_msg("%s is taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(archived_pages_stand_back_unless_asked_for),
		cmocka_unit_test(filters_find_what_others_crowd_out),
		cmocka_unit_test(pull_requests_have_to_be_relevant),
		cmocka_unit_test(results_grow_to_their_neighbours),
		cmocka_unit_test(no_section_stands_in_two_results),
		cmocka_unit_test(weights_are_read),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
