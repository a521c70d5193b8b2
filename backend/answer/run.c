#include "answer/answer.h"
#include "answer/compose.h"

enum { RETRIEVE_TOP_K = 8, NEAREST_PAGES = 3 };

static enum err_code check_reader(const struct answer_deps *deps, struct err *err)
{
	if (deps->cancelled && atomic_load(deps->cancelled))
		return err_set(err, ERR_CANCELLED, "the reader has left");
	return ERR_OK;
}

static enum err_code show_stage(const struct answer_sink *sink, const char *stage, struct err *err)
{
	if (sink->status && !sink->status(sink->ctx, stage))
		return err_set(err, ERR_CANCELLED, "the reader has left");
	return ERR_OK;
}

enum err_code answer_run(const struct answer_deps *deps, struct str question,
			 const struct answer_sink *sink, struct arena *arena,
			 struct answer_result *out, struct err *err)
{
	const struct retrieve_options options = {
		.top_k = RETRIEVE_TOP_K, .tuning = deps->tuning, .rerank = deps->rerank};
	struct extract extract;
	int64_t started = clock_monotonic_us(deps->clock);
	*out = (struct answer_result){0};

	enum err_code code = check_reader(deps, err);
	if (!code)
		code = show_stage(sink, "retrieving", err);
	if (!code)
		code = retrieve(deps->store, deps->embedder, deps->clock, question, &options, arena,
				&out->retrieved, err);
	out->retrieval_us = clock_monotonic_us(deps->clock) - started;
	if (!code)
		code = check_reader(deps, err);
	if (!code)
		code = extract_quotes(question, &out->retrieved, arena, &extract, err);
	if (!code)
		code = judge_sources(deps->store, question, &out->retrieved, &extract, arena,
				     &out->judgement, err);
	if (!code)
		code = show_stage(sink, "generating", err);
	if (code)
		return code;

	struct composer composer;
	compose_begin(&composer, sink, deps->clock, started, arena, out);
	if (out->judgement.sufficient)
		code = compose_quotes(&composer, &extract, err);
	else
		code = compose_abstention(&composer, NEAREST_PAGES, err);
	if (!code)
		code = compose_end(&composer, err);
	compose_release(&composer);
	out->total_us = clock_monotonic_us(deps->clock) - started;
	return code;
}
