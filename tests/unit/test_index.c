/* index: folders of pages through chunker and fake embedder into a real SQLite store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "support/fail_alloc.h"
#include "support/mini_site.h"

struct fixture {
	struct mini_site site;
	struct arena arena;
	struct index_report report;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f)
		return -1;
	*state = f;
	mini_site_make(&f->site);
	arena_init(&f->arena, alloc_default(), 256 << 20);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	arena_release(&f->arena);
	mini_site_remove(&f->site);
	free(f);
	return 0;
}

static const char *const one[] = {"site"};
static const char *const two[] = {"site", "other"};

static enum err_code try_index(struct fixture *f, const char *const *folders, size_t count)
{
	return mini_site_index(&f->site, folders, count, alloc_default(), &f->arena, &f->report,
			       &f->err);
}

static void index_all(struct fixture *f, const char *const *folders, size_t count)
{
	if (try_index(f, folders, count))
		fail_msg("%s", f->err.message);
}

static size_t embedded(const struct fixture *f)
{
	return atomic_load(&f->site.fake.embedded);
}

/* Page paths of the results for a query over the store as it is. */
static bool finds(struct fixture *f, struct str query, struct str path)
{
	struct store *store = NULL;
	struct store_hits hits;
	bool found = false;
	if (mini_site_store(&f->site, alloc_default(), &store, &f->err) ||
	    store_search_text(store, STORE_TEXT_PAGES, query, 50, &f->arena, &hits, &f->err))
		fail_msg("%s", f->err.message);
	for (size_t i = 0; i < hits.count; i++) {
		struct store_passage passage;
		if (store_passage(store, hits.items[i].document_id, 0, &f->arena, &passage,
				  &f->err))
			fail_msg("%s", f->err.message);
		found = found || str_eq(passage.path, path);
	}
	store_close(store);
	return found;
}

static void a_first_run_indexes_every_page(void **state)
{
	struct fixture *f = *state;
	index_all(f, one, 1);
	assert_int_equal(f->report.documents, MINI_SITE_PAGES);
	assert_true(f->report.total_chunks > 2 * MINI_SITE_PAGES);
	/* short sections are their own paragraphs: one embedding for two chunks */
	assert_int_equal(f->report.embedded_chunks + f->report.reused_chunks,
			 f->report.total_chunks);
	assert_int_equal(f->report.embedded_chunks, embedded(f));
	assert_true(f->report.embedded_chunks > f->report.reused_chunks);
	assert_int_equal(f->report.deleted_documents, 0);
	assert_int_equal(f->report.deleted_chunks, 0);
	assert_int_equal(f->report.skip_count, 0);
	assert_int_equal(f->report.repo_count, 1);
	assert_string_equal(f->report.repos[0].name, "site");
	assert_int_equal(f->report.repos[0].documents, MINI_SITE_PAGES);
	assert_int_equal(f->report.repos[0].chunks, f->report.total_chunks);
	struct store_stats stats = mini_site_stats(&f->site, &f->arena);
	assert_int_equal(stats.documents, MINI_SITE_PAGES);
	assert_int_equal(stats.chunks, f->report.total_chunks);
	assert_int_equal(stats.generation, 2); /* text, then vectors */
	assert_int_equal(stats.pending_chunks, 0);
	assert_int_equal(stats.dimension, FAKE_EMBEDDER_DIMENSION);
	assert_true(str_eq(stats.model, STR("fake-embedder")));
	assert_true(stats.published_ms > 0);
	assert_true(finds(f, STR("recycle"), STR("content/en/docs/pipelines/caching.md")));
	assert_true(finds(f, STR("KF_PIPELINES_SA_TOKEN_PATH"),
			  STR("content/en/docs/pipelines/storage.md")));
}

static void a_second_run_embeds_nothing(void **state)
{
	struct fixture *f = *state;
	index_all(f, one, 1);
	uint64_t total = f->report.total_chunks;
	size_t before = embedded(f);
	index_all(f, one, 1);
	assert_int_equal(embedded(f), before);
	assert_int_equal(f->report.documents, MINI_SITE_PAGES);
	assert_int_equal(f->report.total_chunks, total);
	assert_int_equal(f->report.embedded_chunks, 0);
	assert_int_equal(f->report.reused_chunks, total);
	assert_int_equal(mini_site_stats(&f->site, &f->arena).chunks, total);
	/* a rebuild writes everything anew, from the cache */
	f->site.options.rebuild = true;
	index_all(f, one, 1);
	assert_int_equal(embedded(f), before);
	assert_int_equal(f->report.reused_chunks, total);
	assert_int_equal(mini_site_stats(&f->site, &f->arena).chunks, total);
}

static void a_changed_setting_changes_the_chunks(void **state)
{
	struct fixture *f = *state;
	index_all(f, one, 1);
	f->site.options.base_url = STR("https://elsewhere.example.org");
	index_all(f, one, 1); /* other addresses, same embeddings */
	assert_int_equal(f->report.embedded_chunks, 0);
	assert_int_equal(f->report.reused_chunks, f->report.total_chunks);
	uint64_t total = f->report.total_chunks;
	f->site.options.chunk.tokens = 16;
	f->site.options.chunk.paragraph_tokens = 0;
	index_all(f, one, 1);
	assert_true(f->report.total_chunks > total);
	assert_true(f->report.embedded_chunks > 0);
	assert_int_equal(mini_site_stats(&f->site, &f->arena).chunks, f->report.total_chunks);
}

static void edits_renames_and_deletions_leave_nothing_behind(void **state)
{
	struct fixture *f = *state;
	index_all(f, one, 1);
	uint64_t total = f->report.total_chunks;
	/* edit */
	mini_site_write(&f->site, "content/en/docs/about.md",
			STR("---\ntitle: About\n---\nEntirely different xylophone words.\n"));
	index_all(f, one, 1);
	assert_int_equal(f->report.documents, MINI_SITE_PAGES);
	assert_int_equal(f->report.deleted_documents, 0);
	assert_true(f->report.embedded_chunks >= 1 && f->report.embedded_chunks < total);
	assert_true(finds(f, STR("xylophone"), STR("content/en/docs/about.md")));
	assert_false(finds(f, STR("clusters"), STR("content/en/docs/about.md")));
	/* rename: nothing to embed */
	size_t before = embedded(f);
	temp_dir_rename(&f->site.dir, "site/content/en/docs/pipelines/caching.md",
			"site/content/en/docs/pipelines/cached.md");
	index_all(f, one, 1);
	assert_int_equal(embedded(f), before);
	assert_int_equal(f->report.deleted_documents, 1);
	assert_true(f->report.deleted_chunks >= 1);
	assert_true(finds(f, STR("recycle"), STR("content/en/docs/pipelines/cached.md")));
	assert_false(finds(f, STR("recycle"), STR("content/en/docs/pipelines/caching.md")));
	/* delete */
	temp_dir_delete(&f->site.dir, "site/content/en/docs/pipelines/cached.md");
	index_all(f, one, 1);
	assert_int_equal(f->report.documents, MINI_SITE_PAGES - 1);
	assert_int_equal(f->report.deleted_documents, 1);
	assert_false(finds(f, STR("recycle"), STR("content/en/docs/pipelines/cached.md")));
	struct store_stats stats = mini_site_stats(&f->site, &f->arena);
	assert_int_equal(stats.documents, MINI_SITE_PAGES - 1);
	assert_int_equal(stats.chunks, f->report.total_chunks);
}

static void a_dry_run_writes_nothing(void **state)
{
	struct fixture *f = *state;
	f->site.options.dry_run = true;
	index_all(f, one, 1);
	assert_int_equal(f->report.documents, MINI_SITE_PAGES);
	assert_true(f->report.total_chunks > 0);
	assert_int_equal(embedded(f), 0);
	assert_false(temp_dir_exists(&f->site.dir, "data"));
	uint64_t total = f->report.total_chunks;
	f->site.options.dry_run = false;
	index_all(f, one, 1);
	assert_int_equal(f->report.total_chunks, total); /* it had counted right */
	struct store_stats before = mini_site_stats(&f->site, &f->arena);
	mini_site_write(&f->site, "new.md", STR("A new page.\n"));
	f->site.options.dry_run = true;
	index_all(f, one, 1);
	assert_int_equal(f->report.documents, MINI_SITE_PAGES + 1);
	struct store_stats after = mini_site_stats(&f->site, &f->arena);
	assert_int_equal(after.documents, before.documents);
	assert_int_equal(after.generation, before.generation);
}

static const struct source_skip *skip_of(const struct fixture *f, const char *path)
{
	for (size_t i = 0; i < f->report.skip_count; i++)
		if (str_eq(f->report.skipped[i].path, str_c(path)))
			return &f->report.skipped[i];
	fail_msg("%s was not skipped", path);
	return NULL;
}

static void assert_skipped(const struct fixture *f, const char *path, struct str reason)
{
	const struct source_skip *skip = skip_of(f, path);
	if (str_find(skip->reason, reason, 0) == STR_NPOS)
		fail_msg("%s: '%.*s' does not say '%.*s'", path, STR_ARG(skip->reason),
			 STR_ARG(reason));
}

static void bad_files_are_skipped_with_a_reason(void **state)
{
	struct fixture *f = *state;
	size_t len = f->site.options.max_file_bytes + 1;
	char *large = malloc(len);
	assert_non_null(large);
	memset(large, 'a', len);
	mini_site_write(&f->site, "large.md", (struct str){large, len});
	mini_site_write(&f->site, "limit.md", (struct str){large, 0});
	mini_site_write(&f->site, "binary.md",
			STR("\x7f"
			    "ELF\0\0\0"));
	mini_site_write(&f->site, "latin1.md", STR("Caf\xe9 in Latin-1\n"));
	mini_site_write(&f->site, "cut.md", STR("# T\n\nends in half a char \xe2\x82"));
	mini_site_write(&f->site, "NOTES.TXT", STR("* argon <name> _as_ written\n"));
	mini_site_write(&f->site, "bom.md", STR("\xef\xbb\xbf# Bom\n\nWith xenon.\n"));
	free(large);
	index_all(f, one, 1);
	assert_skipped(f, "binary.md", STR("binary"));
	assert_skipped(f, "latin1.md", STR("not UTF-8 (byte 4)"));
	assert_skipped(f, "cut.md", STR("not UTF-8 (byte 26)"));
	assert_skipped(f, "large.md", STR("1048577"));
	assert_int_equal(f->report.skip_count, 4);
	/* the empty file, the plain one and the one with a byte order mark are pages */
	assert_int_equal(f->report.documents, MINI_SITE_PAGES + 3);
	assert_true(finds(f, STR("argon"), STR("NOTES.TXT")));
	assert_true(finds(f, STR("xenon"), STR("bom.md")));
}

/* More skips than one step of the growing list. */
static void many_skips_are_all_reported(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 37; i++) {
		char name[32];
		snprintf(name, sizeof(name), "bad%02d.md", i);
		mini_site_write(&f->site, name, STR("\xff"));
	}
	index_all(f, one, 1);
	assert_int_equal(f->report.skip_count, 37);
	assert_skipped(f, "bad00.md", STR("UTF-8"));
	assert_skipped(f, "bad36.md", STR("UTF-8"));
}

/* A page of countless tiny sections would need gigabytes of vectors: skipped, not embedded. */
static void a_page_of_countless_sections_does_not_end_the_run(void **state)
{
	struct fixture *f = *state;
	size_t count = 120000;
	char *text = malloc(count * 6);
	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * 6, "# a\nb\n", 6);
	mini_site_write(&f->site, "hostile.md", (struct str){text, count * 6});
	free(text);
	f->site.options.chunk = (struct chunk_options){24, 0.9, 18};
	f->site.fake.fail_after = 100000; /* a test must not embed for minutes */
	index_all(f, one, 1);
	assert_int_equal(f->report.documents, MINI_SITE_PAGES);
	assert_skipped(f, "hostile.md", STR("cannot be indexed"));
}

static void an_empty_source_leaves_the_index_as_it_was(void **state)
{
	struct fixture *f = *state;
	static const char *const other[] = {"other"};
	index_all(f, one, 1);
	struct store_stats before = mini_site_stats(&f->site, &f->arena);
	temp_dir_write(&f->site.dir, "other/only.png", STR("x"));
	assert_int_equal(try_index(f, other, 1), ERR_NOTFOUND);
	assert_non_null(strstr(f->err.message, "no documents in other"));
	struct store_stats after = mini_site_stats(&f->site, &f->arena);
	assert_int_equal(after.documents, before.documents);
	assert_int_equal(after.chunks, before.chunks);
	assert_int_equal(after.generation, before.generation);
	/* so does one in which every file had to be skipped */
	temp_dir_write(&f->site.dir, "other/bad.md", STR("\xff"));
	assert_int_equal(try_index(f, other, 1), ERR_NOTFOUND);
	assert_non_null(strstr(f->err.message, "1 files skipped"));
	assert_int_equal(mini_site_stats(&f->site, &f->arena).documents, before.documents);
	/* and no source at all */
	assert_int_equal(try_index(f, two, 0), ERR_INVALID);
	assert_int_equal(mini_site_stats(&f->site, &f->arena).documents, before.documents);
}

/* What is stored of the one that fails stays, whether it is gone or empty. */
static void a_source_that_fails_does_not_stop_the_others(void **state)
{
	struct fixture *f = *state;
	static const char *const three[] = {"gone", "site", "other"};
	temp_dir_write(&f->site.dir, "other/page.md", STR("# Vanadium\n\nText.\n"));
	temp_dir_write(&f->site.dir, "gone/page.md", STR("# Krypton\n\nText.\n"));
	index_all(f, three, 3);
	assert_int_equal(f->report.failed_repos, 0);
	temp_dir_delete(&f->site.dir, "gone/page.md");
	temp_dir_write(&f->site.dir, "gone/only.png", STR("x"));
	mini_site_write(&f->site, "new.md", STR("A page of zinc.\n"));
	static const char *const missing[] = {"gone", "site", "nowhere"};
	index_all(f, missing, 3);
	assert_int_equal(f->report.failed_repos, 2);
	assert_non_null(strstr(f->report.repos[0].error, "no documents in gone"));
	assert_null(f->report.repos[1].error);
	assert_string_equal(f->report.repos[2].name, "nowhere");
	assert_non_null(strstr(f->report.repos[2].error, "nowhere"));
	assert_int_equal(f->report.documents, MINI_SITE_PAGES + 1);
	assert_int_equal(f->report.deleted_documents, 0);
	assert_true(finds(f, STR("zinc"), STR("new.md")));
	assert_true(finds(f, STR("krypton"), STR("page.md")));
	assert_int_equal(mini_site_stats(&f->site, &f->arena).documents, MINI_SITE_PAGES + 3);
}

static void when_every_source_fails_nothing_changes(void **state)
{
	struct fixture *f = *state;
	static const char *const missing[] = {"nowhere", "noplace"};
	index_all(f, one, 1);
	assert_int_equal(try_index(f, missing, 2), ERR_NOTFOUND);
	assert_non_null(strstr(f->err.message, "no source could be indexed"));
	assert_int_equal(f->report.failed_repos, 2);
	assert_int_equal(mini_site_stats(&f->site, &f->arena).generation, 2);
	/* a rebuild would lose what is stored of the one that fails */
	static const char *const both[] = {"site", "nowhere"};
	f->site.options.rebuild = true;
	assert_int_equal(try_index(f, both, 2), ERR_NOTFOUND);
	assert_non_null(strstr(f->err.message, "needs every source"));
	assert_int_equal(mini_site_stats(&f->site, &f->arena).generation, 2);
}

/* More than there are threads. */
static void many_sources_are_listed_at_once(void **state)
{
	struct fixture *f = *state;
	static const char *const many[] = {"s00", "s01", "s02", "s03", "s04", "s05",
					   "s06", "s07", "s08", "s09", "s10", "s11"};
	for (size_t i = 0; i < 12; i++) {
		char name[32];
		snprintf(name, sizeof(name), "%s/page%zu.md", many[i], i);
		temp_dir_write(&f->site.dir, name, STR("Text.\n"));
	}
	index_all(f, many, 12);
	assert_int_equal(f->report.repo_count, 12);
	for (size_t i = 0; i < 12; i++) {
		assert_string_equal(f->report.repos[i].name, many[i]);
		assert_int_equal(f->report.repos[i].documents, 1);
	}
}

/* A source whose listing waits until another one is listed as well, and then fails. */
struct meeting {
	struct source base;
	atomic_int *arrived;
};

static enum err_code meeting_list(struct source *s, struct arena *arena, struct source_list *out,
				  struct err *err)
{
	atomic_int *arrived = ((struct meeting *)s)->arrived;
	atomic_fetch_add(arrived, 1);
	for (int i = 0; i < 3000 && atomic_load(arrived) < 2; i++) {
		struct timespec wait = {0, 10000000};
		nanosleep(&wait, NULL);
	}
	return err_set(err, ERR_UNAVAILABLE,
		       atomic_load(arrived) < 2 ? "nobody else came" : "the host is down");
}

static const struct source_ops meeting_ops = {.list = meeting_list};

static void sources_are_listed_at_the_same_time(void **state)
{
	struct fixture *f = *state;
	atomic_int arrived = 0;
	struct meeting a = {{.ops = &meeting_ops, .name = "a", .repo = "", .web_url = ""},
			    &arrived};
	struct meeting b = a;
	b.base.name = "b";
	const struct index_source sources[] = {{.source = &a.base}, {.source = &b.base}};
	const struct index_deps deps = {.embedder = &f->site.fake.embedder,
					.alloc = alloc_default(),
					.clock = clock_system()};
	f->site.options.dry_run = true;
	assert_int_equal(
		index_run(&deps, &f->site.options, sources, 2, &f->arena, &f->report, &f->err),
		ERR_UNAVAILABLE);
	assert_int_equal(f->report.failed_repos, 2);
	assert_string_equal(f->report.repos[0].error, "the host is down");
	assert_string_equal(f->report.repos[1].error, "the host is down");
}

/* The first section of the page that a query finds. */
static struct store_passage passage_of(struct fixture *f, struct str query)
{
	struct store *store = NULL;
	struct store_hits hits;
	struct store_passage passage = {.document_id = 0};
	if (mini_site_store(&f->site, alloc_default(), &store, &f->err) ||
	    store_search_text(store, STORE_TEXT_SECTIONS, query, 1, &f->arena, &hits, &f->err) ||
	    hits.count != 1 ||
	    store_passage(store, hits.items[0].document_id, hits.items[0].first_section, &f->arena,
			  &passage, &f->err))
		fail_msg("%s", f->err.message);
	store_close(store);
	return passage;
}

static void documents_are_labelled(void **state)
{
	struct fixture *f = *state;
	mini_site_write(&f->site, "content/en/docs/v1.7/page.md", STR("# Page\n\nOf argon.\n"));
	mini_site_write(&f->site, "content/en/docs/archive/older.md", STR("Of krypton.\n"));
	index_all(f, one, 1);
	struct store_passage passage = passage_of(f, STR("argon"));
	assert_true(str_eq(passage.version, STR("1.7")));
	assert_false(passage.archived);
	assert_true(str_eq(passage.type, STR("doc")));
	passage = passage_of(f, STR("krypton"));
	assert_true(passage.archived);
	assert_int_equal(passage.version.len, 0);
	/* what is said of the source holds for all of it, and pages are stored anew for it */
	f->site.rules.version = STR("2.0");
	f->site.rules.archived = true;
	index_all(f, one, 1);
	assert_int_equal(f->report.embedded_chunks, 0);
	passage = passage_of(f, STR("argon"));
	assert_true(str_eq(passage.version, STR("2.0")));
	assert_true(passage.archived);
}

static void code_on_github_is_linked_by_its_lines(void **state)
{
	struct fixture *f = *state;
	f->site.options.base_url = STR("");
	f->site.rules.url = (struct url_rules){
		.style = URL_GITHUB, .web_url = STR("https://github.com/o/r"), .ref = STR("main")};
	mini_site_write(&f->site, "pod.yaml",
			STR("kind: Service\n---\nkind: Pod\nmetadata:\n  name: argon\n"));
	index_all(f, one, 1);
	struct store_passage passage = passage_of(f, STR("argon"));
	assert_true(str_eq(passage.url, STR("https://github.com/o/r/blob/main/pod.yaml")));
	assert_true(str_eq(passage.anchor, STR("L3-L5")));
	assert_true(str_eq(passage.type, STR("code")));
	/* headings of Markdown keep their own */
	passage = passage_of(f, STR("retain"));
	assert_true(str_eq(passage.anchor, STR("keep-finished-pods")));
}

static void secrets_are_never_stored(void **state)
{
	struct fixture *f = *state;
	mini_site_write(&f->site, "leak.md",
			STR("# Argon\n\nRun with `token=a1b2c3d4e5f6a7b8`.\n"));
	index_all(f, one, 1);
	assert_int_equal(f->report.masked_secrets, 1);
	assert_true(finds(f, STR("argon"), STR("leak.md")));
	assert_false(finds(f, STR("a1b2c3d4e5f6a7b8"), STR("leak.md")));
	struct store_passage passage = passage_of(f, STR("argon"));
	assert_int_not_equal(str_find(passage.text, STR("[masked: token]"), 0), STR_NPOS);
}

static void drafts_are_skipped(void **state)
{
	struct fixture *f = *state;
	mini_site_write(&f->site, "draft.md", STR("---\ndraft: true\n---\nOf argon.\n"));
	index_all(f, one, 1);
	assert_skipped(f, "draft.md", STR("draft"));
}

/* A page of several sections, one of them long. */
#define COPIED                                                                                     \
	"# Argon\n\nAll about argon.\n\n## Uses\n\nWelders shield the arc with it, since it does " \
	"not "                                                                                     \
	"react with hot metal; window makers fill the gap between panes with it, since it "        \
	"carries "                                                                                 \
	"little heat; museums keep old papers in it, since nothing that lives in air can eat "     \
	"them there, and lamps last longer.\n"

static void copies_of_a_page_are_searched_once(void **state)
{
	struct fixture *f = *state;
	mini_site_write(&f->site, "guide/argon.md", STR(COPIED));
	index_all(f, one, 1);
	uint64_t chunks = f->report.total_chunks;
	assert_int_equal(f->report.duplicate_chunks, 0);
	mini_site_write(&f->site, "archive/argon.md", STR(COPIED));
	mini_site_write(&f->site, "guide/v1.7/argon.md", STR(COPIED));
	index_all(f, one, 1);
	assert_int_equal(f->report.embedded_chunks, 0);
	assert_int_equal(f->report.documents, MINI_SITE_PAGES + 3);
	assert_int_equal(f->report.total_chunks, chunks);
	assert_int_equal(f->report.duplicate_chunks, 4);
	assert_int_equal(mini_site_stats(&f->site, &f->arena).chunks, chunks);
	assert_true(finds(f, STR("argon"), STR("guide/argon.md")));
	assert_false(finds(f, STR("argon"), STR("archive/argon.md")));
	assert_false(finds(f, STR("argon"), STR("guide/v1.7/argon.md")));
	/* nothing is done twice */
	index_all(f, one, 1);
	assert_int_equal(f->report.embedded_chunks, 0);
	assert_int_equal(f->report.total_chunks, chunks);
	assert_int_equal(f->report.duplicate_chunks, 4);
	/* the next best comes back when the page goes, and steps back when it returns */
	temp_dir_delete(&f->site.dir, "site/guide/argon.md");
	index_all(f, one, 1);
	assert_int_equal(f->report.duplicate_chunks, 2);
	assert_true(finds(f, STR("argon"), STR("guide/v1.7/argon.md")));
	assert_false(finds(f, STR("argon"), STR("archive/argon.md")));
	mini_site_write(&f->site, "guide/argon.md", STR(COPIED));
	index_all(f, one, 1);
	assert_int_equal(f->report.duplicate_chunks, 4);
	assert_true(finds(f, STR("argon"), STR("guide/argon.md")));
	assert_false(finds(f, STR("argon"), STR("guide/v1.7/argon.md")));
	/* so does a rebuild */
	f->site.options.rebuild = true;
	index_all(f, one, 1);
	assert_int_equal(f->report.duplicate_chunks, 4);
	assert_int_equal(f->report.total_chunks, chunks);
}

static void a_copied_section_is_still_shown(void **state)
{
	struct fixture *f = *state;
	struct store *store = NULL;
	struct store_passage passage;
	int64_t id;
	uint32_t sections = 0;
	mini_site_write(&f->site, "argon.md", STR(COPIED));
	mini_site_write(&f->site, "longer/krypton.md",
			STR(COPIED "\n## Krypton\n\nAll about krypton.\n"));
	index_all(f, one, 1);
	assert_int_equal(f->report.duplicate_chunks, 1);
	passage = passage_of(f, STR("museums"));
	assert_true(str_eq(passage.path, STR("argon.md")));
	assert_true(finds(f, STR("krypton"), STR("longer/krypton.md")));
	assert_false(finds(f, STR("museums"), STR("longer/krypton.md")));
	if (mini_site_store(&f->site, alloc_default(), &store, &f->err) ||
	    store_find_document(store, STR("longer/krypton.md"), &id, &sections, &f->err) ||
	    store_passage(store, id, 1, &f->arena, &passage, &f->err))
		fail_msg("%s", f->err.message);
	store_close(store);
	assert_int_equal(sections, 3);
	assert_true(str_eq(passage.heading, STR("Uses")));
	assert_int_not_equal(str_find(passage.text, STR("museums"), 0), STR_NPOS);
	assert_int_not_equal(str_find(passage.section_path, STR("Uses"), 0), STR_NPOS);
}

static void stop_at_document(void *ctx, const struct index_progress *progress)
{
	struct fixture *f = ctx;
	if (progress->documents_done == 3)
		atomic_store(&f->site.stop, true);
}

static void a_stop_leaves_the_index_as_it_was(void **state)
{
	struct fixture *f = *state;
	index_all(f, one, 1);
	struct store_stats before = mini_site_stats(&f->site, &f->arena);
	mini_site_write(&f->site, "new.md", STR("A new page of zinc.\n"));
	temp_dir_delete(&f->site.dir, "site/content/en/docs/about.md");
	f->site.progress = stop_at_document;
	f->site.progress_ctx = f;
	assert_int_equal(try_index(f, one, 1), ERR_CANCELLED);
	assert_non_null(strstr(f->err.message, "as it was before"));
	struct store_stats after = mini_site_stats(&f->site, &f->arena);
	assert_int_equal(after.documents, before.documents);
	assert_int_equal(after.chunks, before.chunks);
	assert_int_equal(after.generation, before.generation);
	assert_false(finds(f, STR("zinc"), STR("new.md")));
	assert_true(finds(f, STR("clusters"), STR("content/en/docs/about.md")));
	/* the next run goes through */
	atomic_store(&f->site.stop, false);
	f->site.progress = NULL;
	index_all(f, one, 1);
	assert_int_equal(f->report.documents, MINI_SITE_PAGES);
}

/* What was embedded before the run failed is in the cache: the next run does only the rest. */
static void a_failed_run_keeps_its_embeddings(void **state)
{
	struct fixture *f = *state;
	index_all(f, one, 1);
	uint64_t distinct = f->report.embedded_chunks;
	f->site.fake.embedder.cache_key[0] = '1'; /* other weights: nothing is in the cache */
	f->site.options.rebuild = true;
	f->site.fake.fail_after = embedded(f) + 5;
	assert_int_equal(try_index(f, one, 1), ERR_UNAVAILABLE);
	assert_non_null(strstr(f->err.message, "fake embedder told to fail"));
	assert_int_equal(mini_site_stats(&f->site, &f->arena).documents, MINI_SITE_PAGES);
	f->site.fake.fail_after = SIZE_MAX;
	index_all(f, one, 1);
	assert_int_equal(f->report.embedded_chunks, distinct - 5);
}

static void several_threads_make_the_same_index(void **state)
{
	struct fixture *f = *state;
	index_all(f, one, 1);
	uint64_t total = f->report.total_chunks, distinct = f->report.embedded_chunks;
	f->site.options.threads = 4;
	f->site.fake.embedder.cache_key[0] = '1'; /* other weights: nothing is in the cache */
	f->site.options.rebuild = true;
	index_all(f, one, 1);
	assert_int_equal(f->report.total_chunks, total);
	assert_int_equal(f->report.embedded_chunks, distinct);
	/* an error in one thread ends the run, whichever thread it is */
	f->site.fake.embedder.cache_key[0] = '2';
	f->site.fake.fail_after = embedded(f) + 7;
	assert_int_equal(try_index(f, one, 1), ERR_UNAVAILABLE);
	f->site.options.threads = 1000;
	f->site.fake.fail_after = SIZE_MAX;
	index_all(f, one, 1);
	assert_int_equal(f->report.total_chunks, total);
}

static void two_sources_live_side_by_side(void **state)
{
	struct fixture *f = *state;
	/* the same path in both */
	temp_dir_write(&f->site.dir, "other/content/en/docs/about.md",
		       STR("# Vanadium\n\nText.\n"));
	index_all(f, two, 2);
	assert_int_equal(f->report.documents, MINI_SITE_PAGES + 1);
	assert_int_equal(f->report.repo_count, 2);
	assert_string_equal(f->report.repos[1].name, "other");
	assert_int_equal(f->report.repos[1].documents, 1);
	assert_int_equal(f->report.repos[0].chunks + f->report.repos[1].chunks,
			 f->report.total_chunks);
	/* indexing one again leaves the other alone */
	index_all(f, one, 1);
	assert_int_equal(f->report.documents, MINI_SITE_PAGES);
	assert_int_equal(f->report.deleted_documents, 0);
	assert_int_equal(mini_site_stats(&f->site, &f->arena).documents, MINI_SITE_PAGES + 1);
	assert_true(finds(f, STR("vanadium"), STR("content/en/docs/about.md")));
	static const char *const same[] = {"site", "site"};
	assert_int_equal(try_index(f, same, 2), ERR_INVALID);
	assert_non_null(strstr(f->err.message, "named 'site'"));
	assert_int_equal(mini_site_stats(&f->site, &f->arena).documents, MINI_SITE_PAGES + 1);
}

/* More pages than a batch holds, and more chunks than wait for embedding at once. */
static void many_pages_go_through_in_batches(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 150; i++) {
		char name[32], text[64];
		snprintf(name, sizeof(name), "many/p%03d.md", i);
		int len = snprintf(text, sizeof(text), "# Page %d\n\nNumber%dword here.\n", i, i);
		mini_site_write(&f->site, name, (struct str){text, (size_t)len});
	}
	index_all(f, one, 1);
	assert_int_equal(f->report.documents, MINI_SITE_PAGES + 150);
	assert_int_equal(mini_site_stats(&f->site, &f->arena).documents, MINI_SITE_PAGES + 150);
	assert_true(finds(f, STR("Number149word"), STR("many/p149.md")));
}

struct seen_progress {
	uint64_t last, steps; /* chunks embedded, and how often that grew within one document */
	uint64_t document;
};

static void watch_progress(void *ctx, const struct index_progress *progress)
{
	struct seen_progress *seen = ctx;
	seen->steps += progress->documents_done == seen->document &&
		       progress->chunks_embedded > seen->last;
	seen->document = progress->documents_done;
	seen->last = progress->chunks_embedded;
}

/* With a large model one page takes a minute: its chunks must show, not only pages. */
static void chunks_are_progress_too(void **state)
{
	struct fixture *f = *state;
	struct seen_progress seen = {0, 0, UINT64_MAX};
	struct buf text;
	buf_init(&text, alloc_default(), 1 << 20);
	for (int i = 0; i < 60; i++)
		assert_true(buf_printf(&text, "# Heading %d\n\nText number %d.\n\n", i, i));
	mini_site_write(&f->site, "long.md", buf_str(&text));
	buf_release(&text);
	f->site.progress = watch_progress;
	f->site.progress_ctx = &seen;
	index_all(f, one, 1);
	f->site.progress = NULL;
	assert_true(seen.steps >= 60);
	assert_int_equal(seen.last, f->report.embedded_chunks);
}

static void another_model_is_refused(void **state)
{
	struct fixture *f = *state;
	index_all(f, one, 1);
	f->site.fake.embedder.model = "other-model";
	assert_int_equal(try_index(f, one, 1), ERR_MISMATCH);
	assert_non_null(strstr(f->err.message, "--rebuild"));
	assert_true(str_eq(mini_site_stats(&f->site, &f->arena).model, STR("fake-embedder")));
	f->site.options.rebuild = true;
	index_all(f, one, 1);
	assert_true(str_eq(mini_site_stats(&f->site, &f->arena).model, STR("other-model")));
}

static void bad_chunk_options_are_an_error(void **state)
{
	struct fixture *f = *state;
	f->site.options.chunk.tokens = 100000;
	assert_int_equal(try_index(f, one, 1), ERR_INVALID);
	assert_int_equal(mini_site_stats(&f->site, &f->arena).documents, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_first_run_indexes_every_page),
		TEST(a_second_run_embeds_nothing),
		TEST(a_changed_setting_changes_the_chunks),
		TEST(edits_renames_and_deletions_leave_nothing_behind),
		TEST(a_dry_run_writes_nothing),
		TEST(bad_files_are_skipped_with_a_reason),
		TEST(many_skips_are_all_reported),
		TEST(a_page_of_countless_sections_does_not_end_the_run),
		TEST(an_empty_source_leaves_the_index_as_it_was),
		TEST(a_source_that_fails_does_not_stop_the_others),
		TEST(when_every_source_fails_nothing_changes),
		TEST(many_sources_are_listed_at_once),
		TEST(sources_are_listed_at_the_same_time),
		TEST(documents_are_labelled),
		TEST(code_on_github_is_linked_by_its_lines),
		TEST(secrets_are_never_stored),
		TEST(drafts_are_skipped),
		TEST(copies_of_a_page_are_searched_once),
		TEST(a_copied_section_is_still_shown),
		TEST(a_stop_leaves_the_index_as_it_was),
		TEST(a_failed_run_keeps_its_embeddings),
		TEST(several_threads_make_the_same_index),
		TEST(two_sources_live_side_by_side),
		TEST(many_pages_go_through_in_batches),
		TEST(chunks_are_progress_too),
		TEST(another_model_is_refused),
		TEST(bad_chunk_options_are_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
