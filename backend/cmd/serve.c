#include <stdio.h>
#include <string.h>

#include "cmd/query.h"
#include "serve/serve.h"

/*
 * More readers than threads that embed: those whose question waits for its embedding use no
 * processor, and only those that wait can be embedded together.
 */
static size_t reader_count(const struct context *ctx)
{
	enum { READERS_PER_THREAD = 4, MAX_READERS = 64 };
	size_t count = backends_threads(ctx) * READERS_PER_THREAD;
	return count < MAX_READERS ? count : MAX_READERS;
}

static void announce(void *ctx, const char *host, int port)
{
	(void)ctx;
	bool ipv6 = strchr(host, ':') != NULL;
	fprintf(stderr, "docs-bot is ready: open http://%s%s%s:%d\n", ipv6 ? "[" : "", host,
		ipv6 ? "]" : "", port);
}

/* "HOST:PORT", "[IPv6]:PORT" or ":PORT"; $PORT wins over an unset or configured port. */
static bool parse_listen(struct context *ctx, const char **host, int *port)
{
	struct str listen = str_c(config_string(&ctx->config, SET_LISTEN));
	struct str port_text = str_c(config_string(&ctx->config, SET_PORT));
	size_t colon = listen.len;
	while (colon > 0 && listen.ptr[colon - 1] != ':')
		colon--;
	if (colon == 0)
		return false;
	struct str name = str_slice(listen, 0, colon - 1);
	if (name.len > 1 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
		name = str_slice(name, 1, name.len - 1);
	/* A --listen flag is more specific than the environment's PORT. */
	if (!port_text.len || ctx->config.values[SET_LISTEN].origin == CONFIG_FLAG)
		port_text = str_slice(listen, colon, listen.len);
	uint64_t number;
	if (!str_to_u64(port_text, &number) || number > 65535)
		return false;
	struct str copy = arena_str(ctx->arena, name.len ? name : STR("0.0.0.0"));
	*host = copy.ptr;
	*port = (int)number;
	return copy.ptr != NULL;
}

/*
 * A service may start before its index is there; one whose index it can never use must not. What
 * readers would be told later is said here first.
 */
static enum err_code check_index(struct context *ctx, struct store_opener *opener,
				 const struct embedder *embedder, struct err *err)
{
	struct store *store = NULL;
	struct store_stats stats;
	enum err_code code = backends_open_store(opener, &store, err);
	if (!code)
		code = store_stats(store, ctx->arena, &stats, err);
	if (!code && stats.chunks && !str_eq(stats.model, str_c(embedder->model)))
		code = err_set(err, ERR_MISMATCH,
			       "the index was made with model %.*s, not %s: use --model %.*s, or "
			       "index again with --rebuild",
			       STR_ARG(stats.model), embedder->model, STR_ARG(stats.model));
	store_close(store);
	if (code != ERR_NOTFOUND)
		return code;
	log_warn(&ctx->log, "serve", "answers start when there is an index: %s", err->message);
	return ERR_OK;
}

int command_serve(struct context *ctx)
{
	struct err err = {ERR_OK, ""};
	struct embedder *embedder = NULL;
	struct rerank_stage stage, *rerank = NULL;
	struct llm *llm = NULL;
	struct state *state = NULL;
	const struct answer_settings settings = query_answer_settings(ctx);
	struct store_opener opener;
	const struct config *config = &ctx->config;
	struct serve_options options = {
		.readers = reader_count(ctx),
		.queue_length = (size_t)config_int(config, SET_QUEUE_LENGTH),
		.max_message_bytes = (size_t)config_int(config, SET_MAX_MESSAGE_BYTES),
		.max_question_bytes = (size_t)config_int(config, SET_MAX_QUESTION_BYTES),
		.max_connections = (size_t)config_int(config, SET_MAX_CONNECTIONS),
		.max_answer_bytes = (size_t)config_int(config, SET_MAX_ANSWER_BYTES),
		.drain_seconds = (int)config_int(config, SET_DRAIN_SECONDS),
		.allowed_origins = config_string(config, SET_ALLOWED_ORIGINS)};
	if (!parse_listen(ctx, &options.host, &options.port))
		return context_usage(ctx, "listen must be HOST:PORT, e.g. 127.0.0.1:8000, not '%s'",
				     config_string(config, SET_LISTEN));
	struct retrieve_tuning tuning;
	struct hosts_cache hosts;
	hosts_cache_init(&hosts, str_c(config_string(config, SET_ALLOWED_HOSTS)), ctx->alloc);
	enum err_code code = query_tuning(ctx, &tuning, &err);
	if (!code)
		code = backends_opener_init(ctx, &opener, &err);
	if (!code)
		code = backends_shared_embedder(ctx, &embedder, &err);
	if (!code)
		code = backends_rerank(ctx, &stage, &rerank, &err);
	if (!code && settings.mode != ANSWER_EXTRACTIVE)
		code = backends_llm(ctx, &llm, &err);
	if (!code)
		code = backends_state(ctx, true, &state, &err);
	if (!code)
		code = check_index(ctx, &opener, embedder, &err);
	/* Those that wait for a model do nothing; without one, each needs a reader all the time. */
	options.workers = options.readers;
	if (llm)
		options.workers += (size_t)config_int(config, SET_MAX_STREAMS);
	if (!code) {
		const struct serve_deps deps = {.open_store = backends_open_store,
						.ctx = &opener,
						.embedder = embedder,
						.tuning = &tuning,
						.rerank = rerank,
						.llm = llm,
						.settings = &settings,
						.state = state,
						.hosts = &hosts,
						.alloc = ctx->alloc,
						.clock = ctx->clock,
						.log = &ctx->log,
						.stop = ctx->stop};
		code = serve_run(&options, &deps, announce, NULL, &err);
	}
	int status = code ? context_fail(ctx, &err) : EXIT_DONE;
	state_close(state);
	llm_close(llm);
	embed_close(embedder);
	if (rerank)
		rerank_close(rerank->reranker);
	backends_opener_release(&opener);
	hosts_cache_release(&hosts);
	return status;
}
