#include "cmd/backends.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "embed/inproc/inproc.h"
#include "embed/inproc/model.h"
#include "embed/shared.h"
#include "index/secrets.h"
#include "llm/openai/openai.h"
#include "rerank/inproc/inproc.h"
#include "rerank/tei/tei.h"
#include "state/sqlite/sqlite.h"
#include "store/sqlite/sqlite.h"

/* 4096 questions of 768 dimensions take 13 MB. */
#define EMBED_CACHE_MAX_BYTES ((size_t)16 << 20)

/* $XDG_DATA_HOME/docs-bot, as the XDG base directory specification has it. */
static enum err_code default_data_dir(struct context *ctx, struct str *out, struct err *err)
{
	const char *data_home = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	if (data_home && data_home[0] == '/')
		*out = arena_printf(ctx->arena, "%s/docs-bot", data_home);
	else if (home && home[0] == '/')
		*out = arena_printf(ctx->arena, "%s/.local/share/docs-bot", home);
	else
		return err_set(err, ERR_INVALID,
			       "neither XDG_DATA_HOME nor HOME is set: give --data-dir");
	return out->ptr ? ERR_OK : arena_fail(ctx->arena, err);
}

enum err_code backends_data_dir(struct context *ctx, struct str *out, struct err *err)
{
	const char *milvus = getenv("MILVUS_HOST");
	if (milvus && *milvus)
		log_warn(&ctx->log, "store",
			 "MILVUS_HOST is set, but this version keeps its index in SQLite only");
	*out = str_c(config_string(&ctx->config, SET_DATA_DIR));
	return out->len ? ERR_OK : default_data_dir(ctx, out, err);
}

enum err_code backends_models_dir(struct context *ctx, struct str *out, struct err *err)
{
	*out = str_c(config_string(&ctx->config, SET_MODELS_DIR));
	if (out->len)
		return ERR_OK;
	enum err_code code = default_data_dir(ctx, out, err);
	if (code)
		return code;
	*out = arena_printf(ctx->arena, "%.*s/models", STR_ARG(*out));
	return out->ptr ? ERR_OK : arena_fail(ctx->arena, err);
}

struct str backends_model_name(struct context *ctx)
{
	/* Deployments write the hub's full name into EMBEDDING_MODEL. */
	struct str name = str_c(config_string(&ctx->config, SET_MODEL));
	struct str organisation = STR("sentence-transformers/");
	return str_starts(name, organisation) ? str_slice(name, organisation.len, name.len) : name;
}

int backends_vec_limit(const struct context *ctx)
{
	struct str simd = str_c(config_string(&ctx->config, SET_SIMD));
	if (str_eq(simd, STR("plain")))
		return VEC_PLAIN;
	return str_eq(simd, STR("avx2")) ? VEC_AVX2 : VEC_AVX512;
}

static enum embed_precision precision(const struct context *ctx)
{
	struct str name = str_c(config_string(&ctx->config, SET_PRECISION));
	return str_eq(name, STR("f32"))    ? EMBED_F32
	       : str_eq(name, STR("bf16")) ? EMBED_BF16
	       : str_eq(name, STR("int8")) ? EMBED_INT8
					   : EMBED_AUTO;
}

/* The last part of a folder's path names a model that is given by folder. */
static struct str base_name(struct str path)
{
	while (path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	for (size_t i = path.len; i > 0; i--)
		if (path.ptr[i - 1] == '/')
			return str_slice(path, i, path.len);
	return path;
}

enum err_code backends_embedder(struct context *ctx, struct embedder **out, struct err *err)
{
	struct str name = backends_model_name(ctx), models, dir;
	enum err_code code = backends_models_dir(ctx, &models, err);
	if (!code)
		code = model_resolve(name, models.ptr, ctx->arena, &dir, err);
	if (!code)
		code = model_check_present(dir.ptr, name, err);
	if (code)
		return code;
	const struct model_spec *spec = model_find(base_name(name));
	struct str known = arena_str(ctx->arena, base_name(name));
	if (!known.ptr)
		return arena_fail(ctx->arena, err);
	const struct embed_inproc_options options = {.dir = dir.ptr,
						     .name = known.ptr,
						     .sha256 = spec ? spec->sha256 : NULL,
						     .vec_limit = backends_vec_limit(ctx),
						     .precision = precision(ctx),
						     .threads = backends_threads(ctx),
						     .keep_packed = true,
						     .log = &ctx->log};
	return embed_inproc_open(&options, ctx->alloc, out, err);
}

enum err_code backends_shared_embedder(struct context *ctx, struct embedder **out, struct err *err)
{
	struct embedder *inner = NULL;
	const struct embed_shared_options options = {
		.cache_entries = (size_t)config_int(&ctx->config, SET_EMBED_CACHE),
		.cache_bytes = EMBED_CACHE_MAX_BYTES,
		.calls = backends_threads(ctx)};
	*out = NULL;
	enum err_code code = backends_embedder(ctx, &inner, err);
	if (code)
		return code;
	code = embed_shared_open(inner, &options, ctx->alloc, out, err);
	if (code)
		embed_close(inner);
	return code;
}

static enum err_code open_rerank_server(struct context *ctx, struct reranker **out, struct err *err)
{
	const struct config *config = &ctx->config;
	struct str api = str_c(config_string(config, SET_RERANK_API));
	struct rerank_tei_options options = {
		.api = str_eq(api, STR("vllm")) ? RERANK_API_VLLM : RERANK_API_TEI,
		.url = config_string(config, SET_RERANK_URL),
		.key = config_string(config, SET_RERANK_KEY),
		.model = config_string(config, SET_RERANK_MODEL),
		.timeout_ms = (unsigned)config_int(config, SET_RERANK_TIMEOUT),
		.clock = ctx->clock};
	if (options.api == RERANK_API_TEI && options.model[0])
		return err_set(err, ERR_INVALID,
			       "rerank_url and rerank_model name two rerankers, leave one out");
	if (options.api == RERANK_API_VLLM && !options.model[0])
		return err_set(err, ERR_INVALID,
			       "vLLM wants the name that it serves the model under: rerank_model");
	enum err_code code = rerank_tei_open(&options, ctx->alloc, out, err);
	return code ? err_context(err, "rerank_url") : ERR_OK;
}

/*
 * In f32 unless another precision is asked for by name: what quantization costs is known of the
 * embedding models only (docs/decisions/0005-encoder.md).
 */
static enum err_code open_rerank_model(struct context *ctx, struct reranker **out, struct err *err)
{
	static const enum rerank_precision precisions[] = {[EMBED_F32] = RERANK_F32,
							   [EMBED_AUTO] = RERANK_F32,
							   [EMBED_BF16] = RERANK_BF16,
							   [EMBED_INT8] = RERANK_INT8};
	struct str models, dir;
	enum err_code code = backends_models_dir(ctx, &models, err);
	if (!code)
		code = model_resolve(str_c(config_string(&ctx->config, SET_RERANK_MODEL)),
				     models.ptr, ctx->arena, &dir, err);
	if (code)
		return code;
	const struct rerank_inproc_options options = {.dir = dir.ptr,
						      .vec_limit = backends_vec_limit(ctx),
						      .precision = precisions[precision(ctx)],
						      .keep_packed = true,
						      .threads = backends_threads(ctx),
						      .log = &ctx->log};
	code = rerank_inproc_open(&options, ctx->alloc, out, err);
	return code ? err_context(err, "rerank_model") : ERR_OK;
}

enum err_code backends_rerank(struct context *ctx, struct rerank_stage *stage,
			      struct rerank_stage **out, struct err *err)
{
	const struct config *config = &ctx->config;
	struct reranker *reranker = NULL;
	enum err_code code = ERR_OK;
	*out = NULL;
	if (config_string(config, SET_RERANK_URL)[0])
		code = open_rerank_server(ctx, &reranker, err);
	else if (config_string(config, SET_RERANK_MODEL)[0])
		code = open_rerank_model(ctx, &reranker, err);
	if (code || !reranker)
		return code;
	rerank_stage_init(stage, reranker, (size_t)config_int(config, SET_RERANK_DEPTH),
			  config_float(config, SET_RERANK_WEIGHT), ctx->clock, &ctx->log);
	*out = stage;
	return ERR_OK;
}

enum err_code backends_llm(struct context *ctx, struct llm **out, struct err *err)
{
	const struct config *config = &ctx->config;
	const struct llm_openai_options options = {
		.url = config_string(config, SET_KSERVE_URL),
		.model = config_string(config, SET_LLM_MODEL),
		.key = config_string(config, SET_LLM_API_KEY),
		.ca_file = config_string(config, SET_LLM_CA_FILE),
		.context_tokens = (size_t)config_int(config, SET_LLM_CONTEXT_TOKENS),
		.max_tokens = (unsigned)config_int(config, SET_LLM_MAX_TOKENS),
		.connect_ms = (unsigned)config_int(config, SET_LLM_CONNECT),
		.first_token_ms = (unsigned)config_int(config, SET_LLM_FIRST_TOKEN),
		.stall_ms = (unsigned)config_int(config, SET_LLM_STALL),
		.total_ms = (unsigned)config_int(config, SET_LLM_TOTAL),
		.clock = ctx->clock,
		.log = &ctx->log};
	*out = NULL;
	if (!options.url[0])
		return ERR_OK;
	enum err_code code = llm_openai_open(&options, ctx->alloc, out, err);
	return code ? err_context(err, "kserve_url") : ERR_OK;
}

/* A token that somebody pasted into a question is not to be kept. */
static struct str mask_secrets(struct str text, struct arena *arena)
{
	struct str masked = {NULL, 0};
	uint64_t count = 0;
	return secrets_mask(text, arena, &masked, &count, NULL) ? (struct str){NULL, 0} : masked;
}

enum err_code backends_state(struct context *ctx, bool create, struct state **out, struct err *err)
{
	const struct config *config = &ctx->config;
	struct str dir;
	*out = NULL;
	enum err_code code = backends_data_dir(ctx, &dir, err);
	if (code)
		return code;
	const struct state_sqlite_options options = {
		.data_dir = dir.ptr,
		.create = create,
		.limits = {.session_turns = (size_t)config_int(config, SET_SESSION_TURNS),
			   .session_bytes = (size_t)config_int(config, SET_SESSION_BYTES),
			   .session_ms = config_int(config, SET_SESSION_MINUTES) * 60000,
			   .sessions = (size_t)config_int(config, SET_SESSIONS_MAX),
			   .gaps = (size_t)config_int(config, SET_GAPS_MAX)},
		.mask = mask_secrets,
		.clock = ctx->clock,
		.log = &ctx->log};
	return state_sqlite_open(&options, ctx->alloc, out, err);
}

enum err_code backends_store(struct context *ctx, bool create, struct store_vectors *vectors,
			     struct store **out, struct err *err)
{
	struct str dir;
	enum err_code code = backends_data_dir(ctx, &dir, err);
	if (!code && create)
		code = file_make_dirs(dir.ptr, err);
	if (code)
		return code;
	const struct store_sqlite_options options = {.data_dir = dir.ptr,
						     .create = create,
						     .vectors = vectors,
						     .vec_limit = backends_vec_limit(ctx),
						     .log = &ctx->log};
	return store_sqlite_open(&options, ctx->alloc, out, err);
}

enum err_code backends_opener_init(struct context *ctx, struct store_opener *opener,
				   struct err *err)
{
	struct str dir;
	*opener = (struct store_opener){
		.alloc = ctx->alloc, .log = &ctx->log, .vec_limit = backends_vec_limit(ctx)};
	enum err_code code = backends_data_dir(ctx, &dir, err);
	if (code)
		return code;
	opener->data_dir = dir.ptr;
	return store_vectors_new(ctx->alloc, &opener->vectors, err);
}

enum err_code backends_open_store(void *ctx, struct store **out, struct err *err)
{
	const struct store_opener *opener = ctx;
	const struct store_sqlite_options options = {.data_dir = opener->data_dir,
						     .vectors = opener->vectors,
						     .vec_limit = opener->vec_limit,
						     .log = opener->log};
	return store_sqlite_open(&options, opener->alloc, out, err);
}

void backends_opener_release(struct store_opener *opener)
{
	store_vectors_free(opener->vectors);
	opener->vectors = NULL;
}

size_t backends_threads(const struct context *ctx)
{
	long long set = config_int(&ctx->config, SET_THREADS);
	if (set > 0)
		return (size_t)set;
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	return online < 1 ? 1 : online > 64 ? 64 : (size_t)online;
}
