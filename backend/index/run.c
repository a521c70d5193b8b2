#include "index/run.h"

#include "index/collapse.h"
#include "index/fill.h"
#include "index/gather.h"
#include "index/put.h"

enum {
	MAX_SKIPS = 10000,
	/* Chunks of an update that are embedded before it is published: some seconds' work. */
	SMALL_UPDATE = 256,
};

struct run {
	const struct index_deps *deps;
	const struct index_options *options;
	struct arena *arena;
	struct index_report *report;
	struct index_progress progress;
	int64_t started_us, embedding_started_us;
	struct store_identity identity;
	bool was_complete;       /* every chunk had its vector before this run */
	struct arena item_arena; /* of one document at a time */
	struct err failure;      /* of the first source that failed */
};

static void show_progress(struct run *run)
{
	int64_t now = clock_monotonic_us(run->deps->clock);
	run->progress.elapsed_us = now - run->started_us;
	run->progress.embedding_us = run->progress.embedding ? now - run->embedding_started_us : 0;
	if (run->deps->progress)
		run->deps->progress(run->deps->progress_ctx, &run->progress);
}

/* Every skip is logged; the report keeps the first MAX_SKIPS. */
static enum err_code add_skip(struct run *run, struct str path, struct str reason, struct err *err)
{
	struct index_report *report = run->report;
	log_warn(run->deps->log, "index", "skipped %.*s: %.*s", STR_ARG(path), STR_ARG(reason));
	if (report->skip_count == MAX_SKIPS)
		return ERR_OK;
	if ((report->skip_count & (report->skip_count - 1)) == 0) { /* at powers of two */
		size_t capacity = report->skip_count ? report->skip_count * 2 : 1;
		struct source_skip *grown = arena_array(run->arena, capacity, sizeof(*grown));
		if (!grown)
			return arena_fail(run->arena, err);
		for (size_t i = 0; i < report->skip_count; i++)
			grown[i] = report->skipped[i];
		report->skipped = grown;
	}
	struct source_skip kept = {arena_str(run->arena, path), arena_str(run->arena, reason)};
	if (!kept.path.ptr || !kept.reason.ptr)
		return arena_fail(run->arena, err);
	report->skipped[report->skip_count++] = kept;
	return ERR_OK;
}

static enum err_code index_item(struct run *run, const struct index_source *source,
				const struct source_item *item, struct index_repo *repo,
				struct err *err)
{
	struct prepared document;
	enum prepare_outcome outcome;
	struct str reason;
	uint64_t chunks = 0;
	arena_reset(&run->item_arena);
	enum err_code code =
		prepare_document(run->deps, run->options, source, item, NULL, &run->item_arena,
				 &document, &outcome, &reason, &chunks, err);
	if (code)
		return code;
	if (outcome == PREPARE_SKIPPED)
		return add_skip(run, item->path, reason, err);
	if (outcome != PREPARE_UNCHANGED)
		chunks = document.chunks.count;
	repo->documents++;
	repo->chunks += chunks;
	if (outcome == PREPARE_UNCHANGED)
		return ERR_OK;
	run->report->masked_secrets += document.masked;
	if (!run->options->dry_run)
		code = put_document(run->deps, repo->name, &document, err);
	arena_release(&document.arena);
	return code;
}

static void show_chunks(void *ctx, uint64_t embedded, uint64_t filled)
{
	struct run *run = ctx;
	run->progress.chunks_embedded = embedded;
	run->progress.chunks_done = filled > embedded ? filled : embedded;
	show_progress(run);
}

/* Without a single document *why says so; what is stored of the source is to be kept then. */
static enum err_code index_source(struct run *run, const struct index_source *source,
				  const struct source_list *list, struct index_repo *repo,
				  struct err *why, struct err *err)
{
	size_t skipped_before = run->report->skip_count;
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < list->skip_count && !code; i++)
		code = add_skip(run, list->skipped[i].path, list->skipped[i].reason, err);
	for (size_t i = 0; i < list->count && !code; i++) {
		if (run->deps->stop && atomic_load(run->deps->stop))
			code = err_set(err, ERR_CANCELLED,
				       "stopped; the index is as it was before");
		else
			code = index_item(run, source, &list->items[i], repo, err);
		run->progress.documents_done++;
		show_progress(run);
	}
	if (!code && repo->documents == 0)
		err_set(why, ERR_NOTFOUND,
			"no documents in %s (%zu files skipped): expected .md, .markdown, .mdx or "
			".txt files in UTF-8 (see --include)",
			repo->name, run->report->skip_count - skipped_before);
	return code;
}

static const char *source_name(const struct index_source *source)
{
	return source->source ? source->source->name : source->name;
}

/* A source's name is its identity in the store: two of one name would delete each other's pages. */
static enum err_code check_sources(const struct index_source *sources, size_t count,
				   struct err *err)
{
	if (count == 0)
		return err_set(err, ERR_INVALID, "nothing to index: name at least one source");
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (str_eq(str_c(source_name(&sources[i])),
				   str_c(source_name(&sources[j]))))
				return err_set(err, ERR_INVALID,
					       "two sources are named '%s': index them one by one "
					       "with --source NAME",
					       source_name(&sources[i]));
	return ERR_OK;
}

static enum err_code note_failure(struct run *run, struct index_repo *repo,
				  const struct err *failure, struct err *err)
{
	struct str reason = arena_str(run->arena, str_c(failure->message));
	if (!reason.ptr)
		return arena_fail(run->arena, err);
	repo->error = reason.ptr;
	if (!run->report->failed_repos++)
		run->failure = *failure;
	log_error(run->deps->log, "index", "%s: %s", repo->name, reason.ptr);
	return ERR_OK;
}

static enum err_code list_all(struct run *run, const struct index_source *sources, size_t count,
			      struct gathered *lists, struct err *err)
{
	enum err_code code = gather_sources(run->deps, sources, count, lists, err);
	for (size_t i = 0; i < count && !code; i++) {
		/* Copies: the report may outlive the sources. */
		const struct source *source = sources[i].source;
		struct str name = arena_str(run->arena, str_c(source_name(&sources[i])));
		struct str revision = arena_str(run->arena, str_c(source ? source->revision : ""));
		if (!name.ptr || !revision.ptr)
			return arena_fail(run->arena, err);
		struct index_repo *repo = &run->report->repos[i];
		*repo = (struct index_repo){.name = name.ptr, .revision = revision.ptr};
		if (lists[i].failure.code)
			code = note_failure(run, repo, &lists[i].failure, err);
		else
			run->progress.documents_total += lists[i].list.count;
	}
	return code;
}

/* The first failure, when there is nothing but failures or none may be. */
static enum err_code check_failures(const struct run *run, struct err *err)
{
	const struct index_report *report = run->report;
	bool all = report->failed_repos == report->repo_count;
	if (!report->failed_repos || (!all && !run->options->rebuild))
		return ERR_OK;
	err_set(err, run->failure.code, "%s", run->failure.message);
	if (!all)
		err_context(err, "a rebuild needs every source, the index stays as it was");
	else if (report->repo_count > 1)
		err_context(err, "no source could be indexed");
	return run->failure.code;
}

/* Indexes one source; one without documents is noted as failed. */
static enum err_code index_one(struct run *run, const struct index_source *source,
			       const struct source_list *list, struct index_repo *repo,
			       struct err *err)
{
	struct index_report *report = run->report;
	struct err why = {ERR_OK, ""};
	uint64_t documents = 0, chunks = 0;
	enum err_code code = index_source(run, source, list, repo, &why, err);
	if (!code && why.code)
		return note_failure(run, repo, &why, err);
	if (!code && !run->options->dry_run)
		code = store_sweep(run->deps->store, str_c(repo->name), &documents, &chunks, err);
	if (!code && !run->options->dry_run)
		code = collapse_duplicates(run->deps, run->options, source, list, repo,
					   &report->duplicate_chunks, err);
	report->deleted_documents += documents;
	report->deleted_chunks += chunks;
	report->documents += repo->documents;
	report->total_chunks += repo->chunks;
	return code;
}

/* What is known of the index before and within the run. */
static enum err_code look_at_index(struct run *run, struct store_stats *stats, struct err *err)
{
	arena_reset(&run->item_arena);
	return store_stats(run->deps->store, &run->item_arena, stats, err);
}

static enum err_code begin(struct run *run, bool rebuild, struct err *err)
{
	struct store_stats stats;
	enum err_code code = look_at_index(run, &stats, err);
	run->was_complete = stats.chunks > 0 && stats.pending_chunks == 0;
	return code ? code : store_begin(run->deps->store, &run->identity, rebuild, err);
}

/* The second stage, in steps of its own or within the run. */
static enum err_code embed_pending(struct run *run, uint64_t pending, size_t threads, bool steps,
				   struct err *err)
{
	const struct fill_options options = {
		.threads = threads, .steps = steps, .tick = show_chunks, .tick_ctx = run};
	run->progress.embedding = true;
	run->progress.chunks_total = pending;
	run->embedding_started_us = clock_monotonic_us(run->deps->clock);
	enum err_code code = fill_vectors(run->deps, &run->identity, &options,
					  &run->report->embedded_chunks, err);
	if (!code) {
		run->progress.chunks_embedded = run->report->embedded_chunks;
		run->progress.chunks_done = pending;
	}
	show_progress(run);
	return code;
}

/* Publishes the run, with its vectors or before they are made. */
static enum err_code finish(struct run *run, struct err *err)
{
	const struct index_options *options = run->options;
	struct store_stats stats;
	enum err_code code = look_at_index(run, &stats, err);
	uint64_t pending = stats.pending_chunks;
	bool whole = run->was_complete && !options->text_only &&
		     (options->rebuild || pending <= SMALL_UPDATE);
	if (!code && whole && pending)
		code = embed_pending(run, pending, options->threads, false, err);
	if (!code)
		code = store_publish(run->deps->store, clock_wall_ms(run->deps->clock), err);
	if (code || whole || !pending)
		return code;
	log_info(run->deps->log, "index", "published as text, chunks without vectors: %llu",
		 (unsigned long long)pending);
	run->report->pending_chunks = pending;
	if (options->text_only)
		return ERR_OK;
	code = embed_pending(run, pending, options->threads, true, err);
	run->report->pending_chunks = code ? pending : 0;
	return code;
}

static void run_init(struct run *run, const struct index_deps *deps, struct index_report *report)
{
	run->deps = deps;
	run->report = report;
	run->identity =
		(struct store_identity){str_c(deps->embedder->model), deps->embedder->dimension,
					str_c(deps->embedder->cache_key)};
	run->started_us = clock_monotonic_us(deps->clock);
	arena_init(&run->item_arena, deps->alloc, (size_t)1 << 24);
}

/* Ends the run in any case. */
static void run_release(struct run *run)
{
	struct index_report *report = run->report;
	arena_release(&run->item_arena);
	if (run->deps->store && !run->options->dry_run)
		store_rollback(run->deps->store);
	report->took_us = clock_monotonic_us(run->deps->clock) - run->started_us;
}

/* What was there already: stored before, or embedded for an equal text or in an earlier run. */
static uint64_t reused_chunks(const struct index_report *report)
{
	uint64_t made = report->embedded_chunks + report->pending_chunks;
	return report->total_chunks > made ? report->total_chunks - made : 0;
}

enum err_code index_run(const struct index_deps *deps, const struct index_options *options,
			const struct index_source *sources, size_t source_count,
			struct arena *arena, struct index_report *report, struct err *err)
{
	struct run run = {.options = options, .arena = arena};
	*report = (struct index_report){.repo_count = source_count};
	report->repos = arena_array(arena, source_count, sizeof(*report->repos));
	struct gathered *lists = arena_array(arena, source_count, sizeof(*lists));
	if (!report->repos || !lists)
		return arena_fail(arena, err);
	run_init(&run, deps, report);

	enum err_code code = check_sources(sources, source_count, err);
	if (!code)
		code = list_all(&run, sources, source_count, lists, err);
	if (!code)
		code = check_failures(&run, err);
	if (!code && !options->dry_run)
		code = begin(&run, options->rebuild, err);
	for (size_t i = 0; i < source_count && !code; i++)
		if (!report->repos[i].error)
			code = index_one(&run, &sources[i], &lists[i].list, &report->repos[i], err);
	if (!code)
		code = check_failures(&run, err);
	gather_release(lists, source_count);
	if (!code && !options->dry_run)
		code = finish(&run, err);
	run_release(&run);
	if (!options->dry_run)
		report->reused_chunks = reused_chunks(report);
	return code;
}

enum err_code index_resume(const struct index_deps *deps, size_t threads,
			   struct index_report *report, struct err *err)
{
	static const struct index_options options = {0};
	struct run run = {.options = &options};
	struct store_stats stats;
	*report = (struct index_report){0};
	run_init(&run, deps, report);
	enum err_code code = look_at_index(&run, &stats, err);
	if (!code && stats.pending_chunks)
		code = embed_pending(&run, stats.pending_chunks, threads, true, err);
	report->documents = stats.documents;
	report->total_chunks = stats.chunks;
	run_release(&run);
	report->reused_chunks = reused_chunks(report);
	return code;
}
