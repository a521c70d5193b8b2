#include "cmd/query.h"

enum err_code query_tuning(const struct context *ctx, struct retrieve_tuning *out, struct err *err)
{
	const struct config *config = &ctx->config;
	*out = retrieve_tuning_default();
	out->within_page = config_float(config, SET_WITHIN_PAGE);
	out->archived_factor = config_float(config, SET_ARCHIVED_FACTOR);
	out->pull_request_min = config_float(config, SET_PULL_REQUEST_MIN);
	out->context_tokens = (size_t)config_int(config, SET_CONTEXT_TOKENS);
	enum err_code code = retrieve_weights_parse(str_c(config_string(config, SET_PAGE_WEIGHTS)),
						    out->page_weight, err);
	if (code)
		return err_context(err, "page_weights");
	code = retrieve_weights_parse(str_c(config_string(config, SET_SECTION_WEIGHTS)),
				      out->section_weight, err);
	return code ? err_context(err, "section_weights") : ERR_OK;
}

struct answer_settings query_answer_settings(const struct context *ctx)
{
	const struct config *config = &ctx->config;
	struct answer_settings settings = answer_settings_default();
	struct str mode = str_c(config_string(config, SET_ANSWER_MODE));
	settings.mode = str_eq(mode, STR("tools"))            ? ANSWER_TOOLS
			: str_eq(mode, STR("retrieve-first")) ? ANSWER_RETRIEVE_FIRST
			: str_eq(mode, STR("extractive"))     ? ANSWER_EXTRACTIVE
							      : ANSWER_AUTO;
	settings.project = config_string(config, SET_PROJECT);
	settings.max_searches = (size_t)config_int(config, SET_MAX_SEARCHES);
	settings.context_tokens = (size_t)config_int(config, SET_PROMPT_TOKENS);
	settings.reply_tokens = (size_t)config_int(config, SET_LLM_MAX_TOKENS);
	settings.replace_unsupported =
		str_eq(str_c(config_string(config, SET_UNSUPPORTED)), STR("replace"));
	return settings;
}

enum err_code query_open_llm(struct context *ctx, struct query_session *session, struct err *err)
{
	if (session->settings.mode == ANSWER_EXTRACTIVE)
		return ERR_OK;
	return backends_llm(ctx, &session->llm, err);
}

struct answer_deps query_answer_deps(const struct context *ctx, const struct query_session *session)
{
	return (struct answer_deps){.store = session->store,
				    .embedder = session->embedder,
				    .tuning = &session->tuning,
				    .clock = ctx->clock,
				    .cancelled = ctx->stop,
				    .rerank = session->rerank,
				    .llm = session->llm,
				    .host_allowed = hosts_allowed,
				    .hosts = session->hosts,
				    .settings = &session->settings};
}

enum err_code query_open(struct context *ctx, struct query_session *session, struct err *err)
{
	*session = (struct query_session){0};
	session->settings = query_answer_settings(ctx);
	enum err_code code = query_tuning(ctx, &session->tuning, err);
	if (!code)
		code = backends_store(ctx, false, NULL, &session->store, err);
	if (!code)
		code = backends_embedder(ctx, &session->embedder, err);
	struct store_stats stats = {0};
	if (!code)
		code = store_stats(session->store, ctx->arena, &stats, err);
	if (!code && stats.chunks == 0)
		code = err_set(err, ERR_NOTFOUND,
			       "the index is empty: run `docs-bot index FOLDER` first");
	if (!code && !str_eq(stats.model, str_c(session->embedder->model)))
		code = err_set(err, ERR_MISMATCH,
			       "the index was made with model %.*s, not %s: use --model %.*s, or "
			       "index again with --rebuild",
			       STR_ARG(stats.model), session->embedder->model,
			       STR_ARG(stats.model));
	if (!code)
		code = hosts_open(session->store,
				  str_c(config_string(&ctx->config, SET_ALLOWED_HOSTS)), ctx->alloc,
				  &session->hosts, err);
	if (!code && stats.pending_chunks)
		log_info(&ctx->log, "index",
			 "%llu of %llu chunks have no vectors yet and are found by words only",
			 (unsigned long long)stats.pending_chunks,
			 (unsigned long long)stats.chunks);
	if (!code)
		code = backends_rerank(ctx, &session->stage, &session->rerank, err);
	if (code)
		query_close(session);
	return code;
}

void query_close(struct query_session *session)
{
	hosts_close(session->hosts);
	store_close(session->store);
	embed_close(session->embedder);
	llm_close(session->llm);
	if (session->rerank)
		rerank_close(session->rerank->reranker);
	*session = (struct query_session){0};
}
