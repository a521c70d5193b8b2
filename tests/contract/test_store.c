/* What every store must do, run against each backend there is. */
#include "contract/contract.h"
#include "support/fail_alloc.h"

static void test_fresh_store_is_empty(void **state)
{
	struct fixture *f = *state;
	float query[FIXTURE_DIMENSION];
	struct store_hits hits;
	struct store_passage passage;
	struct store_stats out = stats(f, f->store);

	assert_int_equal(out.documents + out.sections + out.chunks + out.cached_embeddings, 0);
	assert_int_equal(out.generation, 0);
	assert_int_equal(out.published_ms, 0);
	assert_int_equal(out.model.len, 0);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "anything"), 0);
	fixture_vector(query, FIXTURE_DIMENSION, 1);
	assert_ok(f, store_search_vector(f->store, STORE_WINDOW, query, FIXTURE_DIMENSION, 5,
					 &f->arena, &hits, &f->err));
	assert_int_equal(hits.count, 0);
	assert_int_equal(store_passage(f->store, 1, 0, &f->arena, &passage, &f->err), ERR_NOTFOUND);
}

static void test_published_document_is_found(void **state)
{
	static const char *const texts[] = {"Overview\nAlpacas graze.", "Install\nRun the setup.",
					    "Usage\nCall it twice."};
	struct fixture *f = *state;
	float query[FIXTURE_DIMENSION];
	struct store_hits hits;
	struct store_passage passage;
	struct store_stats out;

	begin(f);
	put_texts(f, "site", "docs/page.md", "h1", texts, 3, 50);
	publish(f);
	out = stats(f, f->store);
	assert_int_equal(out.documents, 1);
	assert_int_equal(out.sections, 3);
	assert_int_equal(out.chunks, 4);
	assert_int_equal(out.generation, 1);
	assert_int_equal(out.dimension, FIXTURE_DIMENSION);
	assert_true(out.published_ms == 1700000000000);
	assert_true(str_eq(out.model, model_a.model));

	fixture_vector(query, FIXTURE_DIMENSION, 51); /* section 1 */
	assert_ok(f, store_search_vector(f->store, STORE_SECTION, query, FIXTURE_DIMENSION, 2,
					 &f->arena, &hits, &f->err));
	assert_int_equal(hits.count, 2);
	assert_int_equal(hits.items[0].first_section, 1);
	assert_int_equal(hits.items[0].last_section, 1);
	assert_true(hits.items[0].score > 0.9999F && hits.items[0].score < 1.0001F);
	assert_ok(f, store_passage(f->store, hits.items[0].document_id, 1, &f->arena, &passage,
				   &f->err));
	assert_true(str_eq(passage.text, STR("Install\nRun the setup.")));
	assert_true(str_eq(passage.path, STR("docs/page.md")));
	assert_true(str_eq(passage.source, STR("site")));
	assert_true(str_eq(passage.type, STR("doc")));
	assert_true(str_eq(passage.title, STR("Pagetitle")));
	assert_true(str_eq(passage.url, STR("https://example.org/page/")));
	assert_true(str_eq(passage.heading, STR("Install")));
	assert_true(str_eq(passage.anchor, STR("Install")));
	assert_true(str_eq(passage.section_path, STR("Install")));
	assert_int_equal(passage.level, 2);
	assert_int_equal(passage.section, 1);
	assert_int_equal(
		store_passage(f->store, hits.items[0].document_id, 3, &f->arena, &passage, &f->err),
		ERR_NOTFOUND);

	fixture_vector(query, FIXTURE_DIMENSION, 1050); /* the window covers everything */
	assert_ok(f, store_search_vector(f->store, STORE_WINDOW, query, FIXTURE_DIMENSION, 9,
					 &f->arena, &hits, &f->err));
	assert_int_equal(hits.count, 1);
	assert_int_equal(hits.items[0].first_section, 0);
	assert_int_equal(hits.items[0].last_section, 2);

	assert_ok(f, store_search_text(f->store, STORE_TEXT_PAGES, STR("alpaca"), 5, &f->arena,
				       &hits, &f->err));
	assert_int_equal(hits.count, 1);
	assert_int_equal(hits.items[0].first_section, 0);
	assert_int_equal(hits.items[0].last_section, 2);
	assert_ok(f, store_search_text(f->store, STORE_TEXT_SECTIONS, STR("call twice"), 5,
				       &f->arena, &hits, &f->err));
	assert_int_equal(hits.count, 1);
	assert_int_equal(hits.items[0].first_section, 2);
	assert_int_equal(hits.items[0].last_section, 2);
}

static void test_unchanged_documents_stay(void **state)
{
	struct fixture *f = *state;
	uint64_t chunks, documents;
	bool same;

	begin(f);
	put_text(f, "a.md", "h1", "alpha");
	put_text(f, "b.md", "h1", "beta");
	publish(f);
	begin(f);
	assert_ok(f, store_unchanged(f->store, STR("site"), STR("a.md"), STR("h1"), &chunks, &same,
				     &f->err));
	assert_true(same);
	assert_int_equal(chunks, 2);
	assert_ok(f, store_unchanged(f->store, STR("site"), STR("b.md"), STR("h2"), &chunks, &same,
				     &f->err));
	assert_false(same);
	assert_int_equal(chunks, 0);
	assert_ok(f, store_unchanged(f->store, STR("other"), STR("a.md"), STR("h1"), &chunks, &same,
				     &f->err));
	assert_false(same);
	put_text(f, "b.md", "h2", "gamma");
	assert_ok(f, store_sweep(f->store, STR("site"), &documents, &chunks, &f->err));
	assert_int_equal(documents, 0);
	assert_int_equal(chunks, 0);
	publish(f);
	assert_int_equal(stats(f, f->store).documents, 2);
	assert_int_equal(stats(f, f->store).generation, 2);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "alpha"), 1);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "beta"), 0);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_PAGES, "beta"), 0);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_PAGES, "gamma"), 1);
}

/* What is known of a document before it is read, and what search may filter on. */
static void test_labels_of_documents(void **state)
{
	static const char *const headings[] = {"Overview"}, *const texts[] = {"alpha"};
	struct fixture *f = *state;
	struct fixture_document d;
	struct store_hits hits;
	struct store_passage passage;
	uint64_t chunks;
	bool same;

	begin(f);
	put_text(f, "plain.md", "h1", "beta");
	fixture_document(&d, "site", "a.md", "h1", headings, texts, 1, 1);
	d.document.repo = STR("kubeflow/website");
	d.document.version = STR("1.9");
	d.document.archived = true;
	d.document.content_id = STR("git:0123");
	d.sections[0].first_line = 12;
	d.sections[0].last_line = 40;
	assert_ok(f, store_put(f->store, &d.document, &f->err));
	publish(f);

	assert_ok(f, store_search_text(f->store, STORE_TEXT_SECTIONS, STR("alpha"), 5, &f->arena,
				       &hits, &f->err));
	assert_int_equal(hits.count, 1);
	assert_ok(f, store_passage(f->store, hits.items[0].document_id, 0, &f->arena, &passage,
				   &f->err));
	assert_true(str_eq(passage.repo, STR("kubeflow/website")));
	assert_true(str_eq(passage.version, STR("1.9")));
	assert_true(passage.archived);
	assert_int_equal(passage.first_line, 12);
	assert_int_equal(passage.last_line, 40);
	assert_ok(f, store_search_text(f->store, STORE_TEXT_SECTIONS, STR("beta"), 5, &f->arena,
				       &hits, &f->err));
	assert_ok(f, store_passage(f->store, hits.items[0].document_id, 0, &f->arena, &passage,
				   &f->err));
	assert_int_equal(passage.repo.len + passage.version.len + passage.first_line, 0);
	assert_false(passage.archived);

	begin(f);
	assert_ok(f, store_unchanged_id(f->store, STR("site"), STR("a.md"), STR("git:0123"),
					&chunks, &same, &f->err));
	assert_true(same);
	assert_int_equal(chunks, 2);
	assert_ok(f, store_unchanged_id(f->store, STR("site"), STR("a.md"), STR("git:4567"),
					&chunks, &same, &f->err));
	assert_false(same);
	/* Nothing is known of a document without one. */
	assert_ok(f, store_unchanged_id(f->store, STR("site"), STR("plain.md"), STR(""), &chunks,
					&same, &f->err));
	assert_false(same);
	assert_int_equal(chunks, 0);
}

/* Sections that are kept and shown, and found by no search. */
static void test_duplicate_sections_are_not_found(void **state)
{
	static const char *const headings[] = {"Firsthead", "Secondhead"};
	static const char *const texts[] = {"alpha", "omega"};
	struct fixture *f = *state;
	struct fixture_document d;
	struct store_hits hits;
	struct store_passage passage;
	int64_t id;
	uint32_t sections;

	begin(f);
	fixture_document(&d, "site", "a.md", "h1", headings, texts, 2, 1);
	d.sections[1].duplicate = true;
	assert_ok(f, store_put(f->store, &d.document, &f->err));
	fixture_document(&d, "site", "b.md", "h1", headings, texts, 2, 1);
	d.sections[0].duplicate = d.sections[1].duplicate = true;
	d.document.title = STR("Copytitle");
	assert_ok(f, store_put(f->store, &d.document, &f->err));
	publish(f);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "alpha"), 1);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "omega secondhead"), 0);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_PAGES, "omega"), 0);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_PAGES, "alpha"), 1);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_PAGES, "copytitle"), 0);
	assert_ok(f, store_search_text(f->store, STORE_TEXT_SECTIONS, STR("alpha"), 5, &f->arena,
				       &hits, &f->err));
	assert_ok(f, store_passage(f->store, hits.items[0].document_id, 1, &f->arena, &passage,
				   &f->err));
	assert_true(str_eq(passage.text, STR("omega")));
	assert_true(str_eq(passage.heading, STR("Secondhead")));
	assert_true(str_eq(passage.section_path, STR("Secondhead")));
	assert_ok(f, store_find_document(f->store, STR("b.md"), &id, &sections, &f->err));
	assert_int_equal(sections, 2);
	assert_ok(f, store_passage(f->store, id, 0, &f->arena, &passage, &f->err));
	assert_true(str_eq(passage.text, STR("alpha")));
	/* stored anew without the flag they are found */
	begin(f);
	fixture_document(&d, "site", "b.md", "h2", headings, texts, 2, 1);
	assert_ok(f, store_put(f->store, &d.document, &f->err));
	publish(f);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "omega"), 1);
}

static void test_documents_are_listed(void **state)
{
	static const char *const headings[] = {"Overview"}, *const texts[] = {"alpha"};
	struct fixture *f = *state;
	struct fixture_document d;
	struct store_listing listing;
	uint64_t documents, chunks;

	begin(f);
	put_text(f, "b.md", "h1", "beta");
	fixture_document(&d, "site", "a.md", "h1", headings, texts, 1, 1);
	d.document.version = STR("1.9");
	d.document.archived = true;
	d.document.marks = (struct str){"\x00\xff\x01", 3};
	assert_ok(f, store_put(f->store, &d.document, &f->err));
	assert_ok(f, store_list(f->store, STR("site"), &f->arena, &listing, &f->err));
	assert_int_equal(listing.count, 2);
	assert_true(str_eq(listing.items[0].path, STR("a.md")));
	assert_true(str_eq(listing.items[0].version, STR("1.9")));
	assert_true(listing.items[0].archived);
	assert_int_equal(listing.items[0].chunks, 2);
	assert_int_equal(listing.items[0].marks.len, 3);
	assert_memory_equal(listing.items[0].marks.ptr, "\x00\xff\x01", 3);
	assert_true(str_eq(listing.items[1].path, STR("b.md")));
	assert_int_equal(listing.items[1].marks.len, 0);
	assert_ok(f, store_list(f->store, STR("other"), &f->arena, &listing, &f->err));
	assert_int_equal(listing.count, 0);
	publish(f);
	begin(f);
	put_text(f, "c.md", "h1", "gamma");
	assert_ok(f, store_sweep(f->store, STR("site"), &documents, &chunks, &f->err));
	assert_ok(f, store_list(f->store, STR("site"), &f->arena, &listing, &f->err));
	assert_int_equal(listing.count, 1);
	assert_true(str_eq(listing.items[0].path, STR("c.md")));
}

static void test_replaced_document_vanishes(void **state)
{
	static const char *const two[] = {"first uniqueone", "second uniquetwo"};
	struct fixture *f = *state;
	struct store_hits hits;
	struct store_passage passage;

	begin(f);
	put_texts(f, "site", "a.md", "h1", two, 2, 1);
	publish(f);
	assert_ok(f, store_search_text(f->store, STORE_TEXT_SECTIONS, STR("uniquetwo"), 5,
				       &f->arena, &hits, &f->err));
	assert_int_equal(hits.count, 1);
	begin(f);
	put_text(f, "a.md", "h2", "something else");
	publish(f);
	assert_int_equal(
		store_passage(f->store, hits.items[0].document_id, 0, &f->arena, &passage, &f->err),
		ERR_NOTFOUND);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "uniqueone uniquetwo"), 0);
	assert_int_equal(stats(f, f->store).documents, 1);
	assert_int_equal(stats(f, f->store).sections, 1);
	assert_int_equal(stats(f, f->store).chunks, 2);
}

static void test_sweep_removes_what_is_gone(void **state)
{
	static const char *const other[] = {"zebra"};
	struct fixture *f = *state;
	float query[FIXTURE_DIMENSION];
	struct store_hits hits;
	uint64_t documents, chunks;

	begin(f);
	put_text(f, "old-name.md", "h1", "zebra crossing");
	put_text(f, "deleted.md", "h1", "camelCaseThing gone");
	put_texts(f, "blog", "kept.md", "h1", other, 1, 5);
	publish(f);
	begin(f); /* renamed, one deleted; the other source is not indexed in this run */
	put_text(f, "new-name.md", "h1", "zebra crossing");
	assert_ok(f, store_sweep(f->store, STR("site"), &documents, &chunks, &f->err));
	assert_int_equal(documents, 2);
	assert_int_equal(chunks, 4);
	publish(f);
	assert_int_equal(stats(f, f->store).documents, 2);
	assert_int_equal(stats(f, f->store).sections, 2);
	assert_int_equal(stats(f, f->store).chunks, 4);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "zebra"), 2);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_PAGES, "deleted gone camel"), 0);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "gone camelcasething"), 0);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_PAGES, "old"), 0);
	fixture_vector(query, FIXTURE_DIMENSION, 1);
	assert_ok(f, store_search_vector(f->store, STORE_SECTION, query, FIXTURE_DIMENSION, 99,
					 &f->arena, &hits, &f->err));
	assert_int_equal(hits.count, 2);
}

static void test_another_model_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store_identity wider = {model_a.model, FIXTURE_DIMENSION * 2, {"", 0}};
	float query[FIXTURE_DIMENSION * 2] = {1};
	struct store_hits hits;

	begin(f); /* an empty store takes any model */
	publish(f);
	assert_ok(f, store_begin(f->store, &model_b, false, &f->err));
	put_text(f, "a.md", "h1", "alpha");
	publish(f);
	assert_int_equal(store_begin(f->store, &model_a, false, &f->err), ERR_MISMATCH);
	assert_non_null(strstr(f->err.message, "model-b"));
	assert_non_null(strstr(f->err.message, "model-a"));
	assert_non_null(strstr(f->err.message, "docs-bot index --rebuild"));
	assert_int_equal(store_begin(f->store, &wider, false, &f->err), ERR_MISMATCH);
	assert_int_equal(store_search_vector(f->store, STORE_SECTION, query, FIXTURE_DIMENSION * 2,
					     5, &f->arena, &hits, &f->err),
			 ERR_MISMATCH);
	assert_non_null(strstr(f->err.message, "--rebuild"));
	assert_int_equal(stats(f, f->store).documents, 1);

	assert_ok(f, store_begin(f->store, &model_a, true, &f->err));
	put_text(f, "b.md", "h1", "beta");
	publish(f);
	assert_true(str_eq(stats(f, f->store).model, model_a.model));
	assert_int_equal(stats(f, f->store).documents, 1);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_PAGES, "alpha"), 0);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_PAGES, "beta"), 1);
}

static void test_one_run_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct store *second;

	assert_ok(f, f->backend->open(f->dir.path, true, alloc_default(), &second, &f->err));
	begin(f);
	assert_int_equal(store_begin(f->store, &model_a, false, &f->err), ERR_INVALID);
	assert_int_equal(store_begin(second, &model_a, false, &f->err), ERR_BUSY);
	assert_true(strlen(f->err.message) > 20);
	store_rollback(f->store);
	assert_ok(f, store_begin(second, &model_a, false, &f->err));
	store_close(second); /* rolls back */
	begin(f);
	publish(f);
}

static void test_rollback_keeps_the_published_state(void **state)
{
	struct fixture *f = *state;
	uint64_t documents, chunks;

	store_rollback(f->store); /* without a run: nothing */
	begin(f);
	put_text(f, "a.md", "h1", "alpha");
	publish(f);
	begin(f);
	put_text(f, "a.md", "h2", "changed");
	put_text(f, "b.md", "h1", "beta");
	assert_ok(f, store_sweep(f->store, STR("site"), &documents, &chunks, &f->err));
	store_rollback(f->store);
	assert_int_equal(stats(f, f->store).documents, 1);
	assert_int_equal(stats(f, f->store).generation, 1);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "alpha"), 1);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_PAGES, "changed beta"), 0);
	assert_ok(f, store_begin(f->store, &model_b, true, &f->err));
	store_rollback(f->store);
	assert_true(str_eq(stats(f, f->store).model, model_a.model));
	assert_int_equal(stats(f, f->store).documents, 1);
}

static void test_cache_survives_rollback(void **state)
{
	struct fixture *f = *state;
	unsigned char hash[STORE_HASH_SIZE] = {1, 2, 3};
	float put[FIXTURE_DIMENSION], got[FIXTURE_DIMENSION];
	bool found;

	fixture_vector(put, FIXTURE_DIMENSION, 9);
	begin(f);
	for (int i = 0; i < 100; i++) { /* more than one batch */
		hash[31] = (unsigned char)i;
		put[0] = (float)i;
		assert_ok(f, store_cache_put(f->store, model_a.model, hash, put, FIXTURE_DIMENSION,
					     &f->err));
	}
	assert_ok(f, store_cache_get(f->store, model_a.model, hash, got, FIXTURE_DIMENSION, &found,
				     &f->err));
	assert_true(found);
	store_rollback(f->store);
	store_close(f->store);
	f->store = NULL;
	assert_ok(f, f->backend->open(f->dir.path, true, alloc_default(), &f->store, &f->err));
	assert_int_equal(stats(f, f->store).cached_embeddings, 100);
	assert_ok(f, store_cache_get(f->store, model_a.model, hash, got, FIXTURE_DIMENSION, &found,
				     &f->err));
	assert_true(found);
	assert_memory_equal(put, got, sizeof(put));
	assert_ok(f, store_cache_get(f->store, model_b.model, hash, got, FIXTURE_DIMENSION, &found,
				     &f->err));
	assert_false(found);
	assert_ok(f, store_cache_get(f->store, model_a.model, hash, got, 8, &found, &f->err));
	assert_false(found); /* a vector of another length is no use */
	hash[0]++;
	assert_ok(f, store_cache_get(f->store, model_a.model, hash, got, FIXTURE_DIMENSION, &found,
				     &f->err));
	assert_false(found);
	put[1] = NAN;
	assert_int_equal(
		store_cache_put(f->store, model_a.model, hash, put, FIXTURE_DIMENSION, &f->err),
		ERR_INVALID);
}

static void test_identifiers_whole_and_in_parts(void **state)
{
	static const char *const queries[][2] = {
		/* query, text that it must find */
		{"KF_PIPELINES_SA_TOKEN_PATH", "the variable KF_PIPELINES_SA_TOKEN_PATH names it"},
		{"pipelines sa token", "the variable KF_PIPELINES_SA_TOKEN_PATH names it"},
		{"kf_pipelines_sa_token_path", "the variable KF_PIPELINES_SA_TOKEN_PATH names it"},
		{"spec.earlyStopping", "set spec.earlyStopping."},
		{"earlyStopping", "set spec.earlyStopping."},
		{"early stopping", "set spec.earlyStopping."},
		{"stopping", "set spec.earlyStopping."},
		{".set_caching_options(enable_caching=False)", "call task.set_caching_options()"},
		{"caching options", "call task.set_caching_options()"},
		{"setCachingOptions", "call task.set_caching_options()"},
		{"kubeflow.org/v2beta1", "apiVersion: kubeflow.org/v2beta1"},
		{"v2beta1", "apiVersion: kubeflow.org/v2beta1"},
		{"api version", "apiVersion: kubeflow.org/v2beta1"},
		{"--flag-name", "pass --flag-name=3 here"},
		{"flag", "pass --flag-name=3 here"},
		{"flagName", "pass --flag-name=3 here"},
		{"PyTorchJob", "a PyTorchJob runs"},
		{"job", "a PyTorchJob runs"},
		{"pytorch", "a PyTorchJob runs"},
		{"http server", "an HTTPServer listens"},
		{"crd", "two CRDs exist"},
		{"deleting", "it deletes pods"},
		{"Crème", "la creme"},
		{"Öffnen", "wir öffnen"},
	};
	struct fixture *f = *state;
	size_t count = sizeof(queries) / sizeof(queries[0]);

	for (size_t i = 0; i < count; i++) {
		begin(f);
		put_text(f, "noise.md", "h1", "nothing of the kind stands in this text");
		put_text(f, "page.md", "h1", queries[i][1]);
		publish(f);
		if (count_text(f, f->store, STORE_TEXT_SECTIONS, queries[i][0]) != 1 ||
		    count_text(f, f->store, STORE_TEXT_PAGES, queries[i][0]) != 1)
			fail_msg("'%s' does not find '%s' alone", queries[i][0], queries[i][1]);
	}
}

static void test_typing_errors_are_forgiven(void **state)
{
	struct fixture *f = *state;

	begin(f);
	put_text(f, "a.md", "1", "nested pipelines recursion");
	put_text(f, "b.md", "2", "notebook spawner");
	publish(f);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "pipelinse"), 1);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_PAGES, "Pipleines!"), 1);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "NOTEBOK (spwaner)"), 1);
	/* another first letter, a name, no word, too short, two errors */
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "rested"), 0);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "noteBok"), 0);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "nest3d"), 0);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "nsst"), 0);
	assert_int_equal(count_text(f, f->store, STORE_TEXT_SECTIONS, "notabokk"), 0);
}

/* The words that stand everywhere are left out where they are many; the rare ones still find. */
static void test_common_words_do_not_hide_rare_ones(void **state)
{
	enum { MANY = 3000 };
	struct fixture *f = *state;
	struct store_hits hits;

	begin(f);
	for (int i = 0; i < MANY; i++) {
		char path[32], text[96];

		snprintf(path, sizeof(path), "%04d.md", i);
		snprintf(text, sizeof(text), "alpha beta gamma delta%s",
			 i == 1234 ? " quokka" : "");
		put_text(f, path, "h", text);
	}
	put_text(f, "delta.md", "h", "delta"); /* what the commonest word alone would find */
	publish(f);
	assert_ok(f, store_search_text(f->store, STORE_TEXT_SECTIONS,
				       STR("gamma alpha delta quokka beta"), MANY + 1, &f->arena,
				       &hits, &f->err));
	assert_int_equal(hits.count, MANY); /* the rarest three of those that are held stay */
	assert_true(hits.items[0].score > hits.items[1].score);
	struct store_passage passage;
	assert_ok(f, store_passage(f->store, hits.items[0].document_id, 0, &f->arena, &passage,
				   &f->err));
	assert_true(str_eq(passage.path, STR("1234.md")));
}

static void test_words_are_counted(void **state)
{
	static const struct str words[] = {{"Alpacas", 7},
					   {"set_caching_options", 19},
					   {"setCachingOptions", 17},
					   {"caching", 7},
					   {"zebra", 5},
					   {"", 0},
					   {"--", 2}};
	struct fixture *f = *state;
	uint64_t sections[7], total = 0;
	begin(f);
	put_text(f, "a.md", "h1", "an alpaca calls set_caching_options twice");
	put_text(f, "b.md", "h1", "alpaca caching");
	publish(f);
	assert_ok(f, store_word_sections(f->store, words, 7, sections, &total, &f->err));
	assert_int_equal(total, 2);
	assert_int_equal(sections[0], 2); /* inflections count */
	assert_int_equal(sections[1], 1); /* a name as a whole */
	assert_int_equal(sections[2], 1);
	assert_int_equal(sections[3], 2);
	for (size_t i = 4; i < 7; i++)
		assert_int_equal(sections[i], 0);
	assert_ok(f, store_word_sections(f->store, NULL, 0, NULL, &total, &f->err));
	assert_int_equal(total, 2);
}

static void test_headings_and_titles_weigh_more(void **state)
{
	static const char *const headings[] = {"Quota", "Other", "Third"};
	static const char *const texts[] = {"some plain words here", "the quota some words here",
					    "nothing to see at all"};
	struct fixture *f = *state;
	struct fixture_document d;
	struct store_hits hits;
	struct store_passage passage;

	begin(f);
	fixture_document(&d, "site", "a.md", "h", headings, texts, 3, 1);
	assert_ok(f, store_put(f->store, &d.document, &f->err));
	fixture_document(&d, "site", "b.md", "h", headings + 1, texts + 1, 2, 1);
	d.document.title = STR("Plain");
	d.sections[0].text = STR("the pagetitle is some words here in a longer text");
	assert_ok(f, store_put(f->store, &d.document, &f->err));
	for (int i = 0; i < 3; i++) { /* a word in most pages says nothing */
		d.document.path = (struct str){&"cde"[i], 1};
		d.sections[0].text = STR("filler");
		assert_ok(f, store_put(f->store, &d.document, &f->err));
	}
	publish(f);
	assert_ok(f, store_search_text(f->store, STORE_TEXT_SECTIONS, STR("quota"), 5, &f->arena,
				       &hits, &f->err));
	assert_int_equal(hits.count, 2);
	assert_int_equal(hits.items[0].first_section, 0);
	assert_ok(f, store_search_text(f->store, STORE_TEXT_PAGES, STR("pagetitle"), 5, &f->arena,
				       &hits, &f->err));
	assert_int_equal(hits.count, 2);
	assert_ok(f, store_passage(f->store, hits.items[0].document_id, 0, &f->arena, &passage,
				   &f->err));
	assert_true(str_eq(passage.path, STR("a.md")));
}

static void test_hostile_queries_are_only_words(void **state)
{
	static const char *const hostile[] = {
		"",
		" ",
		"\"",
		"\"\"\"",
		"alpha\" OR \"beta",
		"alpha AND NOT alpha",
		"NEAR(alpha beta, 1)",
		"title: alpha",
		"{title body}: alpha",
		"alpha*",
		"^alpha",
		"- + ^ * ( ) { } [ ] : , . / \\ ' ` ~ ! @ # $ % & | < > = ?",
		"('alpha'); DROP TABLE documents; --",
		"alpha\xff\xfe\xc3",
		"\xf0\x9f\x98\x80 \xe2\x80\x94 \xef\xbc\x9f",
		"a AND",
		"OR",
	};
	struct fixture *f = *state;
	struct store_hits hits;
	char *large = malloc(100000);

	assert_non_null(large);
	begin(f);
	put_text(f, "a.md", "h1", "alpha and not beta");
	put_text(f, "b.md", "h1", "gamma delta");
	publish(f);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		bool found = strstr(hostile[i], "alpha") != NULL;

		for (int scope = STORE_TEXT_SECTIONS; scope <= STORE_TEXT_PAGES; scope++) {
			if (found != (count_text(f, f->store, (enum store_text_scope)scope,
						 hostile[i]) > 0) &&
			    strcmp(hostile[i], "a AND") && strcmp(hostile[i], "OR"))
				fail_msg("query %s", hostile[i]);
		}
	}
	assert_ok(f, store_search_text(f->store, STORE_TEXT_PAGES, (struct str){"\0alpha\0\"", 8},
				       5, &f->arena, &hits, &f->err));
	assert_int_equal(hits.count, 1);
	for (size_t i = 0; i < 100000; i++)
		large[i] = i % 7 ? (char)('a' + (i * i + i / 7) % 26) : ' ';
	memcpy(large + 50000, " longestwordofthewholequery ", 28);
	assert_ok(f, store_search_text(f->store, STORE_TEXT_PAGES, (struct str){large, 100000}, 5,
				       &f->arena, &hits, &f->err));
	memset(large, '"', 100000);
	assert_ok(f, store_search_text(f->store, STORE_TEXT_PAGES, (struct str){large, 100000}, 5,
				       &f->arena, &hits, &f->err));
	assert_int_equal(hits.count, 0);
	assert_int_equal(store_search_text(f->store, STORE_TEXT_PAGES,
					   (struct str){large, (size_t)1 << 30}, 5, &f->arena,
					   &hits, &f->err),
			 ERR_LIMIT);
	assert_int_equal(stats(f, f->store).documents, 2);
	free(large);
}

struct expected {
	float score;
	int64_t order;
	uint32_t section;
};

static int by_score(const void *a, const void *b)
{
	const struct expected *x = a, *y = b;

	if (x->score < y->score || y->score < x->score)
		return x->score > y->score ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void test_vector_search_is_exact(void **state)
{
	enum { DOCUMENTS = 40, SECTIONS = 8, ALL = DOCUMENTS * SECTIONS };
	static const char *const texts[SECTIONS] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	static const size_t ks[] = {0, 1, 2, 7, 64, ALL - 1, ALL, ALL + 5, SIZE_MAX};
	struct fixture *f = *state;
	struct expected oracle[ALL];
	struct store_hits hits;
	const struct vec_ops *plain = vec_ops_best(VEC_PLAIN);

	begin(f);
	for (uint32_t i = 0; i < DOCUMENTS; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "%03u.md", i);
		/* Documents of one remainder are equal: ties must come in order. */
		put_texts(f, "site", path, "h", texts, SECTIONS, i % 10 * SECTIONS);
	}
	publish(f);
	for (uint32_t q = 0; q < 20; q++) {
		float query[FIXTURE_DIMENSION], row[FIXTURE_DIMENSION];

		fixture_vector(query, FIXTURE_DIMENSION, q * 3);
		for (uint32_t i = 0; i < ALL; i++) {
			fixture_vector(row, FIXTURE_DIMENSION,
				       i / SECTIONS % 10 * SECTIONS + i % SECTIONS);
			oracle[i] = (struct expected){plain->dot(query, row, FIXTURE_DIMENSION), i,
						      i % SECTIONS};
		}
		qsort(oracle, ALL, sizeof(oracle[0]), by_score);
		for (size_t n = 0; n < sizeof(ks) / sizeof(ks[0]); n++) {
			size_t want = ks[n] < ALL ? ks[n] : ALL;

			assert_ok(f, store_search_vector(f->store, STORE_SECTION, query,
							 FIXTURE_DIMENSION, ks[n], &f->arena, &hits,
							 &f->err));
			assert_int_equal(hits.count, want);
			for (size_t i = 0; i < want; i++) {
				assert_int_equal(hits.items[i].first_section, oracle[i].section);
				assert_true(fabsf(hits.items[i].score - oracle[i].score) < 1e-5F);
				assert_true(!i || hits.items[i].score < hits.items[i - 1].score ||
					    hits.items[i].document_id >=
						    hits.items[i - 1].document_id);
			}
		}
		arena_reset(&f->arena);
	}
}

static void test_reader_sees_old_then_new(void **state)
{
	struct fixture *f = *state;
	struct store *reader;
	float query[FIXTURE_DIMENSION];
	struct store_hits hits, old;
	struct store_passage passage;
	unsigned char hash[STORE_HASH_SIZE] = {0};

	assert_int_equal(f->backend->open(f->dir.path, false, alloc_default(), &reader, &f->err),
			 ERR_NOTFOUND);
	assert_non_null(strstr(f->err.message, "docs-bot index"));
	begin(f);
	put_text(f, "a.md", "h1", "alpha");
	publish(f);
	assert_ok(f, f->backend->open(f->dir.path, false, alloc_default(), &reader, &f->err));
	fixture_vector(query, FIXTURE_DIMENSION, 1);
	assert_ok(f, store_search_vector(reader, STORE_SECTION, query, FIXTURE_DIMENSION, 9,
					 &f->arena, &old, &f->err));
	assert_int_equal(old.count, 1);

	begin(f);
	put_text(f, "a.md", "h2", "beta");
	put_text(f, "b.md", "h1", "beta");
	assert_int_equal(count_text(f, reader, STORE_TEXT_PAGES, "alpha"), 1);
	assert_int_equal(count_text(f, reader, STORE_TEXT_PAGES, "beta"), 0);
	assert_int_equal(stats(f, reader).documents, 1);
	assert_ok(f, store_search_vector(reader, STORE_SECTION, query, FIXTURE_DIMENSION, 9,
					 &f->arena, &hits, &f->err));
	assert_int_equal(hits.count, 1);
	assert_ok(f,
		  store_passage(reader, old.items[0].document_id, 0, &f->arena, &passage, &f->err));
	/* The writing store itself would see half a run. */
	assert_int_equal(store_search_text(f->store, STORE_TEXT_PAGES, STR("beta"), 1, &f->arena,
					   &hits, &f->err),
			 ERR_INVALID);
	assert_int_equal(store_search_vector(f->store, STORE_SECTION, query, FIXTURE_DIMENSION, 9,
					     &f->arena, &hits, &f->err),
			 ERR_INVALID);
	assert_int_equal(stats(f, reader).generation, 1);
	publish(f);
	assert_int_equal(stats(f, reader).generation, 2);
	assert_int_equal(count_text(f, reader, STORE_TEXT_PAGES, "alpha"), 0);
	assert_int_equal(count_text(f, reader, STORE_TEXT_PAGES, "beta"), 2);
	assert_ok(f, store_search_vector(reader, STORE_SECTION, query, FIXTURE_DIMENSION, 9,
					 &f->arena, &hits, &f->err));
	assert_int_equal(hits.count, 2);
	assert_int_equal(
		store_passage(reader, old.items[0].document_id, 0, &f->arena, &passage, &f->err),
		ERR_NOTFOUND);
	assert_int_equal(store_begin(reader, &model_a, false, &f->err), ERR_INVALID);
	assert_int_equal(
		store_cache_put(reader, model_a.model, hash, query, FIXTURE_DIMENSION, &f->err),
		ERR_INVALID);
	store_close(reader);
}

static void test_bad_arguments(void **state)
{
	static const char *const headings[] = {"One", "Two"};
	static const char *const texts[] = {"one", "two"};
	struct fixture *f = *state;
	struct fixture_document d;
	struct store_identity nameless = {{"", 0}, 4, {"", 0}}, flat = {{"m", 1}, 0, {"", 0}};
	struct store_hits hits;
	uint64_t documents, chunks;
	bool same;

	fixture_document(&d, "site", "a.md", "h", headings, texts, 2, 1);
	assert_int_equal(store_put(f->store, &d.document, &f->err), ERR_INVALID);
	assert_int_equal(store_publish(f->store, 1, &f->err), ERR_INVALID);
	assert_int_equal(store_sweep(f->store, STR("site"), &documents, &chunks, &f->err),
			 ERR_INVALID);
	assert_int_equal(
		store_unchanged(f->store, STR("site"), STR("a"), STR("h"), &chunks, &same, &f->err),
		ERR_INVALID);
	assert_int_equal(store_begin(f->store, &nameless, false, &f->err), ERR_INVALID);
	assert_int_equal(store_begin(f->store, &flat, false, &f->err), ERR_INVALID);
	begin(f);
	d.vectors[1][FIXTURE_DIMENSION - 1] = NAN;
	assert_int_equal(store_put(f->store, &d.document, &f->err), ERR_INVALID);
	assert_non_null(strstr(f->err.message, "a.md"));
	d.vectors[1][FIXTURE_DIMENSION - 1] = INFINITY;
	assert_int_equal(store_put(f->store, &d.document, &f->err), ERR_INVALID);
	d.vectors[1][FIXTURE_DIMENSION - 1] = 0;
	d.chunks[0].last_section = 2;
	assert_int_equal(store_put(f->store, &d.document, &f->err), ERR_INVALID);
	d.chunks[0].first_section = 1;
	d.chunks[0].last_section = 0;
	assert_int_equal(store_put(f->store, &d.document, &f->err), ERR_INVALID);
	d.chunks[0].first_section = 0;
	d.chunks[0].unit = (enum store_unit)7;
	assert_int_equal(store_put(f->store, &d.document, &f->err), ERR_INVALID);
	d.chunks[0].unit = STORE_SECTION;
	d.chunks[0].embed_text = STR("bad \xff byte");
	assert_int_equal(store_put(f->store, &d.document, &f->err), ERR_INVALID);
	d.chunks[0].embed_text = STR("");
	d.sections[1].text = STR("bad \xff byte");
	assert_int_equal(store_put(f->store, &d.document, &f->err), ERR_INVALID);
	d.sections[1].text = STR("fine \0 byte");
	d.document.path = STR("");
	assert_int_equal(store_put(f->store, &d.document, &f->err), ERR_INVALID);
	d.document.path = STR("a.md");
	/* None of these spoiled the run. */
	assert_ok(f, store_put(f->store, &d.document, &f->err));
	d.document.path = STR("empty.md");
	d.document.section_count = d.document.chunk_count = 0;
	assert_ok(f, store_put(f->store, &d.document, &f->err));
	publish(f);
	assert_int_equal(stats(f, f->store).documents, 2);
	assert_ok(f, store_search_text(f->store, STORE_TEXT_PAGES, STR("empty"), 5, &f->arena,
				       &hits, &f->err));
	assert_int_equal(hits.count, 1);
	assert_int_equal(store_search_vector(f->store, (enum store_unit)9, d.vectors[0],
					     FIXTURE_DIMENSION, 5, &f->arena, &hits, &f->err),
			 ERR_INVALID);
	assert_int_equal(store_search_text(f->store, (enum store_text_scope)9, STR("a"), 5,
					   &f->arena, &hits, &f->err),
			 ERR_INVALID);
	store_close(NULL);
}

static void test_half_written_document_is_not_published(void **state)
{
	static const char *const headings[] = {"One", "Two"};
	static const char *const texts[] = {"one", "two"};
	struct fixture *f = *state;
	struct fixture_document d;

	begin(f);
	fixture_document(&d, "site", "a.md", "h", headings, texts, 2, 1);
	d.chunks[1].ordinal = 0; /* the same chunk twice */
	assert_int_not_equal(store_put(f->store, &d.document, &f->err), ERR_OK);
	d.chunks[1].ordinal = 1;
	assert_int_not_equal(store_put(f->store, &d.document, &f->err), ERR_OK);
	assert_int_equal(store_publish(f->store, 1, &f->err), ERR_INVALID);
	store_rollback(f->store);
	assert_int_equal(stats(f, f->store).documents, 0);
	begin(f);
	assert_ok(f, store_put(f->store, &d.document, &f->err));
	publish(f);
	assert_int_equal(stats(f, f->store).documents, 1);
}

/* Open, write, search, read with one allocation failing; returns the first error. */
static enum err_code whole_round(const struct backend *backend, const char *dir,
				 const struct alloc *alloc, struct err *err)
{
	static const char *const headings[] = {"One", "Two"};
	static const char *const texts[] = {"some spec.earlyStopping text", "two"};
	struct fixture_document d;
	struct store *s = NULL;
	struct arena arena;
	struct store_hits hits;
	struct store_passage passage;
	struct store_stats out;
	unsigned char hash[STORE_HASH_SIZE] = {7};
	enum err_code code;

	arena_init(&arena, alloc, 1 << 20);
	fixture_document(&d, "site", "a.md", "h", headings, texts, 2, 1);
	code = backend->open(dir, true, alloc, &s, err);
	if (!code)
		code = store_begin(s, &model_a, false, err);
	if (!code)
		code = store_cache_put(s, model_a.model, hash, d.vectors[0], FIXTURE_DIMENSION,
				       err);
	if (!code)
		code = store_put(s, &d.document, err);
	if (!code)
		code = store_publish(s, 1, err);
	if (!code)
		code = store_stats(s, &arena, &out, err);
	if (!code)
		code = store_search_text(s, STORE_TEXT_SECTIONS, STR("earlyStopping"), 5, &arena,
					 &hits, err);
	if (!code)
		code = store_search_vector(s, STORE_SECTION, d.vectors[1], FIXTURE_DIMENSION, 5,
					   &arena, &hits, err);
	if (!code && !hits.count)
		code = err_set(err, ERR_INTERNAL, "nothing found");
	if (!code)
		code = store_passage(s, hits.items[0].document_id, hits.items[0].first_section,
				     &arena, &passage, err);
	store_close(s);
	arena_release(&arena);
	return code;
}

static void test_each_allocation_may_fail(void **state)
{
	struct fixture *f = *state;
	struct fail_alloc failing;
	size_t failures = 0;

	for (size_t n = 1;; n++) {
		enum err_code code;

		fail_alloc_init(&failing, n, false);
		code = whole_round(f->backend, f->dir.path, &failing.alloc, &f->err);
		assert_int_equal(failing.live, 0);
		if (!code) {
			assert_int_equal(failing.failures, 0);
			break;
		}
		if (code != ERR_NOMEM)
			fail_msg("allocation %zu: %s: %s", n, err_label(code), f->err.message);
		failures++;
	}
	assert_true(failures >= 8);
	assert_int_equal(stats(f, f->store).documents, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CONTRACT(test_fresh_store_is_empty),
		CONTRACT(test_published_document_is_found),
		CONTRACT(test_unchanged_documents_stay),
		CONTRACT(test_labels_of_documents),
		CONTRACT(test_duplicate_sections_are_not_found),
		CONTRACT(test_documents_are_listed),
		CONTRACT(test_replaced_document_vanishes),
		CONTRACT(test_sweep_removes_what_is_gone),
		CONTRACT(test_another_model_is_refused),
		CONTRACT(test_one_run_at_a_time),
		CONTRACT(test_rollback_keeps_the_published_state),
		CONTRACT(test_cache_survives_rollback),
		CONTRACT(test_identifiers_whole_and_in_parts),
		CONTRACT(test_typing_errors_are_forgiven),
		CONTRACT(test_common_words_do_not_hide_rare_ones),
		CONTRACT(test_words_are_counted),
		CONTRACT(test_headings_and_titles_weigh_more),
		CONTRACT(test_hostile_queries_are_only_words),
		CONTRACT(test_vector_search_is_exact),
		CONTRACT(test_reader_sees_old_then_new),
		CONTRACT(test_bad_arguments),
		CONTRACT(test_half_written_document_is_not_published),
		CONTRACT(test_each_allocation_may_fail),
	};

	return run_contract(tests, sizeof(tests) / sizeof(tests[0]));
}
