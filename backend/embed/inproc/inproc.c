#include "embed/inproc/inproc.h"

#include <pthread.h>
#include <string.h>

#include "base/buf.h"
#include "base/vec.h"
#include "embed/inproc/encoder.h"
#include "embed/inproc/safetensors.h"
#include "embed/inproc/tokenizer.h"

/* Tokens of one text while it is embedded; a text within max_tokens needs a few kilobytes. */
#define TOKENS_MAX_BYTES  (256U << 20)
#define TOKENS_KEEP_BYTES (1U << 20)

/* What one embed_texts() call works in; kept in the pool between calls. */
struct scratch {
	struct scratch *next;
	struct arena arena;
	int32_t *ids;  /* [max_tokens] */
	float *floats; /* encoder_scratch_floats() */
};

struct inproc {
	struct embedder base;
	const struct alloc *alloc;
	char *name;
	struct safetensors *weights;
	struct encoder *encoder;
	struct tokenizer *tokenizer;
	const struct vec_ops *ops;
	pthread_mutex_t lock; /* guards `pool`, held for a few instructions */
	bool lock_ready;
	struct scratch *pool; /* free blocks; as many as calls ever ran at once */
};

static void scratch_free(const struct alloc *alloc, struct scratch *s)
{
	if (!s)
		return;
	arena_release(&s->arena);
	alloc_free(alloc, s->ids);
	alloc_free(alloc, s->floats);
	alloc_free(alloc, s);
}

static struct scratch *scratch_new(struct inproc *in)
{
	size_t bytes;
	if (!size_mul(encoder_scratch_floats(in->encoder), sizeof(float), &bytes))
		return NULL;
	struct scratch *s = alloc_zero(in->alloc, 1, sizeof(*s));
	if (!s)
		return NULL;
	arena_init(&s->arena, in->alloc, TOKENS_MAX_BYTES);
	s->ids = alloc_zero(in->alloc, in->base.max_tokens, sizeof(*s->ids));
	s->floats = alloc_get(in->alloc, bytes);
	if (!s->ids || !s->floats) {
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

static enum err_code embed_one(struct inproc *in, struct scratch *s, struct str text, float *vector,
			       struct err *err)
{
	struct token_list tokens;
	arena_reset(&s->arena);
	enum err_code code = tokenizer_encode(in->tokenizer, text, &s->arena, &tokens, err);
	if (code != ERR_OK)
		return code;
	size_t room = in->base.max_tokens - in->base.special_tokens;
	if (tokens.count > room)
		return err_set(err, ERR_LIMIT,
			       "the text has %zu tokens with the special ones, the model %s takes "
			       "at most %zu: split it",
			       tokens.count + in->base.special_tokens, in->name,
			       in->base.max_tokens);
	s->ids[0] = tokenizer_bos(in->tokenizer);
	for (size_t i = 0; i < tokens.count; i++)
		s->ids[i + 1] = tokens.items[i].id;
	s->ids[tokens.count + 1] = tokenizer_eos(in->tokenizer);
	return encoder_run(in->encoder, in->ops, s->ids, tokens.count + 2, s->floats, vector, err);
}

static enum err_code inproc_embed(struct embedder *e, const struct str *texts, size_t count,
				  float *vectors, struct err *err)
{
	struct inproc *in = (struct inproc *)e;
	struct scratch *s = scratch_take(in);
	if (!s)
		return err_set(err, ERR_NOMEM, "out of memory for the working memory of model %s",
			       in->name);
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < count && code == ERR_OK; i++)
		code = embed_one(in, s, texts[i], vectors + i * e->dimension, err);
	scratch_give(in, s);
	return code;
}

static void inproc_close(struct embedder *e)
{
	struct inproc *in = (struct inproc *)e;
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
	.close = inproc_close,
};

static enum err_code open_weights(struct inproc *in, const struct embed_inproc_options *options,
				  struct err *err)
{
	struct buf path;
	buf_init(&path, in->alloc, 1U << 16);
	buf_printf(&path, "%s/model.safetensors", options->dir);
	enum err_code code = buf_ok(&path, "path", err);
	if (code == ERR_OK)
		code = safetensors_open(path.ptr, in->alloc, &in->weights, err);
	if (code != ERR_OK)
		goto out;
	/* The hash is of the very bytes that are used: they are mapped already. */
	safetensors_sha256(in->weights, in->base.sha256);
	if (options->sha256 && options->sha256[0] != '\0' &&
	    strcmp(options->sha256, in->base.sha256) != 0)
		code = err_set(err, ERR_MISMATCH,
			       "%s: its SHA-256 is %s, must be %.64s: fetch the model again with "
			       "`docs-bot model fetch --force`",
			       path.ptr, in->base.sha256, options->sha256);
out:
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
	code = open_weights(in, options, err);
	if (code != ERR_OK)
		return code;
	code = encoder_open(&config, in->weights, in->alloc, &in->encoder, err);
	if (code != ERR_OK) {
		err_context(err, "%s/model.safetensors", options->dir);
		return code;
	}
	in->base.dimension = config.hidden;
	in->base.max_tokens = config.max_tokens;
	in->base.special_tokens = 2;
	return ERR_OK;
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
	enum vec_level limit = options->vec_limit >= (int)VEC_AVX512 ? VEC_AVX512
			       : options->vec_limit == (int)VEC_AVX2 ? VEC_AVX2
								     : VEC_PLAIN;
	in->ops = vec_ops_best(limit);
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
