#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/backends.h"
#include "cmd/sources.h"

enum { PROGRESS_LINE_US = 5000000, PROGRESS_BAR_US = 200000, BAR_WIDTH = 30 };

const struct option index_options[] = {
	{"rebuild", NULL,
	 "index everything anew (embeddings are reused where the text is the same)"},
	{"source", "NAME",
	 "without SOURCE: index this one of the configuration (repeatable); with one: the name "
	 "under "
	 "which its documents are filed"},
	{"include", "GLOB", "only paths that match; repeatable"},
	{"exclude", "GLOB", "no paths that match; repeatable"},
	{"dry-run", NULL, "parse and chunk, but write nothing"},
	{"text-only", NULL, "publish text without embedding it; `index --resume` does that"},
	{"resume", NULL, "only embed what an earlier run has left; takes no SOURCE"},
	{NULL, NULL, NULL},
};

/* A bar on a terminal, else a line every few seconds; one for each stage. */
struct progress {
	bool terminal, shown, embedding;
	int64_t last_us;
};

/* What the stage counts. */
struct stage {
	const char *doing, *things;
	uint64_t done, total;
	int64_t us;
};

static struct stage stage_of(const struct index_progress *p)
{
	if (p->embedding)
		return (struct stage){"embedding", "chunks", p->chunks_done, p->chunks_total,
				      p->embedding_us};
	return (struct stage){"indexing", "documents", p->documents_done, p->documents_total,
			      p->elapsed_us};
}

static void show_progress(void *ctx, const struct index_progress *p)
{
	struct progress *state = ctx;
	struct stage stage = stage_of(p);
	int64_t wait = state->terminal ? PROGRESS_BAR_US : PROGRESS_LINE_US;
	bool last = stage.done == stage.total;
	if (p->embedding && !state->embedding) {
		/* The bar of the first stage is done. */
		state->shown = false;
		state->embedding = true;
	}
	if (p->elapsed_us - state->last_us < wait && !(last && state->shown))
		return;
	state->last_us = p->elapsed_us;
	double seconds = (double)stage.us / 1e6;
	double share = stage.total ? (double)stage.done / (double)stage.total : 1;
	double left = share > 0 ? seconds / share - seconds : 0;
	double rate = seconds > 0 ? (double)stage.done / seconds : 0;
	if (!state->terminal) {
		fprintf(stderr, "%s: %llu of %llu %s, %.0f %s/s, %.0f s left\n", stage.doing,
			(unsigned long long)stage.done, (unsigned long long)stage.total,
			stage.things, rate, stage.things, left);
		return;
	}
	char bar[BAR_WIDTH + 1];
	for (int i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < (int)(share * BAR_WIDTH) ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r[%s] %llu/%llu %s, %.0f/s, %.0f s left   ", bar,
		(unsigned long long)stage.done, (unsigned long long)stage.total, stage.things, rate,
		left);
	if (last)
		fputc('\n', stderr);
	state->shown = !last;
}

static json_t *repo_json(const struct index_repo *repo)
{
	if (repo->error)
		return json_pack("{s:o, s:o}", "repo", json_from_str(str_c(repo->name)), "error",
				 json_from_str(str_c(repo->error)));
	return json_pack("{s:o, s:I, s:I, s:s}", "repo", json_from_str(str_c(repo->name)),
			 "documents", (json_int_t)repo->documents, "chunks",
			 (json_int_t)repo->chunks, "revision", repo->revision);
}

static json_t *report_json(const struct index_report *r)
{
	json_t *skipped = json_array(), *repos = json_array();
	for (size_t i = 0; i < r->skip_count; i++)
		json_array_append_new(
			skipped, json_pack("{s:o, s:o}", "path", json_from_str(r->skipped[i].path),
					   "reason", json_from_str(r->skipped[i].reason)));
	for (size_t i = 0; i < r->repo_count; i++)
		json_array_append_new(repos, repo_json(&r->repos[i]));
	json_t *report = json_pack("{s:s}", "status", r->failed_repos ? "partial" : "success");
	const struct {
		const char *key;
		uint64_t count;
	} counts[] = {
		{"total_chunks", r->total_chunks},         {"embedded_chunks", r->embedded_chunks},
		{"reused_chunks", r->reused_chunks},       {"pending_chunks", r->pending_chunks},
		{"deleted_chunks", r->deleted_chunks},     {"documents", r->documents},
		{"duplicate_chunks", r->duplicate_chunks}, {"masked_secrets", r->masked_secrets}};
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		json_object_set_new(report, counts[i].key,
				    json_integer((json_int_t)counts[i].count));
	json_object_set_new(report, "skipped", skipped);
	json_object_set_new(report, "processed_repos", repos);
	json_object_set_new(report, "took_ms", json_integer((json_int_t)(r->took_us / 1000)));
	return report;
}

static void print_report(const struct index_report *r, bool dry_run)
{
	printf("%s%llu documents, %llu chunks (%llu embedded, %llu reused, %llu deleted) in %.1f "
	       "s\n",
	       dry_run ? "Dry run, nothing written: " : "Indexed ",
	       (unsigned long long)r->documents, (unsigned long long)r->total_chunks,
	       (unsigned long long)r->embedded_chunks, (unsigned long long)r->reused_chunks,
	       (unsigned long long)r->deleted_chunks, (double)r->took_us / 1e6);
	if (r->pending_chunks)
		printf("%llu chunks wait for their vectors: `docs-bot index --resume` makes them\n",
		       (unsigned long long)r->pending_chunks);
	if (r->skip_count)
		printf("%zu files skipped, see the log lines above\n", r->skip_count);
	if (r->duplicate_chunks)
		printf("%llu sections say what others say, and are not searched\n",
		       (unsigned long long)r->duplicate_chunks);
	if (r->masked_secrets)
		printf("%llu secrets masked\n", (unsigned long long)r->masked_secrets);
	for (size_t i = 0; i < r->repo_count; i++)
		if (r->repos[i].error)
			printf("%s was not indexed: %s\n", r->repos[i].name, r->repos[i].error);
}

/* Paragraphs are the smallest chunks; where windows are smaller yet, those serve. */
static size_t paragraph_tokens(const struct context *ctx)
{
	long long tokens = config_int(&ctx->config, SET_PARAGRAPH_TOKENS);
	return tokens <= config_int(&ctx->config, SET_CHUNK_TOKENS) ? (size_t)tokens : 0;
}

static int check_use(const struct context *ctx)
{
	if (context_option(ctx, "resume"))
		return ctx->arg_count ? context_usage(ctx, "index --resume takes no SOURCE")
				      : EXIT_DONE;
	if (ctx->arg_count)
		return EXIT_DONE;
	if (context_option(ctx, "include") || context_option(ctx, "exclude"))
		return context_usage(ctx, "--include and --exclude are for a SOURCE on the command "
					  "line; those of the configuration have 'include' and "
					  "'exclude'");
	if (!ctx->config.section.item_count)
		return context_usage(ctx, "nothing to index: name a folder or an address as "
					  "SOURCE, or list 'sources' in a file and give it with "
					  "--config");
	return EXIT_DONE;
}

/* Status and output of a run that is over; `code` is its error. */
static int report_run(struct context *ctx, const struct index_report *report, bool dry_run,
		      enum err_code code, const struct err *err)
{
	if (code)
		return context_fail(ctx, err);
	int status = report->failed_repos ? EXIT_FAILED : EXIT_DONE;
	if (!ctx->json)
		print_report(report, dry_run);
	else if (!context_print_json(report_json(report)))
		status = EXIT_FAILED;
	return status;
}

int command_index(struct context *ctx)
{
	struct err err = {ERR_OK, ""};
	struct store *store = NULL;
	struct embedder *embedder = NULL;
	struct index_report report = {0};
	struct progress progress = {.terminal = isatty(STDERR_FILENO)};
	struct source_specs specs = {NULL, 0};
	struct index_source *sources = NULL;
	const struct index_options options = {
		.chunk = {(size_t)config_int(&ctx->config, SET_CHUNK_TOKENS),
			  config_float(&ctx->config, SET_CHUNK_OVERLAP), paragraph_tokens(ctx)},
		.base_url = str_c(config_string(&ctx->config, SET_BASE_URL)),
		.threads = backends_threads(ctx),
		.max_file_bytes = (size_t)config_int(&ctx->config, SET_MAX_FILE_BYTES),
		.rebuild = context_option(ctx, "rebuild") != NULL,
		.text_only = context_option(ctx, "text-only") != NULL,
		.dry_run = context_option(ctx, "dry-run") != NULL};
	int status = check_use(ctx);
	if (status)
		return status;
	bool resume = context_option(ctx, "resume") != NULL;
	enum err_code code = resume ? ERR_OK : sources_wanted(ctx, &specs, &err);
	if (!code && !resume) {
		sources = arena_array(ctx->arena, specs.count, sizeof(*sources));
		code = sources ? sources_open(ctx, &specs, sources, &err)
			       : arena_fail(ctx->arena, &err);
	}
	if (!code)
		code = backends_embedder(ctx, &embedder, &err);
	if (!code && !options.dry_run)
		code = backends_store(ctx, true, NULL, &store, &err);
	if (!code) {
		const struct index_deps deps = {.store = store,
						.embedder = embedder,
						.alloc = ctx->alloc,
						.clock = ctx->clock,
						.log = &ctx->log,
						.progress = show_progress,
						.progress_ctx = &progress,
						.stop = ctx->stop};
		code = resume ? index_resume(&deps, options.threads, &report, &err)
			      : index_run(&deps, &options, sources, specs.count, ctx->arena,
					  &report, &err);
	}
	if (progress.shown && code)
		fputc('\n', stderr);
	status = report_run(ctx, &report, options.dry_run, code, &err);
	store_close(store);
	embed_close(embedder);
	sources_close(sources, specs.count);
	return status;
}
