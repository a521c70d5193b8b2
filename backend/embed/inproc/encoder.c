#include "embed/inproc/encoder.h"

#include <math.h>
#include <string.h>

#include "embed/inproc/encoder_impl.h"

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
