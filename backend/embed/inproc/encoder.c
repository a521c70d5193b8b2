#include "embed/inproc/encoder.h"

#include <math.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <string.h>

/*
 * From the OpenMP runtime that oneDNN uses (libgomp); declared here since clang has no <omp.h>
 * of its own. It sets the calling thread's value only.
 */
void omp_set_num_threads(int count);

/* Weights of a dense layer as stored: weight [out][in], bias [out]. */
struct dense {
	const float *weight, *bias;
	size_t in, out;
};

struct norm {
	const float *gamma, *beta;
};

struct layer {
	struct dense query, key, value, attn_out, up, down;
	struct norm attn_norm, out_norm;
};

struct encoder {
	const struct alloc *alloc;
	struct encoder_config config;
	const float *words;       /* [vocab][hidden] */
	const float *positions;   /* [positions][hidden] */
	const float *token_types; /* row 0 is used; NULL for MPNet */
	struct norm embed_norm;
	struct layer *layers;
	/* [heads][2 * max_tokens - 1] by key - query + max_tokens - 1; NULL for BERT */
	float *bias;
};

/* Names of the tensors of one layer, behind "encoder.layer.N.". */
struct names {
	const char *query, *key, *value, *attn_out, *attn_norm;
};

static const struct names arch_names[] = {
	[ENCODER_BERT] = {"attention.self.query", "attention.self.key", "attention.self.value",
			  "attention.output.dense", "attention.output.LayerNorm"},
	[ENCODER_MPNET] = {"attention.attn.q", "attention.attn.k", "attention.attn.v",
			   "attention.attn.o", "attention.LayerNorm"},
};

static const char *const arch_prefix[] = {[ENCODER_BERT] = "bert.", [ENCODER_MPNET] = "mpnet."};

/* What finding the weights needs at hand. */
struct finder {
	const struct safetensors *weights;
	const char *prefix; /* of every name: "", "bert." or "mpnet." */
	struct err *err;
	enum err_code code; /* of the first failure; later calls then do nothing */
};

#define NAME_MAX_LEN 128

static const float *find(struct finder *f, const char *name, const size_t *shape, size_t ndim)
{
	const float *values = NULL;
	char full[NAME_MAX_LEN];
	if (f->code != ERR_OK)
		return NULL;
	int len = snprintf(full, sizeof(full), "%s%s", f->prefix, name);
	if (len < 0 || (size_t)len >= sizeof(full)) {
		f->code = err_set(f->err, ERR_INTERNAL, "tensor name %s is too long", name);
		return NULL;
	}
	struct str view = {full, (size_t)len};
	f->code = safetensors_f32(f->weights, view, shape, ndim, &values, f->err);
	return values;
}

/* "encoder.layer.<layer>.<part>.<leaf>", or "<part>.<leaf>" for layer -1. */
static const float *find_in(struct finder *f, int layer, const char *part, const char *leaf,
			    const size_t *shape, size_t ndim)
{
	char name[NAME_MAX_LEN];
	/* Parts and leaves are the short names of this file, so the result fits. */
	if (layer < 0)
		snprintf(name, sizeof(name), "%s.%s", part, leaf);
	else
		snprintf(name, sizeof(name), "encoder.layer.%d.%s.%s", layer, part, leaf);
	return find(f, name, shape, ndim);
}

static struct dense find_dense(struct finder *f, int layer, const char *part, size_t in, size_t out)
{
	struct dense dense = {.in = in, .out = out};
	dense.weight = find_in(f, layer, part, "weight", (size_t[]){out, in}, 2);
	dense.bias = find_in(f, layer, part, "bias", (size_t[]){out}, 1);
	return dense;
}

static struct norm find_norm(struct finder *f, int layer, const char *part, size_t size)
{
	struct norm norm;
	norm.gamma = find_in(f, layer, part, "weight", (size_t[]){size}, 1);
	norm.beta = find_in(f, layer, part, "bias", (size_t[]){size}, 1);
	return norm;
}

static void find_layer(struct finder *f, const struct encoder_config *c, int i, struct layer *layer)
{
	const struct names *names = &arch_names[c->arch];
	layer->query = find_dense(f, i, names->query, c->hidden, c->hidden);
	layer->key = find_dense(f, i, names->key, c->hidden, c->hidden);
	layer->value = find_dense(f, i, names->value, c->hidden, c->hidden);
	layer->attn_out = find_dense(f, i, names->attn_out, c->hidden, c->hidden);
	layer->attn_norm = find_norm(f, i, names->attn_norm, c->hidden);
	layer->up = find_dense(f, i, "intermediate.dense", c->hidden, c->intermediate);
	layer->down = find_dense(f, i, "output.dense", c->intermediate, c->hidden);
	layer->out_norm = find_norm(f, i, "output.LayerNorm", c->hidden);
}

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
static enum err_code spread_bias(struct encoder *enc, const float *table, struct err *err)
{
	const struct encoder_config *c = &enc->config;
	size_t width = 2 * c->max_tokens - 1;
	enc->bias = alloc_zero(enc->alloc, c->heads * width, sizeof(float));
	if (!enc->bias)
		return err_set(err, ERR_NOMEM, "out of memory for the attention bias");
	for (size_t i = 0; i < width; i++) {
		ptrdiff_t distance = (ptrdiff_t)i - (ptrdiff_t)(c->max_tokens - 1);
		const float *row = table + encoder_bucket(distance, c->buckets) * c->heads;
		for (size_t h = 0; h < c->heads; h++)
			enc->bias[h * width + i] = row[h];
	}
	return ERR_OK;
}

static enum err_code find_all(struct encoder *enc, const struct safetensors *weights,
			      struct err *err)
{
	const struct encoder_config *c = &enc->config;
	struct finder f = {.weights = weights, .prefix = "", .err = err};
	char name[NAME_MAX_LEN];
	snprintf(name, sizeof(name), "%sembeddings.word_embeddings.weight", arch_prefix[c->arch]);
	if (safetensors_has(weights, str_c(name)))
		f.prefix = arch_prefix[c->arch];

	enc->words =
		find(&f, "embeddings.word_embeddings.weight", (size_t[]){c->vocab, c->hidden}, 2);
	enc->positions = find(&f, "embeddings.position_embeddings.weight",
			      (size_t[]){c->positions, c->hidden}, 2);
	if (c->arch == ENCODER_BERT)
		enc->token_types = find(&f, "embeddings.token_type_embeddings.weight",
					(size_t[]){c->token_types, c->hidden}, 2);
	enc->embed_norm = find_norm(&f, -1, "embeddings.LayerNorm", c->hidden);
	for (size_t i = 0; i < c->layers; i++)
		find_layer(&f, c, (int)i, &enc->layers[i]);
	if (c->arch == ENCODER_MPNET) {
		const float *table = find(&f, "encoder.relative_attention_bias.weight",
					  (size_t[]){c->buckets, c->heads}, 2);
		if (f.code == ERR_OK)
			f.code = spread_bias(enc, table, err);
	}
	return f.code;
}

enum err_code encoder_open(const struct encoder_config *config, const struct safetensors *weights,
			   const struct alloc *alloc, struct encoder **out, struct err *err)
{
	*out = NULL;
	struct encoder *enc = alloc_zero(alloc, 1, sizeof(*enc));
	if (!enc)
		return err_set(err, ERR_NOMEM, "out of memory for the encoder");
	enc->alloc = alloc;
	enc->config = *config;
	enc->layers = alloc_zero(alloc, config->layers, sizeof(*enc->layers));
	enum err_code code = ERR_OK;
	if (!enc->layers)
		code = err_set(err, ERR_NOMEM, "out of memory for the encoder");
	else
		code = find_all(enc, weights, err);
	if (code != ERR_OK) {
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
	alloc_free(enc->alloc, enc->layers);
	alloc_free(enc->alloc, enc->bias);
	alloc_free(enc->alloc, enc);
}

/* The working memory of one run, cut from one block; T is the number of tokens. */
struct work {
	const struct encoder *enc;
	const struct vec_ops *ops;
	size_t count;  /* T */
	float *x;      /* [T][hidden] */
	float *tmp;    /* [T][hidden] */
	float *qkv;    /* [3][T][hidden] */
	float *inner;  /* [T][intermediate] */
	float *scores; /* [T][T], one head at a time */
	bool failed;   /* a product failed; all later results are void */
};

size_t encoder_scratch_floats(const struct encoder *enc)
{
	/* encoder_config.c bounds every factor, so that this cannot overflow 64 bits. */
	const struct encoder_config *c = &enc->config;
	return c->max_tokens * (5 * c->hidden + c->intermediate + c->max_tokens);
}

/* c [m][n] = alpha * a [m][k] * b, with b [n][k] transposed ('T') or [k][n] as it is ('N'). */
static void product(struct work *w, char trans, size_t m, size_t n, size_t k, float alpha,
		    const float *a, size_t lda, const float *b, size_t ldb, float *c, size_t ldc)
{
	dnnl_status_t status =
		dnnl_sgemm('N', trans, (dnnl_dim_t)m, (dnnl_dim_t)n, (dnnl_dim_t)k, alpha, a,
			   (dnnl_dim_t)lda, b, (dnnl_dim_t)ldb, 0.0F, c, (dnnl_dim_t)ldc);
	if (status != dnnl_success)
		w->failed = true;
}

/*
 * Up to so many rows the kernels of base/vec.h beat dnnl_sgemm(), which packs the whole weight
 * first (measured on one Zen 3 core: 1.2 to 1.6 times as fast for k = 384, 1.0 to 1.3 times for
 * k = 768; for longer k only while the rows are very few).
 */
#define FEW_ROWS        48
#define FEW_ROWS_LONG_K 16
#define LONG_K          1024

/* y [T][out] = x [T][in] * weight^T, without the bias */
static void dense_product(struct work *w, const struct dense *d, const float *x, float *y)
{
	size_t few = d->in > LONG_K ? FEW_ROWS_LONG_K : FEW_ROWS;
	if (w->count <= few && w->ops->level != VEC_PLAIN)
		w->ops->gemm_nt(w->count, d->out, d->in, x, d->in, d->weight, d->in, y, d->out);
	else
		product(w, 'T', w->count, d->out, d->in, 1.0F, x, d->in, d->weight, d->in, y,
			d->out);
}

static void dense(struct work *w, const struct dense *d, const float *x, float *y)
{
	dense_product(w, d, x, y);
	for (size_t i = 0; i < w->count; i++)
		w->ops->add(y + i * d->out, d->bias, d->out);
}

/* x = norm(x + y * weight^T + bias), the end of both halves of a layer */
static void dense_add_norm(struct work *w, const struct dense *d, const struct norm *norm,
			   const float *y)
{
	dense_product(w, d, y, w->tmp);
	for (size_t i = 0; i < w->count; i++) {
		float *row = w->x + i * d->out;
		w->ops->add(row, w->tmp + i * d->out, d->out);
		w->ops->add(row, d->bias, d->out);
		w->ops->layer_norm(row, norm->gamma, norm->beta, w->enc->config.eps, d->out);
	}
}

static void embed_tokens(struct work *w, const int32_t *ids)
{
	const struct encoder *enc = w->enc;
	size_t hidden = enc->config.hidden;
	for (size_t i = 0; i < w->count; i++) {
		float *row = w->x + i * hidden;
		memcpy(row, enc->words + (size_t)ids[i] * hidden, hidden * sizeof(*row));
		if (enc->token_types)
			w->ops->add(row, enc->token_types, hidden);
		w->ops->add(row, enc->positions + (enc->config.first_position + i) * hidden,
			    hidden);
		w->ops->layer_norm(row, enc->embed_norm.gamma, enc->embed_norm.beta,
				   enc->config.eps, hidden);
	}
}

/*
 * Softmax(query key^T / sqrt(size) + bias) value, head by head. The result takes the place of the
 * queries: a head's queries are done with when its scores are there.
 */
static void attention(struct work *w)
{
	const struct encoder_config *c = &w->enc->config;
	size_t count = w->count, hidden = c->hidden, size = hidden / c->heads;
	float *query = w->qkv;
	const float *key = query + count * hidden, *value = key + count * hidden;
	float scale = 1.0F / sqrtf((float)size);
	for (size_t h = 0; h < c->heads; h++) {
		size_t at = h * size;
		product(w, 'T', count, count, size, scale, query + at, hidden, key + at, hidden,
			w->scores, count);
		/* The bias of key j for query i stands at j - i + max_tokens - 1. */
		const float *bias = w->enc->bias;
		if (bias)
			bias += h * (2 * c->max_tokens - 1) + c->max_tokens - 1;
		for (size_t i = 0; i < count; i++) {
			float *row = w->scores + i * count;
			if (bias)
				w->ops->add(row, bias - i, count);
			w->ops->softmax(row, count);
		}
		product(w, 'N', count, size, count, 1.0F, w->scores, count, value + at, hidden,
			query + at, hidden);
	}
}

static void run_layer(struct work *w, const struct layer *layer)
{
	size_t values = w->count * w->enc->config.hidden;
	dense(w, &layer->query, w->x, w->qkv);
	dense(w, &layer->key, w->x, w->qkv + values);
	dense(w, &layer->value, w->x, w->qkv + 2 * values);
	attention(w);
	dense_add_norm(w, &layer->attn_out, &layer->attn_norm, w->qkv);

	dense_product(w, &layer->up, w->x, w->inner);
	for (size_t i = 0; i < w->count; i++)
		w->ops->bias_gelu(w->inner + i * layer->up.out, layer->up.bias, layer->up.out);
	dense_add_norm(w, &layer->down, &layer->out_norm, w->inner);
}

enum err_code encoder_run(const struct encoder *enc, const struct vec_ops *ops, const int32_t *ids,
			  size_t count, float *scratch, float *vector, struct err *err)
{
	const struct encoder_config *c = &enc->config;
	if (count == 0 || count > c->max_tokens)
		return err_set(err, ERR_INTERNAL, "encoder input of %zu tokens", count);
	for (size_t i = 0; i < count; i++) {
		if (ids[i] < 0 || (size_t)ids[i] >= c->vocab)
			return err_set(err, ERR_INTERNAL, "token id %d is not in the vocabulary",
				       (int)ids[i]);
	}
	/* Parallelism is over texts: two threads in one product wait for each other. */
	omp_set_num_threads(1);

	struct work w = {.enc = enc, .ops = ops, .count = count, .x = scratch};
	w.tmp = w.x + count * c->hidden;
	w.qkv = w.tmp + count * c->hidden;
	w.inner = w.qkv + 3 * count * c->hidden;
	w.scores = w.inner + count * c->intermediate;
	embed_tokens(&w, ids);
	for (size_t i = 0; i < c->layers && !w.failed; i++)
		run_layer(&w, &enc->layers[i]);
	if (w.failed)
		return err_set(err, ERR_NOMEM, "a matrix product of oneDNN failed");

	/* Mean over all tokens; its 1/T cancels in the normalization. */
	memset(vector, 0, c->hidden * sizeof(*vector));
	for (size_t i = 0; i < count; i++)
		ops->add(vector, w.x + i * c->hidden, c->hidden);
	vec_normalize(vector, c->hidden);
	return ERR_OK;
}
