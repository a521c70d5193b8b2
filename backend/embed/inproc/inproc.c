#include "embed/inproc/inproc.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "embed/inproc/encoder.h"
#include "embed/inproc/helper.h"
#include "embed/inproc/safetensors.h"
#include "embed/inproc/tokenizer.h"

/* Tokens of one text while it is embedded; a text within max_tokens needs a few kilobytes. */
#define TOKENS_MAX_BYTES  (256U << 20)
#define TOKENS_KEEP_BYTES (1U << 20)

/* What one embed_texts() call works in; kept in the pool between calls. */
struct scratch {
	struct scratch *next;
	struct arena arena;
	int32_t *ids;    /* [max_tokens] of the texts of one run */
	size_t *lengths; /* [max_tokens] */
	void *work;      /* encoder_scratch_bytes() */
};

struct inproc {
	struct embedder base;
	const struct alloc *alloc;
	char *name;
	struct safetensors *weights;
	struct encoder *encoder;
	struct tokenizer *tokenizer;
	struct helper *helper; /* NULL: only one processor may be used */
	pthread_mutex_t lock;  /* guards `pool`, held for a few instructions */
	bool lock_ready;
	struct scratch *pool; /* free blocks; as many as calls ever ran at once */
};

static void scratch_free(const struct alloc *alloc, struct scratch *s)
{
	if (!s)
		return;
	arena_release(&s->arena);
	alloc_free(alloc, s->ids);
	alloc_free(alloc, s->lengths);
	alloc_free(alloc, s->work);
	alloc_free(alloc, s);
}

static struct scratch *scratch_new(struct inproc *in)
{
	struct scratch *s = alloc_zero(in->alloc, 1, sizeof(*s));
	if (!s)
		return NULL;
	arena_init(&s->arena, in->alloc, TOKENS_MAX_BYTES);
	s->ids = alloc_zero(in->alloc, in->base.max_tokens, sizeof(*s->ids));
	s->lengths = alloc_zero(in->alloc, in->base.max_tokens, sizeof(*s->lengths));
	s->work = alloc_get(in->alloc, encoder_scratch_bytes(in->encoder));
	if (!s->ids || !s->lengths || !s->work) {
		scratch_free(in->alloc, s);
		return NULL;
	}
	return s;
}

static struct scratch *scratch_take(struct inproc *in)
{
	pthread_mutex_lock(&in->lock);
	struct scratch *s = in->pool;
	if (s)
		in->pool = s->next;
	pthread_mutex_unlock(&in->lock);
	return s ? s : scratch_new(in);
}

static void scratch_give(struct inproc *in, struct scratch *s)
{
	/* One huge text must not leave its memory in the pool for ever. */
	if (s->arena.used > TOKENS_KEEP_BYTES)
		arena_release(&s->arena);
	else
		arena_reset(&s->arena);
	pthread_mutex_lock(&in->lock);
	s->next = in->pool;
	in->pool = s;
	pthread_mutex_unlock(&in->lock);
}

static enum err_code inproc_tokenize(struct embedder *e, struct str text, struct arena *arena,
				     struct token_list *out, struct err *err)
{
	struct inproc *in = (struct inproc *)e;
	return tokenizer_encode(in->tokenizer, text, arena, out, err);
}

/* The tokens of a text, of which the model can take all. */
static enum err_code tokens_of(struct inproc *in, struct scratch *s, struct str text,
			       struct token_list *tokens, struct err *err)
{
	arena_reset(&s->arena);
	enum err_code code = tokenizer_encode(in->tokenizer, text, &s->arena, tokens, err);
	if (code != ERR_OK)
		return code;
	size_t room = in->base.max_tokens - in->base.special_tokens;
	if (tokens->count > room)
		return err_set(err, ERR_LIMIT,
			       "the text has %zu tokens with the special ones, the model %s takes "
			       "at most %zu: split it",
			       tokens->count + in->base.special_tokens, in->name,
			       in->base.max_tokens);
	return ERR_OK;
}

/* Appends a text with its special tokens to the run. */
static void add_text(struct inproc *in, struct scratch *s, const struct token_list *tokens,
		     size_t at)
{
	s->ids[at++] = tokenizer_bos(in->tokenizer);
	for (size_t i = 0; i < tokens->count; i++)
		s->ids[at++] = tokens->items[i].id;
	s->ids[at] = tokenizer_eos(in->tokenizer);
}

/* As many texts go through the encoder together as it takes tokens. */
static enum err_code embed_all(struct inproc *in, struct scratch *s, const struct str *texts,
			       size_t count, float *vectors, struct err *err)
{
	size_t waiting = 0, used = 0, done = 0;
	for (size_t i = 0; i < count; i++) {
		struct token_list tokens;
		enum err_code code = tokens_of(in, s, texts[i], &tokens, err);
		size_t length = code ? 0 : tokens.count + in->base.special_tokens;
		if (!code && used + length > in->base.max_tokens) {
			code = encoder_run(in->encoder, s->ids, s->lengths, waiting, s->work,
					   vectors + done * in->base.dimension, err);
			done += waiting;
			waiting = used = 0;
		}
		if (code)
			return code;
		add_text(in, s, &tokens, used);
		used += length;
		s->lengths[waiting++] = length;
	}
	return encoder_run(in->encoder, s->ids, s->lengths, waiting, s->work,
			   vectors + done * in->base.dimension, err);
}

static enum err_code no_memory(const struct inproc *in, struct err *err)
{
	return err_set(err, ERR_NOMEM, "out of memory for the working memory of model %s",
		       in->name);
}

static enum err_code inproc_embed(struct embedder *e, const struct str *texts, size_t count,
				  float *vectors, struct err *err)
{
	struct inproc *in = (struct inproc *)e;
	struct scratch *s = scratch_take(in);
	if (!s)
		return no_memory(in, err);
	enum err_code code = embed_all(in, s, texts, count, vectors, err);
	scratch_give(in, s);
	return code;
}

static enum err_code embed_one(struct inproc *in, struct scratch *s, struct str text, float *vector,
			       struct err *err)
{
	struct token_list tokens;
	enum err_code code = tokens_of(in, s, text, &tokens, err);
	if (code)
		return code;
	add_text(in, s, &tokens, 0);
	return encoder_run_helped(in->encoder, s->ids, tokens.count + in->base.special_tokens,
				  in->helper, s->work, vector, err);
}

static enum err_code inproc_embed_alone(struct embedder *e, struct str text, float *vector,
					struct err *err)
{
	struct inproc *in = (struct inproc *)e;
	struct scratch *s = scratch_take(in);
	if (!s)
		return no_memory(in, err);
	enum err_code code = embed_one(in, s, text, vector, err);
	scratch_give(in, s);
	return code;
}

static void inproc_close(struct embedder *e)
{
	struct inproc *in = (struct inproc *)e;
	helper_close(in->helper);
	while (in->pool) {
		struct scratch *s = in->pool;
		in->pool = s->next;
		scratch_free(in->alloc, s);
	}
	if (in->lock_ready)
		pthread_mutex_destroy(&in->lock);
	tokenizer_close(in->tokenizer);
	encoder_close(in->encoder);
	safetensors_close(in->weights);
	alloc_free(in->alloc, in->name);
	alloc_free(in->alloc, in);
}

static const struct embedder_ops inproc_ops = {
	.tokenize = inproc_tokenize,
	.embed = inproc_embed,
	.embed_alone = inproc_embed_alone,
	.close = inproc_close,
};

static enum err_code open_encoder(struct inproc *in, const struct embed_inproc_options *options,
				  const struct encoder_config *config, struct err *err)
{
	static const enum gemm_type types[] = {
		[EMBED_F32] = GEMM_F32, [EMBED_BF16] = GEMM_BF16, [EMBED_INT8] = GEMM_I8};
	/* Part of the cache key: to be changed when the same weights give other vectors. */
	static const char *const names[] = {
		[EMBED_F32] = "f32", [EMBED_BF16] = "bf16", [EMBED_INT8] = "int8"};
	enum vec_level limit = options->vec_limit >= (int)VEC_AVX512 ? VEC_AVX512
			       : options->vec_limit == (int)VEC_AVX2 ? VEC_AVX2
								     : VEC_PLAIN;
	const struct gemm_ops *ops = gemm_ops_best(limit);
	enum embed_precision precision = options->precision;
	if (precision == EMBED_AUTO)
		precision = ops->vec->level == VEC_PLAIN ? EMBED_F32 : EMBED_INT8;
	const struct encoder_options encoder = {.config = config,
						.weights = in->weights,
						.ops = ops,
						.type = types[precision],
						.sha256 = options->sha256,
						.cache_dir =
							options->keep_packed ? options->dir : NULL,
						.log = options->log};
	enum err_code code = encoder_open(&encoder, in->alloc, &in->encoder, err);
	if (code)
		return code;
	in->base.precision = names[precision];
	snprintf(in->base.sha256, sizeof(in->base.sha256), "%s", encoder_sha256(in->encoder));
	snprintf(in->base.cache_key, sizeof(in->base.cache_key), "%s%s%s", in->base.sha256,
		 precision == EMBED_F32 ? "" : "-", precision == EMBED_F32 ? "" : names[precision]);
	return ERR_OK;
}

static enum err_code open_weights(struct inproc *in, const struct embed_inproc_options *options,
				  const struct encoder_config *config, struct err *err)
{
	struct buf path;
	buf_init(&path, in->alloc, 1U << 16);
	buf_printf(&path, "%s/model.safetensors", options->dir);
	enum err_code code = buf_ok(&path, "path", err);
	if (code == ERR_OK)
		code = safetensors_open(path.ptr, in->alloc, &in->weights, err);
	if (code == ERR_OK) {
		code = open_encoder(in, options, config, err);
		if (code != ERR_OK)
			err_context(err, "%s", path.ptr);
	}
	buf_release(&path);
	return code;
}

/* Everything of an instance whose plain fields are set. */
static enum err_code open_parts(struct inproc *in, const struct embed_inproc_options *options,
				struct err *err)
{
	struct encoder_config config;
	enum err_code code = encoder_config_read(options->dir, in->alloc, &config, err);
	if (code == ERR_OK)
		code = tokenizer_open(options->dir, in->alloc, &in->tokenizer, err);
	if (code != ERR_OK)
		return code;
	size_t vocab = tokenizer_vocab_size(in->tokenizer);
	if (vocab > config.vocab)
		return err_set(err, ERR_MISMATCH,
			       "%s: vocab.txt has %zu entries, \"vocab_size\" in config.json is "
			       "%zu: the files are of different models",
			       options->dir, vocab, config.vocab);
	code = open_weights(in, options, &config, err);
	if (code != ERR_OK)
		return code;
	in->base.dimension = config.hidden;
	in->base.max_tokens = config.max_tokens;
	in->base.special_tokens = 2;
	const struct helper_options helper = {.bytes = encoder_helper_bytes(in->encoder)};
	return options->threads > 1 ? helper_open(&helper, in->alloc, &in->helper, err) : ERR_OK;
}

enum err_code embed_inproc_open(const struct embed_inproc_options *options,
				const struct alloc *alloc, struct embedder **out, struct err *err)
{
	*out = NULL;
	struct inproc *in = alloc_zero(alloc, 1, sizeof(*in));
	if (!in)
		return err_set(err, ERR_NOMEM, "out of memory for the embedder");
	in->alloc = alloc;
	in->base.ops = &inproc_ops;
	size_t size = strlen(options->name) + 1;
	in->name = alloc_get(alloc, size);
	enum err_code code = ERR_OK;
	if (!in->name) {
		code = err_set(err, ERR_NOMEM, "out of memory for the embedder");
		goto fail;
	}
	memcpy(in->name, options->name, size);
	in->base.model = in->name;
	if (pthread_mutex_init(&in->lock, NULL) != 0) {
		code = err_set(err, ERR_INTERNAL, "cannot create a mutex for the embedder");
		goto fail;
	}
	in->lock_ready = true;
	code = open_parts(in, options, err);
	if (code != ERR_OK)
		goto fail;
	*out = &in->base;
	return ERR_OK;
fail:
	inproc_close(&in->base);
	return code;
}
