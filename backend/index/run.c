#include "index/run.h"

#include "index/batch.h"
#include "index/gather.h"

enum { MAX_SKIPS = 10000 };

struct run {
	const struct index_deps *deps;
	const struct index_options *options;
	struct arena *arena;
	struct index_report *report;
	struct index_progress progress;
	int64_t started_us;
	struct err failure; /* of the first source that failed */
};

static void show_progress(struct run *run)
{
	run->progress.elapsed_us = clock_monotonic_us(run->deps->clock) - run->started_us;
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
	struct str kept = arena_str(run->arena, path);
	if (!kept.ptr)
		return arena_fail(run->arena, err);
	report->skipped[report->skip_count++] = (struct source_skip){kept, reason};
	return ERR_OK;
}

static enum err_code index_item(struct run *run, const struct index_source *source,
				const struct source_item *item, struct batch *batch,
				struct index_repo *repo, struct err *err)
{
	struct prepared document;
	enum prepare_outcome outcome;
	struct str reason;
	uint64_t chunks = 0;
	enum err_code code = prepare_document(run->deps, run->options, source, item, run->arena,
					      &document, &outcome, &reason, &chunks, err);
	if (code)
		return code;
	if (outcome == PREPARE_SKIPPED)
		return add_skip(run, item->path, reason, err);
	if (outcome == PREPARE_UNCHANGED)
		run->report->reused_chunks += chunks;
	else
		chunks = document.chunks.count;
	repo->documents++;
	repo->chunks += chunks;
	if (outcome == PREPARE_UNCHANGED)
		return ERR_OK;
	run->report->masked_secrets += document.masked;
	if (run->options->dry_run) {
		arena_release(&document.arena);
		return ERR_OK;
	}
	code = batch_add(batch, &document, err);
	if (!code && batch_full(batch))
		code = batch_submit(batch, err);
	return code;
}

/* A batch takes a minute with a large model: its chunks are progress too. */
static void show_chunks(void *ctx, uint64_t embedded)
{
	struct run *run = ctx;
	run->progress.chunks_embedded = run->report->embedded_chunks + embedded;
	show_progress(run);
}

/* Without a single document *why says so; what is stored of the source is to be kept then. */
static enum err_code index_source(struct run *run, const struct index_source *source,
				  const struct source_list *list, struct index_repo *repo,
				  struct err *why, struct err *err)
{
	size_t skipped_before = run->report->skip_count;
	struct batch *batch = alloc_get(run->deps->alloc, sizeof(*batch));
	if (!batch)
		return err_set(err, ERR_NOMEM, "out of memory");
	enum err_code code = batch_init(batch, run->deps, run->options, repo->name, err);
	if (code) {
		alloc_free(run->deps->alloc, batch);
		return code;
	}
	batch->tick = show_chunks;
	batch->tick_ctx = run;
	for (size_t i = 0; i < list->skip_count && !code; i++)
		code = add_skip(run, list->skipped[i].path, list->skipped[i].reason, err);
	for (size_t i = 0; i < list->count && !code; i++) {
		if (run->deps->stop && atomic_load(run->deps->stop))
			code = err_set(err, ERR_CANCELLED,
				       "stopped; the index is as it was before");
		else
			code = index_item(run, source, &list->items[i], batch, repo, err);
		run->progress.documents_done++;
		show_chunks(run, batch_embedded(batch));
	}
	if (!code)
		code = batch_finish(batch, err);
	run->report->embedded_chunks += batch_embedded(batch);
	run->report->reused_chunks += batch->reused;
	run->progress.chunks_embedded = run->report->embedded_chunks;
	show_progress(run);
	batch_release(batch);
	alloc_free(run->deps->alloc, batch);
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
	report->deleted_documents += documents;
	report->deleted_chunks += chunks;
	report->documents += repo->documents;
	report->total_chunks += repo->chunks;
	return code;
}

enum err_code index_run(const struct index_deps *deps, const struct index_options *options,
			const struct index_source *sources, size_t source_count,
			struct arena *arena, struct index_report *report, struct err *err)
{
	struct run run = {.deps = deps, .options = options, .arena = arena, .report = report};
	struct store_identity identity = {str_c(deps->embedder->model), deps->embedder->dimension};
	*report = (struct index_report){.repo_count = source_count};
	run.started_us = clock_monotonic_us(deps->clock);
	report->repos = arena_array(arena, source_count, sizeof(*report->repos));
	struct gathered *lists = arena_array(arena, source_count, sizeof(*lists));
	if (!report->repos || !lists)
		return arena_fail(arena, err);

	enum err_code code = check_sources(sources, source_count, err);
	if (!code)
		code = list_all(&run, sources, source_count, lists, err);
	if (!code)
		code = check_failures(&run, err);
	bool begun = !code && !options->dry_run;
	if (begun)
		code = store_begin(deps->store, &identity, options->rebuild, err);
	for (size_t i = 0; i < source_count && !code; i++)
		if (!report->repos[i].error)
			code = index_one(&run, &sources[i], &lists[i].list, &report->repos[i], err);
	if (!code)
		code = check_failures(&run, err);
	if (!code && begun)
		code = store_publish(deps->store, clock_wall_ms(deps->clock), err);
	if (code && begun)
		store_rollback(deps->store);
	gather_release(lists, source_count);
	report->took_us = clock_monotonic_us(deps->clock) - run.started_us;
	return code;
}
