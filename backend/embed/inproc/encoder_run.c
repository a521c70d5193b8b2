/* The forward pass, in the calling thread or in two of them. */
#include <math.h>
#include <string.h>

#include "embed/inproc/encoder_impl.h"
#include "embed/inproc/helper.h"

/* From so many tokens on, 16-bit products save more than their packing costs (decisions/0005). */
#define NARROW_TOKENS 64

/* Of a part of a product that is shared with a helper: some microseconds, a hundred times a claim. */
#define PART_PRODUCTS 1000000

/* The product of one dense layer. */
struct product {
	const struct gemm_weights *weights;
	const float *x; /* f32 only; the others read `narrow` */
	size_t ldx;
	enum gemm_finish finish;
	float *y;
	size_t panels, parts;
};

/*
 * The working memory of one run over T tokens, cut from one block. Of what a helper may still use when
 * it is left in the middle of a layer, `x` is only read: it is what the run goes on with.
 */
struct work {
	const struct encoder *enc;
	struct helper *helper;         /* NULL: alone */
	size_t count;                  /* T */
	float *x;                      /* [T][hidden] */
	float *qkv;                    /* [T][3 * hidden] */
	float *inner;                  /* [T][intermediate] */
	float *sum;                    /* [T][hidden], to be added to x; with a helper only */
	void *attention[HELPER_COUNT]; /* attention_scratch() of each thread */
	void *narrow;          /* [T][padded inputs]: uint8_t or uint16_t; int8 and bf16 only */
	struct gemm_row *rows; /* [T]; int8 only */
	struct product product;
};

/* encoder_config.c bounds every factor, so that no size here can overflow. */
static size_t lay_out(const struct encoder *enc, size_t count, bool helped, unsigned char *block,
		      struct work *w)
{
	static const size_t narrow[GEMM_TYPE_COUNT] = {[GEMM_I8] = 1, [GEMM_BF16] = 2};
	const struct encoder_config *c = &enc->config;
	size_t used = 0, widest = c->hidden > c->intermediate ? c->hidden : c->intermediate;
	*w = (struct work){.enc = enc, .count = count};
	if (helped)
		(void)gemm_take(block, &used, sizeof(*w));
	w->x = gemm_take(block, &used, count * c->hidden * sizeof(float));
	w->qkv = gemm_take(block, &used, count * 3 * c->hidden * sizeof(float));
	w->inner = gemm_take(block, &used, count * c->intermediate * sizeof(float));
	w->sum = gemm_take(block, &used, helped ? count * c->hidden * sizeof(float) : 0);
	/* short sequences of an int8 model take the f32 path */
	size_t wide = attention_scratch(enc->ops, &enc->attention, count, false);
	size_t narrow_bytes = attention_scratch(enc->ops, &enc->attention, count, true);
	for (size_t i = 0; i < (helped ? HELPER_COUNT : 1); i++)
		w->attention[i] =
			gemm_take(block, &used, wide > narrow_bytes ? wide : narrow_bytes);
	w->narrow = gemm_take(block, &used, count * gemm_padded(widest) * narrow[enc->type]);
	w->rows = gemm_take(block, &used, enc->type == GEMM_I8 ? count * sizeof(*w->rows) : 0);
	return used;
}

size_t encoder_scratch_bytes(const struct encoder *enc)
{
	struct work w;
	return lay_out(enc, enc->config.max_tokens, false, NULL, &w) + GEMM_ALIGN;
}

size_t encoder_helper_bytes(const struct encoder *enc)
{
	struct work w;
	return lay_out(enc, enc->config.max_tokens, true, NULL, &w);
}

/* False when the helper was left (helper_run()). */
static bool run_task(struct work *w, helper_part *part, size_t parts)
{
	if (w->helper && parts > 1)
		return helper_run(w->helper, part, parts);
	for (size_t i = 0; i < parts; i++)
		part(w, i, HELPER_CALLER);
	return true;
}

static void dense_part(void *memory, size_t part, enum helper_who who)
{
	const struct work *w = memory;
	const struct gemm_ops *ops = w->enc->ops;
	const struct product *p = &w->product;
	size_t first = part * p->panels / p->parts, ldy = p->weights->n;
	size_t end = (part + 1) * p->panels / p->parts;
	const struct gemm_weights slice = gemm_slice(ops, p->weights, first, end - first);
	float *y = p->y + first * gemm_columns(ops, w->enc->type);
	(void)who;
	switch (w->enc->type) {
	case GEMM_I8:
		ops->i8(&slice, w->count, w->narrow, w->rows, p->finish, y, ldy);
		break;
	case GEMM_BF16:
		ops->bf16(&slice, w->count, w->narrow, p->finish, y, ldy);
		break;
	case GEMM_F32:
	case GEMM_TYPE_COUNT:
		ops->f32(&slice, w->count, p->x, p->ldx, p->finish, y, ldy);
		break;
	}
}

static size_t panels_of(const struct encoder *enc, const struct gemm_weights *w)
{
	size_t columns = gemm_columns(enc->ops, enc->type);
	return (w->n + columns - 1) / columns;
}

/* In how many parts a helper's product is cut: an even number, unless there are too few panels. */
static size_t parts_of(const struct work *w)
{
	const struct product *p = &w->product;
	size_t products = w->count * p->weights->k * p->weights->n;
	size_t parts = 2 * (products / PART_PRODUCTS / 2 + 1);
	size_t most = p->panels < HELPER_PARTS_MAX ? p->panels : HELPER_PARTS_MAX;
	return parts < most ? parts : most;
}

/* Inputs as the kernels take them, into w->narrow. */
static void narrow_rows(struct work *w, const float *x, size_t ldx, size_t k)
{
	const struct gemm_ops *ops = w->enc->ops;
	size_t padded = gemm_padded(k);
	for (size_t i = 0; i < w->count; i++) {
		if (w->enc->type == GEMM_I8)
			ops->quantize(x + i * ldx, k, (uint8_t *)w->narrow + i * padded,
				      &w->rows[i]);
		else if (w->enc->type == GEMM_BF16)
			ops->to_bf16(x + i * ldx, k, (uint16_t *)w->narrow + i * padded);
	}
}

/*
 * y [T][n] from x [T][k] with rows ldx apart, by one of the layer's products. False when the helper
 * was left. With a helper, what has to be added to w->x is added when all of it is there: the same
 * additions, but nothing of w->x is lost when the helper does not come back.
 */
static bool dense(struct work *w, size_t layer, enum encoder_dense which, const float *x,
		  size_t ldx, enum gemm_finish finish, float *y)
{
	const struct encoder *enc = w->enc;
	const struct gemm_weights *weights =
		packed_weights(enc->packed, layer * DENSE_COUNT + which);
	bool added_later = w->helper && finish == GEMM_ADD;
	narrow_rows(w, x, ldx, weights->k);
	w->product = (struct product){.weights = weights,
				      .x = x,
				      .ldx = ldx,
				      .finish = added_later ? GEMM_STORE : finish,
				      .y = added_later ? w->sum : y,
				      .panels = panels_of(enc, weights)};
	w->product.parts = w->helper ? parts_of(w) : 1;
	if (!run_task(w, dense_part, w->product.parts))
		return false;
	for (size_t i = 0; i < w->count && added_later; i++)
		enc->ops->vec->add(y + i * weights->n, w->sum + i * weights->n, weights->n);
	return true;
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

static void embed_tokens(struct work *w, const struct encoder_input *in)
{
	for (size_t i = 0, at = 0; i < in->count; i++)
		for (size_t position = 0; position < in->lengths[i]; position++, at++)
			embed_token(w, at, in->ids[at], in->types ? in->types[at] : 0, position);
	norm_rows(w, &w->enc->weights.embed_norm);
}

static bool is_narrow(const struct encoder *enc, size_t length)
{
	return enc->type == GEMM_I8 && length >= NARROW_TOKENS;
}

/* One head of a sequence that is alone in its run. */
static void attention_part(void *memory, size_t part, enum helper_who who)
{
	const struct work *w = memory;
	const struct encoder *enc = w->enc;
	attention_head(enc->ops, &enc->attention, w->qkv, w->count, is_narrow(enc, w->count), part,
		       w->attention[who]);
}

/* Both halves of a layer change w->x at their end, and only when true is returned. */
static bool run_attention(struct work *w, size_t layer, const struct encoder_input *in)
{
	const struct encoder *enc = w->enc;
	size_t hidden = enc->config.hidden;
	float *qkv = w->qkv;
	if (!dense(w, layer, DENSE_QKV, w->x, hidden, GEMM_STORE, w->qkv))
		return false;
	if (in->count == 1 && !run_task(w, attention_part, enc->config.heads))
		return false;
	for (size_t i = 0; in->count > 1 && i < in->count; qkv += in->lengths[i] * 3 * hidden, i++)
		attention_run(enc->ops, &enc->attention, qkv, in->lengths[i],
			      is_narrow(enc, in->lengths[i]), w->attention[HELPER_CALLER]);
	if (!dense(w, layer, DENSE_ATTN_OUT, w->qkv, 3 * hidden, GEMM_ADD, w->x))
		return false;
	norm_rows(w, &enc->weights.norms[layer].attn);
	return true;
}

static bool run_feed_forward(struct work *w, size_t layer)
{
	const struct encoder *enc = w->enc;
	if (!dense(w, layer, DENSE_UP, w->x, enc->config.hidden, GEMM_GELU, w->inner) ||
	    !dense(w, layer, DENSE_DOWN, w->inner, enc->config.intermediate, GEMM_ADD, w->x))
		return false;
	norm_rows(w, &enc->weights.norms[layer].out);
	return true;
}

/* Half `step` % 2 of layer `step` / 2 */
static bool run_half(struct work *w, size_t step, const struct encoder_input *in)
{
	return step % 2 ? run_feed_forward(w, step / 2) : run_attention(w, step / 2, in);
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

/*
 * All layers over the input; *states then holds the last ones, [total][hidden] in `scratch`. With a
 * helper the run is in its memory; where the helper is left, the half of a layer is done again, and
 * the rest in `scratch`.
 */
static enum err_code run_layers(const struct encoder *enc, const struct encoder_input *in,
				struct helper *helper, void *scratch, const float **states,
				struct err *err)
{
	size_t total;
	enum err_code code = check_input(&enc->config, in, &total, err);
	if (code)
		return code;
	uintptr_t begin = ((uintptr_t)scratch + GEMM_ALIGN - 1) / GEMM_ALIGN * GEMM_ALIGN;
	struct work alone, *w = helper && in->count == 1 ? helper_take(helper) : NULL;
	size_t bytes = total * enc->config.hidden * sizeof(*alone.x);
	(void)lay_out(enc, total, false, (unsigned char *)begin, &alone);
	if (w) {
		struct work laid_out;
		(void)lay_out(enc, total, true, (unsigned char *)w, &laid_out);
		laid_out.helper = helper;
		*w = laid_out;
	} else {
		w = &alone;
	}
	embed_tokens(w, in);
	for (size_t step = 0; step < 2 * enc->config.layers; step++) {
		if (run_half(w, step, in))
			continue;
		memcpy(alone.x, w->x, bytes);
		w = &alone;
		(void)run_half(w, step, in);
	}
	if (w != &alone) {
		memcpy(alone.x, w->x, bytes);
		helper_give(helper);
	}
	*states = alone.x;
	return ERR_OK;
}

static enum err_code run_and_pool(const struct encoder *enc, const struct encoder_input *in,
				  struct helper *helper, void *scratch, float *vectors,
				  struct err *err)
{
	size_t hidden = enc->config.hidden;
	const float *x = NULL;
	enum err_code code = run_layers(enc, in, helper, scratch, &x, err);
	for (size_t i = 0; i < in->count && !code; x += in->lengths[i] * hidden, i++)
		code = pool(enc, x, in->lengths[i], vectors + i * hidden, err);
	return code;
}

enum err_code encoder_run(const struct encoder *enc, const int32_t *ids, const size_t *lengths,
			  size_t count, void *scratch, float *vectors, struct err *err)
{
	const struct encoder_input in = {.ids = ids, .lengths = lengths, .count = count};
	return run_and_pool(enc, &in, NULL, scratch, vectors, err);
}

enum err_code encoder_run_helped(const struct encoder *enc, const int32_t *ids, size_t length,
				 struct helper *helper, void *scratch, float *vector,
				 struct err *err)
{
	const struct encoder_input in = {.ids = ids, .lengths = &length, .count = 1};
	return run_and_pool(enc, &in, helper, scratch, vector, err);
}

enum err_code encoder_run_first(const struct encoder *enc, const struct encoder_input *in,
				void *scratch, float *states, struct err *err)
{
	size_t hidden = enc->config.hidden;
	const float *x = NULL;
	enum err_code code = run_layers(enc, in, NULL, scratch, &x, err);
	for (size_t i = 0; i < in->count && !code; x += in->lengths[i] * hidden, i++) {
		memcpy(states + i * hidden, x, hidden * sizeof(*x));
		code = check_finite(x, hidden, err);
	}
	return code;
}
