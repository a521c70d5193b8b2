#include "support/mini_site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/sqlite/sqlite.h"

enum { SOURCES_MAX = 16 };

struct page {
	const char *name, *text;
};

/* Their words do not overlap much, so that the fake embedder can tell them apart. */
static const struct page pages[MINI_SITE_PAGES] = {
	{"content/en/docs/katib/trials.md",
	 "---\ntitle: Trial pods\ndescription: Life of a trial\n---\n"
	 "Katib runs every trial as a Kubernetes job.\n\n"
	 "## Keep finished pods\n\n"
	 "Katib deletes the pods of finished trials. To keep the pods of finished trials, set "
	 "`retain` to true in the trial template:\n\n"
	 "```yaml\nspec:\n  trialTemplate:\n    retain: true\n```\n\n"
	 "## Metrics\n\nThe collector reads stdout lines.\n"},
	{"content/en/docs/pipelines/caching.md",
	 "---\ntitle: Caching\n---\n"
	 "## Disable caching\n\n"
	 "Call set_caching_options with False on a component task. Cached steps show a green "
	 "recycle icon.\n\n"
	 "- Caching is enabled by default.\n- A cached step is not executed again.\n"},
	{"content/en/docs/pipelines/storage.md",
	 "---\ntitle: Object store\n---\n"
	 "Artifacts land in a bucket.\n\n"
	 "## Credentials {#secret-keys}\n\n"
	 "The launcher reads access keys from a Kubernetes secret. Environment variable "
	 "KF_PIPELINES_SA_TOKEN_PATH names the token file.\n"},
	{"content/en/docs/notebooks/images.md",
	 "---\ntitle: Notebook images\n---\n"
	 "Custom images derive from the jupyter base image.\n\n"
	 "## Install packages\n\nInstall extra python packages with pip in the Dockerfile.\n"},
	{"content/en/docs/about.md", "---\ntitle: About\n---\n"
				     "Kubeflow brings machine learning to clusters. Caf\xc3\xa9 "
				     "na\xc3\xafve \xe6\x97\xa5\xe6\x9c\xac.\n"},
	{"content/en/docs/notes.txt", "Release notes.\n\nVersion one fixed the dashboard login.\n"},
};

void mini_site_write(const struct mini_site *site, const char *name, struct str content)
{
	char full[256];
	int len = snprintf(full, sizeof(full), "site/%s", name);
	assert_in_range(len, 1, sizeof(full) - 1);
	temp_dir_write(&site->dir, full, content);
}

void mini_site_make(struct mini_site *site)
{
	memset(site, 0, sizeof(*site));
	temp_dir_make(&site->dir);
	fake_embedder_init(&site->fake);
	site->options = (struct index_options){.chunk = {128, 0.5, 32},
					       .base_url = STR("https://docs.example.org"),
					       .threads = 1,
					       .max_file_bytes = 1 << 20};
	for (size_t i = 0; i < MINI_SITE_PAGES; i++)
		mini_site_write(site, pages[i].name, str_c(pages[i].text));
}

void mini_site_remove(struct mini_site *site)
{
	temp_dir_remove(&site->dir);
}

enum err_code mini_site_store(const struct mini_site *site, const struct alloc *alloc,
			      struct store **out, struct err *err)
{
	char path[512];
	const struct store_sqlite_options options = {
		.data_dir = temp_dir_path(&site->dir, "data", path), .create = true};
	return store_sqlite_open(&options, alloc, out, err);
}

enum err_code mini_site_index(struct mini_site *site, const char *const *folders, size_t count,
			      const struct alloc *alloc, struct arena *arena,
			      struct index_report *report, struct err *err)
{
	struct index_source sources[SOURCES_MAX] = {{.source = NULL}};
	struct store *store = NULL;
	enum err_code code = ERR_OK;
	assert_in_range(count, 0, SOURCES_MAX);
	for (size_t i = 0; i < count && !code; i++) {
		char path[512];
		const struct source_dir_options options = {
			.root = temp_dir_path(&site->dir, folders[i], path),
			.max_file_bytes = site->options.max_file_bytes,
			.max_files = 1000};
		struct err problem;
		sources[i] = site->rules;
		code = source_dir_open(&options, alloc, &sources[i].source, &problem);
		if (code == ERR_NOTFOUND) {
			sources[i].name = folders[i];
			sources[i].failure = problem;
			code = ERR_OK;
		} else if (code) {
			err_set(err, code, "%s", problem.message);
			sources[i].source = NULL;
		}
	}
	if (!code && !site->options.dry_run)
		code = mini_site_store(site, alloc, &store, err);
	if (!code) {
		const struct index_deps deps = {.store = store,
						.embedder = &site->fake.embedder,
						.alloc = alloc,
						.clock = clock_system(),
						.progress = site->progress,
						.progress_ctx = site->progress_ctx,
						.stop = &site->stop};
		code = index_run(&deps, &site->options, sources, count, arena, report, err);
	}
	store_close(store);
	for (size_t i = 0; i < count; i++)
		source_close(sources[i].source);
	return code;
}

struct store_stats mini_site_stats(const struct mini_site *site, struct arena *arena)
{
	struct store *store = NULL;
	struct store_stats stats = {0};
	struct err err = {ERR_OK, ""};
	if (mini_site_store(site, alloc_default(), &store, &err) ||
	    store_stats(store, arena, &stats, &err))
		fail_msg("%s", err.message);
	store_close(store);
	return stats;
}
