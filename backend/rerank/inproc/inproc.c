#include "rerank/inproc/inproc.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "embed/inproc/classifier.h"
#include "embed/inproc/encoder.h"
#include "embed/inproc/tokenizer.h"
#include "rerank/inproc/config.h"

#define TOKENS_MAX_BYTES (64U << 20) /* of a query and a text, both bounded by the port */

enum {
	PAIR_SPECIALS = 3, /* [CLS] query [SEP] text [SEP] */
	SHARE = 2,         /* texts that a thread takes at once */
	HELPERS_MAX = 64
};

/* What one call works in; kept in the pool between calls. */
struct scratch {
	struct scratch *next;
	struct arena query, text; /* their tokens */
	int32_t *ids;             /* [max_tokens] of the pairs of one run */
	uint8_t *types;           /* [max_tokens] */
	size_t *lengths;          /* [max_tokens] */
	float *states;            /* [max_tokens / PAIR_SPECIALS][hidden] */
	void *work;               /* encoder_scratch_bytes() */
};

struct inproc {
	struct reranker base;
	const struct alloc *alloc;
	char *name;
	bool sigmoid;
	size_t hidden;
	const struct gemm_ops *ops;
	struct safetensors *weights;
	struct encoder *encoder;
	struct classifier head;
	struct tokenizer *tokenizer;
	pthread_mutex_t lock; /* guards `pool`, held for a few instructions */
	bool lock_ready;
	struct scratch *pool; /* free blocks; as many as threads ever ran at once */
	size_t threads;
	atomic_size_t running; /* threads that score */
};

static void scratch_free(const struct alloc *alloc, struct scratch *s)
{
	if (!s)
		return;
	arena_release(&s->query);
	arena_release(&s->text);
	alloc_free(alloc, s->ids);
	alloc_free(alloc, s->types);
	alloc_free(alloc, s->lengths);
	alloc_free(alloc, s->states);
	alloc_free(alloc, s->work);
	alloc_free(alloc, s);
}

static struct scratch *scratch_new(struct inproc *in)
{
	struct scratch *s = alloc_zero(in->alloc, 1, sizeof(*s));
	size_t max = in->base.max_tokens;
	if (!s)
		return NULL;
	arena_init(&s->query, in->alloc, TOKENS_MAX_BYTES);
	arena_init(&s->text, in->alloc, TOKENS_MAX_BYTES);
	s->ids = alloc_zero(in->alloc, max, sizeof(*s->ids));
	s->types = alloc_zero(in->alloc, max, sizeof(*s->types));
	s->lengths = alloc_zero(in->alloc, max, sizeof(*s->lengths));
	s->states = alloc_zero(in->alloc, max / PAIR_SPECIALS * in->hidden, sizeof(*s->states));
	s->work = alloc_get(in->alloc, encoder_scratch_bytes(in->encoder));
	if (s->ids && s->types && s->lengths && s->states && s->work)
		return s;
	scratch_free(in->alloc, s);
	return NULL;
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
	arena_reset(&s->query);
	arena_reset(&s->text);
	pthread_mutex_lock(&in->lock);
	s->next = in->pool;
	in->pool = s;
	pthread_mutex_unlock(&in->lock);
}

static void add_token(struct scratch *s, size_t *at, int32_t id, uint8_t type)
{
	s->ids[*at] = id;
	s->types[*at] = type;
	(*at)++;
}

/* Appends the pair to the run behind `at` tokens and returns its length. */
static size_t add_pair(struct inproc *in, struct scratch *s, const struct token_list *query,
		       const struct token_list *text, size_t at)
{
	size_t from = at;
	int32_t sep = tokenizer_eos(in->tokenizer);
	add_token(s, &at, tokenizer_bos(in->tokenizer), 0);
	for (size_t i = 0; i < query->count; i++)
		add_token(s, &at, query->items[i].id, 0);
	add_token(s, &at, sep, 0);
	for (size_t i = 0; i < text->count; i++)
		add_token(s, &at, text->items[i].id, 1);
	add_token(s, &at, sep, 1);
	return at - from;
}

/* Scores of the `count` pairs that wait in the scratch. */
static enum err_code run_pairs(struct inproc *in, struct scratch *s, size_t count, float *scores,
			       struct err *err)
{
	const struct encoder_input input = {
		.ids = s->ids, .types = s->types, .lengths = s->lengths, .count = count};
	enum err_code code = encoder_run_first(in->encoder, &input, s->work, s->states, err);
	for (size_t i = 0; i < count && !code; i++) {
		float logit = classifier_logit(&in->head, in->ops->vec, s->states + i * in->hidden);
		scores[i] = in->sigmoid ? (float)(1 / (1 + exp(-(double)logit))) : logit;
	}
	return code;
}

/* One call, shared by its threads. */
struct call {
	struct inproc *in;
	struct str query;
	const struct str *texts;
	size_t count;
	float *scores;
	atomic_size_t next; /* text that nobody has taken */
};

struct helper {
	struct call *call;
	pthread_t thread;
	enum err_code code;
	struct err err;
};

/* As many of these texts' pairs go through the encoder together as it takes tokens. */
static enum err_code score_texts(struct call *c, struct scratch *s, const struct token_list *query,
				 size_t from, size_t to, struct err *err)
{
	struct inproc *in = c->in;
	struct token_list text;
	size_t waiting = 0, used = 0, done = from, max = in->base.max_tokens;
	size_t room = max - PAIR_SPECIALS - query->count;
	for (size_t i = from; i < to; i++) {
		arena_reset(&s->text);
		enum err_code code =
			tokenizer_encode(in->tokenizer, c->texts[i], &s->text, &text, err);
		if (code)
			return code;
		if (text.count > room)
			text.count = room;
		if (used + query->count + text.count + PAIR_SPECIALS > max) {
			code = run_pairs(in, s, waiting, c->scores + done, err);
			if (code)
				return code;
			done += waiting;
			waiting = used = 0;
		}
		s->lengths[waiting] = add_pair(in, s, query, &text, used);
		used += s->lengths[waiting++];
	}
	return run_pairs(in, s, waiting, c->scores + done, err);
}

/* Takes texts of the call until there are none left. */
static enum err_code take_part(struct call *c, struct err *err)
{
	struct inproc *in = c->in;
	struct token_list query;
	size_t most = (in->base.max_tokens - PAIR_SPECIALS) / 2, from;
	struct scratch *s = scratch_take(in);
	if (!s)
		return err_set(err, ERR_NOMEM, "out of memory for the reranker %s", in->name);
	enum err_code code = tokenizer_encode(in->tokenizer, c->query, &s->query, &query, err);
	if (!code && query.count > most)
		query.count = most;
	while (!code && (from = atomic_fetch_add(&c->next, SHARE)) < c->count)
		code = score_texts(c, s, &query, from,
				   c->count - from < SHARE ? c->count : from + SHARE, err);
	scratch_give(in, s);
	return code;
}

static void *help(void *ctx)
{
	struct helper *h = ctx;
	h->code = take_part(h->call, &h->err);
	return NULL;
}

/* How many helpers a call of so many texts may have; they are counted as running already. */
static size_t claim_helpers(struct inproc *in, size_t count)
{
	size_t running = atomic_fetch_add(&in->running, 1) + 1;
	size_t wanted = (count + SHARE - 1) / SHARE - 1;
	size_t helpers = in->threads > running ? in->threads - running : 0;
	if (helpers > wanted)
		helpers = wanted;
	if (helpers > HELPERS_MAX)
		helpers = HELPERS_MAX;
	atomic_fetch_add(&in->running, helpers);
	return helpers;
}

static enum err_code inproc_score(struct reranker *r, struct str query, const struct str *texts,
				  size_t count, float *scores, struct err *err)
{
	struct inproc *in = (struct inproc *)r;
	struct helper helpers[HELPERS_MAX];
	struct call call = {
		.in = in, .query = query, .texts = texts, .count = count, .scores = scores};
	size_t claimed = claim_helpers(in, count), started = 0;
	atomic_init(&call.next, 0);
	for (; started < claimed; started++) {
		helpers[started] = (struct helper){.call = &call};
		/* Without it the others do its part. */
		if (pthread_create(&helpers[started].thread, NULL, help, &helpers[started]) != 0)
			break;
	}
	enum err_code code = take_part(&call, err);
	for (size_t i = 0; i < started; i++) {
		pthread_join(helpers[i].thread, NULL);
		if (helpers[i].code && !code)
			code = err_set(err, helpers[i].code, "%s", helpers[i].err.message);
	}
	atomic_fetch_sub(&in->running, claimed + 1);
	return code;
}

static void inproc_close(struct reranker *r)
{
	struct inproc *in = (struct inproc *)r;
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

static const struct reranker_ops inproc_ops = {.score = inproc_score, .close = inproc_close};

static enum err_code open_weights(struct inproc *in, const struct rerank_inproc_options *options,
				  const struct encoder_config *config, struct err *err)
{
	static const enum gemm_type types[] = {
		[RERANK_F32] = GEMM_F32, [RERANK_BF16] = GEMM_BF16, [RERANK_INT8] = GEMM_I8};
	struct buf path;
	buf_init(&path, in->alloc, 1U << 16);
	buf_printf(&path, "%s/model.safetensors", options->dir);
	enum err_code code = buf_ok(&path, "path", err);
	if (!code)
		code = safetensors_open(path.ptr, in->alloc, &in->weights, err);
	if (code)
		goto out;
	const struct encoder_options encoder = {.config = config,
						.weights = in->weights,
						.ops = in->ops,
						.type = types[options->precision],
						.cache_dir =
							options->keep_packed ? options->dir : NULL,
						.log = options->log};
	code = classifier_find(&in->head, in->weights, config->hidden, err);
	if (!code)
		code = encoder_open(&encoder, in->alloc, &in->encoder, err);
	if (code)
		err_context(err, "%s", path.ptr);
out:
	buf_release(&path);
	return code;
}

/* Every part of an instance whose plain fields are set. */
static enum err_code open_parts(struct inproc *in, const struct rerank_inproc_options *options,
				struct err *err)
{
	struct cross_config cross;
	struct encoder_config config;
	enum err_code code = cross_config_read(options->dir, in->alloc, &cross, err);
	if (!code)
		code = encoder_config_read(options->dir, in->alloc, &config, err);
	if (!code)
		code = tokenizer_open(options->dir, in->alloc, &in->tokenizer, err);
	if (code)
		return code;
	size_t vocab = tokenizer_vocab_size(in->tokenizer);
	if (config.arch != ENCODER_BERT || config.token_types < 2)
		return err_set(err, ERR_UNSUPPORTED,
			       "%s: only BERT with two token types reads pairs", options->dir);
	if (vocab > config.vocab)
		return err_set(err, ERR_MISMATCH,
			       "%s: vocab.txt has %zu entries, \"vocab_size\" in config.json is "
			       "%zu: the files are of different models",
			       options->dir, vocab, config.vocab);
	in->sigmoid = cross.sigmoid;
	in->hidden = config.hidden;
	in->base.max_tokens = config.max_tokens;
	/* Room for a token of the query and one of a text. */
	if (config.max_tokens < PAIR_SPECIALS + 2)
		return err_set(err, ERR_UNSUPPORTED, "%s: %zu positions are too few for pairs",
			       options->dir, config.max_tokens);
	return open_weights(in, options, &config, err);
}

/* The last part of the folder's path, for logs. */
static char *copy_name(const struct alloc *alloc, const char *dir)
{
	struct str path = str_c(dir);
	while (path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	size_t from = path.len;
	while (from > 0 && path.ptr[from - 1] != '/')
		from--;
	struct str last = str_slice(path, from, path.len);
	char *name = alloc_get(alloc, last.len + 1);
	if (!name)
		return NULL;
	if (last.len)
		memcpy(name, last.ptr, last.len);
	name[last.len] = '\0';
	return name;
}

enum err_code rerank_inproc_open(const struct rerank_inproc_options *options,
				 const struct alloc *alloc, struct reranker **out, struct err *err)
{
	*out = NULL;
	struct inproc *in = alloc_zero(alloc, 1, sizeof(*in));
	if (!in)
		return err_set(err, ERR_NOMEM, "out of memory for the reranker");
	in->alloc = alloc;
	in->base.ops = &inproc_ops;
	in->threads = options->threads;
	atomic_init(&in->running, 0);
	enum vec_level limit = options->vec_limit >= (int)VEC_AVX512 ? VEC_AVX512
			       : options->vec_limit == (int)VEC_AVX2 ? VEC_AVX2
								     : VEC_PLAIN;
	in->ops = gemm_ops_best(limit);
	in->base.name = in->name = copy_name(alloc, options->dir);
	enum err_code code = ERR_OK;
	if (!in->name)
		code = err_set(err, ERR_NOMEM, "out of memory for the reranker");
	else if (pthread_mutex_init(&in->lock, NULL) != 0)
		code = err_set(err, ERR_INTERNAL, "cannot create a mutex for the reranker");
	else
		in->lock_ready = true;
	if (!code)
		code = open_parts(in, options, err);
	if (code)
		inproc_close(&in->base);
	else
		*out = &in->base;
	return code;
}
