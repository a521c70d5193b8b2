#include "embed/inproc/encoder.h"

#include <math.h>
#include <string.h>

#include "embed/inproc/attention.h"
#include "embed/inproc/encoder_weights.h"

/* From so many tokens on, 16-bit products save more than their packing costs (decisions/0005). */
#define NARROW_TOKENS 64

struct encoder {
	const struct alloc *alloc;
	struct encoder_config config;
	const struct gemm_ops *ops;
	enum gemm_type type;
	struct encoder_weights weights;
	struct packed *packed;
	struct packed_source source;
	struct attention attention;
	float *bias; /* of `attention` */
};

size_t encoder_bucket(ptrdiff_t distance, size_t buckets)
{
	const float max_distance = 128;
	size_t half = buckets / 2, exact = half / 2;
	size_t side = distance > 0 ? half : 0;
	size_t n = distance > 0 ? (size_t)distance : (size_t)-distance;
	if (n < exact)
		return side + n;
	/* In f32 as the reference does, so that the borders fall on the same distances. */
	float ratio = logf((float)n / (float)exact) / logf(max_distance / (float)exact);
	size_t large = exact + (size_t)(ratio * (float)(half - exact));
	return side + (large < half ? large : half - 1);
}

/* Spreads the table [buckets][heads] over all distances, so that a row of scores adds a slice. */
static enum err_code spread_bias(struct encoder *enc, struct err *err)
{
	const struct encoder_config *c = &enc->config;
	const float *table = enc->weights.bias_table;
	size_t width = 2 * c->max_tokens - 1;
	enc->attention = (struct attention){.heads = c->heads, .size = c->hidden / c->heads};
	if (!table)
		return ERR_OK;
	enc->bias = alloc_zero(enc->alloc, c->heads * width, sizeof(float));
	if (!enc->bias)
		return err_set(err, ERR_NOMEM, "out of memory for the attention bias");
	for (size_t i = 0; i < width; i++) {
		ptrdiff_t distance = (ptrdiff_t)i - (ptrdiff_t)(c->max_tokens - 1);
		const float *row = table + encoder_bucket(distance, c->buckets) * c->heads;
		for (size_t h = 0; h < c->heads; h++)
			enc->bias[h * width + i] = row[h];
	}
	enc->attention.bias = enc->bias;
	enc->attention.bias_width = width;
	return ERR_OK;
}

static enum err_code check_hash(const struct encoder *enc, const char *expected, struct err *err)
{
	if (!expected || !expected[0] || strcmp(expected, enc->source.sha256) == 0)
		return ERR_OK;
	return err_set(err, ERR_MISMATCH,
		       "its SHA-256 is %s, must be %.64s: fetch the model again with "
		       "`docs-bot model fetch --force`",
		       enc->source.sha256, expected);
}

/* From the file beside the model, else from the weights, which are only then read and hashed. */
static enum err_code get_packed(struct encoder *enc, const struct encoder_options *o,
				struct err *err)
{
	struct packed_options options = {.dir = o->cache_dir,
					 .ops = enc->ops,
					 .type = enc->type,
					 .layers = enc->weights.dense,
					 .layer_count = enc->config.layers * DENSE_COUNT,
					 .log = o->log};
	safetensors_identity(o->weights, &enc->source.bytes, &enc->source.modified_ns);
	enum err_code code = packed_load(&options, &enc->source, enc->alloc, &enc->packed, err);
	if (code != ERR_NOTFOUND)
		return code ? code : check_hash(enc, o->sha256, err);
	safetensors_sha256(o->weights, enc->source.sha256);
	code = check_hash(enc, o->sha256, err);
	if (!code)
		code = safetensors_check_finite(o->weights, err);
	if (!code) {
		log_info(o->log, "embed", "packing the model's weights for this processor (%s)",
			 enc->ops->name);
		code = packed_make(&options, &enc->source, enc->alloc, &enc->packed, err);
	}
	safetensors_forget_pages(o->weights);
	return code;
}

enum err_code encoder_open(const struct encoder_options *o, const struct alloc *alloc,
			   struct encoder **out, struct err *err)
{
	*out = NULL;
	if (o->type == GEMM_BF16 && !o->ops->bf16)
		return err_set(err, ERR_UNSUPPORTED,
			       "this processor has no bf16 instructions (AVX-512 BF16): choose the "
			       "precision auto, int8 or f32");
	struct encoder *enc = alloc_zero(alloc, 1, sizeof(*enc));
	if (!enc)
		return err_set(err, ERR_NOMEM, "out of memory for the encoder");
	enc->alloc = alloc;
	enc->config = *o->config;
	enc->ops = o->ops;
	enc->type = o->type;
	size_t layers = o->config->layers;
	enc->weights.norms = alloc_zero(alloc, layers, sizeof(*enc->weights.norms));
	enc->weights.dense = alloc_zero(alloc, layers * DENSE_COUNT, sizeof(*enc->weights.dense));
	enum err_code code = ERR_OK;
	if (!enc->weights.norms || !enc->weights.dense)
		code = err_set(err, ERR_NOMEM, "out of memory for the encoder");
	if (!code)
		code = encoder_weights_find(&enc->config, o->weights, &enc->weights, err);
	if (!code)
		code = spread_bias(enc, err);
	if (!code)
		code = get_packed(enc, o, err);
	if (code) {
		encoder_close(enc);
		return code;
	}
	*out = enc;
	return ERR_OK;
}

void encoder_close(struct encoder *enc)
{
	if (!enc)
		return;
	packed_close(enc->packed);
	alloc_free(enc->alloc, enc->weights.norms);
	alloc_free(enc->alloc, enc->weights.dense);
	alloc_free(enc->alloc, enc->bias);
	alloc_free(enc->alloc, enc);
}

const char *encoder_sha256(const struct encoder *enc)
{
	return enc->source.sha256;
}

/* The working memory of one run over T tokens, cut from one block. */
struct work {
	const struct encoder *enc;
	size_t count;          /* T */
	float *x;              /* [T][hidden] */
	float *qkv;            /* [T][3 * hidden] */
	float *inner;          /* [T][intermediate] */
	void *attention;       /* attention_scratch() */
	void *narrow;          /* [T][padded inputs]: uint8_t or uint16_t; int8 and bf16 only */
	struct gemm_row *rows; /* [T]; int8 only */
};

/* encoder_config.c bounds every factor, so that no size here can overflow. */
static size_t lay_out(const struct encoder *enc, size_t count, unsigned char *block, struct work *w)
{
	static const size_t narrow[GEMM_TYPE_COUNT] = {[GEMM_I8] = 1, [GEMM_BF16] = 2};
	const struct encoder_config *c = &enc->config;
	size_t used = 0, widest = c->hidden > c->intermediate ? c->hidden : c->intermediate;
	*w = (struct work){.enc = enc, .count = count};
	w->x = gemm_take(block, &used, count * c->hidden * sizeof(float));
	w->qkv = gemm_take(block, &used, count * 3 * c->hidden * sizeof(float));
	w->inner = gemm_take(block, &used, count * c->intermediate * sizeof(float));
	/* short sequences of an int8 model take the f32 path */
	size_t wide = attention_scratch(enc->ops, &enc->attention, count, false);
	size_t narrow_bytes = attention_scratch(enc->ops, &enc->attention, count, true);
	w->attention = gemm_take(block, &used, wide > narrow_bytes ? wide : narrow_bytes);
	w->narrow = gemm_take(block, &used, count * gemm_padded(widest) * narrow[enc->type]);
	w->rows = gemm_take(block, &used, enc->type == GEMM_I8 ? count * sizeof(*w->rows) : 0);
	return used;
}

size_t encoder_scratch_bytes(const struct encoder *enc)
{
	struct work w;
	return lay_out(enc, enc->config.max_tokens, NULL, &w) + GEMM_ALIGN;
}

/* y [T][n] from x [T][k] with rows ldx apart, by one of the layer's products */
static void dense(struct work *w, size_t layer, enum encoder_dense which, const float *x,
		  size_t ldx, enum gemm_finish finish, float *y)
{
	const struct gemm_ops *ops = w->enc->ops;
	const struct gemm_weights *weights =
		packed_weights(w->enc->packed, layer * DENSE_COUNT + which);
	size_t k = weights->k, padded = gemm_padded(k);
	switch (w->enc->type) {
	case GEMM_I8:
		for (size_t i = 0; i < w->count; i++)
			ops->quantize(x + i * ldx, k, (uint8_t *)w->narrow + i * padded,
				      &w->rows[i]);
		ops->i8(weights, w->count, w->narrow, w->rows, finish, y, weights->n);
		break;
	case GEMM_BF16:
		for (size_t i = 0; i < w->count; i++)
			ops->to_bf16(x + i * ldx, k, (uint16_t *)w->narrow + i * padded);
		ops->bf16(weights, w->count, w->narrow, finish, y, weights->n);
		break;
	case GEMM_F32:
	case GEMM_TYPE_COUNT:
		ops->f32(weights, w->count, x, ldx, finish, y, weights->n);
		break;
	}
}

static void norm_rows(struct work *w, const struct encoder_norm *norm)
{
	const struct encoder_config *c = &w->enc->config;
	for (size_t i = 0; i < w->count; i++)
		w->enc->ops->vec->layer_norm(w->x + i * c->hidden, norm->gamma, norm->beta, c->eps,
					     c->hidden);
}

/* Token `i` of the run, at `position` of its sequence. */
static void embed_token(struct work *w, size_t i, int32_t id, size_t type, size_t position)
{
	const struct encoder *enc = w->enc;
	const struct encoder_weights *weights = &enc->weights;
	size_t hidden = enc->config.hidden;
	float *row = w->x + i * hidden;
	memcpy(row, weights->words + (size_t)id * hidden, hidden * sizeof(*row));
	if (weights->token_types)
		enc->ops->vec->add(row, weights->token_types + type * hidden, hidden);
	enc->ops->vec->add(
		row, weights->positions + (enc->config.first_position + position) * hidden, hidden);
}

static void run_layer(struct work *w, size_t layer, const size_t *lengths, size_t count)
{
	const struct encoder *enc = w->enc;
	size_t hidden = enc->config.hidden, intermediate = enc->config.intermediate;
	dense(w, layer, DENSE_QKV, w->x, hidden, GEMM_STORE, w->qkv);
	float *qkv = w->qkv;
	for (size_t i = 0; i < count; qkv += lengths[i] * 3 * hidden, i++)
		attention_run(enc->ops, &enc->attention, qkv, lengths[i],
			      enc->type == GEMM_I8 && lengths[i] >= NARROW_TOKENS, w->attention);
	dense(w, layer, DENSE_ATTN_OUT, w->qkv, 3 * hidden, GEMM_ADD, w->x);
	norm_rows(w, &enc->weights.norms[layer].attn);

	dense(w, layer, DENSE_UP, w->x, hidden, GEMM_GELU, w->inner);
	dense(w, layer, DENSE_DOWN, w->inner, intermediate, GEMM_ADD, w->x);
	norm_rows(w, &enc->weights.norms[layer].out);
}

static enum err_code check_finite(const float *vector, size_t hidden, struct err *err)
{
	for (size_t i = 0; i < hidden; i++) {
		if (!isfinite(vector[i]))
			return err_set(err, ERR_FORMAT,
				       "the model computes values that are not finite: its weights "
				       "are damaged, fetch it again");
	}
	return ERR_OK;
}

/* Mean over the tokens of one sequence; its 1 / length cancels in the normalization. */
static enum err_code pool(const struct encoder *enc, const float *x, size_t length, float *vector,
			  struct err *err)
{
	size_t hidden = enc->config.hidden;
	memset(vector, 0, hidden * sizeof(*vector));
	for (size_t i = 0; i < length; i++)
		enc->ops->vec->add(vector, x + i * hidden, hidden);
	vec_normalize(vector, hidden);
	return check_finite(vector, hidden, err);
}

static enum err_code check_input(const struct encoder_config *c, const struct encoder_input *in,
				 size_t *total, struct err *err)
{
	/* A model without token types knows one, which says nothing. */
	size_t types = c->token_types ? c->token_types : 1;
	*total = 0;
	for (size_t i = 0; i < in->count; i++) {
		if (in->lengths[i] == 0 || in->lengths[i] > c->max_tokens - *total)
			return err_set(err, ERR_INTERNAL,
				       "encoder input of %zu tokens behind %zu others",
				       in->lengths[i], *total);
		*total += in->lengths[i];
	}
	for (size_t i = 0; i < *total; i++) {
		if (in->ids[i] < 0 || (size_t)in->ids[i] >= c->vocab)
			return err_set(err, ERR_INTERNAL, "token id %d is not in the vocabulary",
				       (int)in->ids[i]);
		if (in->types && in->types[i] >= types)
			return err_set(err, ERR_INTERNAL, "token type %d, the model has %zu",
				       (int)in->types[i], types);
	}
	return ERR_OK;
}

/* All layers over the input; *w then holds the last states, [total][hidden] at w->x. */
static enum err_code run_layers(const struct encoder *enc, const struct encoder_input *in,
				void *scratch, struct work *w, struct err *err)
{
	size_t total;
	enum err_code code = check_input(&enc->config, in, &total, err);
	if (code)
		return code;
	uintptr_t begin = ((uintptr_t)scratch + GEMM_ALIGN - 1) / GEMM_ALIGN * GEMM_ALIGN;
	(void)lay_out(enc, total, (unsigned char *)begin, w);
	for (size_t i = 0, at = 0; i < in->count; i++)
		for (size_t position = 0; position < in->lengths[i]; position++, at++)
			embed_token(w, at, in->ids[at], in->types ? in->types[at] : 0, position);
	norm_rows(w, &enc->weights.embed_norm);
	for (size_t layer = 0; layer < enc->config.layers; layer++)
		run_layer(w, layer, in->lengths, in->count);
	return ERR_OK;
}

enum err_code encoder_run(const struct encoder *enc, const int32_t *ids, const size_t *lengths,
			  size_t count, void *scratch, float *vectors, struct err *err)
{
	const struct encoder_input in = {.ids = ids, .lengths = lengths, .count = count};
	size_t hidden = enc->config.hidden;
	struct work w;
	enum err_code code = run_layers(enc, &in, scratch, &w, err);
	const float *x = code ? NULL : w.x;
	for (size_t i = 0; i < count && !code; x += lengths[i] * hidden, i++)
		code = pool(enc, x, lengths[i], vectors + i * hidden, err);
	return code;
}

enum err_code encoder_run_first(const struct encoder *enc, const struct encoder_input *in,
				void *scratch, float *states, struct err *err)
{
	size_t hidden = enc->config.hidden;
	struct work w;
	enum err_code code = run_layers(enc, in, scratch, &w, err);
	const float *x = code ? NULL : w.x;
	for (size_t i = 0; i < in->count && !code; x += in->lengths[i] * hidden, i++) {
		memcpy(states + i * hidden, x, hidden * sizeof(*x));
		code = check_finite(x, hidden, err);
	}
	return code;
}
