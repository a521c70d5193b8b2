#include "embed/inproc/encoder_weights.h"

#include <math.h>
#include <stdio.h>

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

/* Adds a published dense layer [n][k] to the product `to`. */
static void find_part(struct finder *f, int layer, const char *part, size_t n, size_t k,
		      float factor, struct packed_layer *to)
{
	size_t i = to->parts++;
	to->k = k;
	to->part[i].weight = find_in(f, layer, part, "weight", (size_t[]){n, k}, 2);
	to->part[i].bias = find_in(f, layer, part, "bias", (size_t[]){n}, 1);
	to->part[i].n = n;
	to->part[i].factor = factor;
}

static struct encoder_norm find_norm(struct finder *f, int layer, const char *part, size_t size)
{
	struct encoder_norm norm;
	norm.gamma = find_in(f, layer, part, "weight", (size_t[]){size}, 1);
	norm.beta = find_in(f, layer, part, "bias", (size_t[]){size}, 1);
	return norm;
}

static void find_layer(struct finder *f, const struct encoder_config *c, int i,
		       struct encoder_layer_norms *norms, struct packed_layer dense[DENSE_COUNT])
{
	const struct names *names = &arch_names[c->arch];
	float scale = 1.0F / sqrtf((float)c->hidden / (float)c->heads);
	find_part(f, i, names->query, c->hidden, c->hidden, scale, &dense[DENSE_QKV]);
	find_part(f, i, names->key, c->hidden, c->hidden, 1, &dense[DENSE_QKV]);
	find_part(f, i, names->value, c->hidden, c->hidden, 1, &dense[DENSE_QKV]);
	find_part(f, i, names->attn_out, c->hidden, c->hidden, 1, &dense[DENSE_ATTN_OUT]);
	norms->attn = find_norm(f, i, names->attn_norm, c->hidden);
	find_part(f, i, "intermediate.dense", c->intermediate, c->hidden, 1, &dense[DENSE_UP]);
	find_part(f, i, "output.dense", c->hidden, c->intermediate, 1, &dense[DENSE_DOWN]);
	norms->out = find_norm(f, i, "output.LayerNorm", c->hidden);
}

enum err_code encoder_weights_find(const struct encoder_config *c,
				   const struct safetensors *tensors, struct encoder_weights *w,
				   struct err *err)
{
	struct finder f = {.weights = tensors, .prefix = "", .err = err};
	char name[NAME_MAX_LEN];
	snprintf(name, sizeof(name), "%sembeddings.word_embeddings.weight", arch_prefix[c->arch]);
	if (safetensors_has(tensors, str_c(name)))
		f.prefix = arch_prefix[c->arch];

	w->words =
		find(&f, "embeddings.word_embeddings.weight", (size_t[]){c->vocab, c->hidden}, 2);
	w->positions = find(&f, "embeddings.position_embeddings.weight",
			    (size_t[]){c->positions, c->hidden}, 2);
	if (c->arch == ENCODER_BERT)
		w->token_types = find(&f, "embeddings.token_type_embeddings.weight",
				      (size_t[]){c->token_types, c->hidden}, 2);
	w->embed_norm = find_norm(&f, -1, "embeddings.LayerNorm", c->hidden);
	for (size_t i = 0; i < c->layers; i++)
		find_layer(&f, c, (int)i, &w->norms[i], w->dense + i * DENSE_COUNT);
	if (c->arch == ENCODER_MPNET)
		w->bias_table = find(&f, "encoder.relative_attention_bias.weight",
				     (size_t[]){c->buckets, c->heads}, 2);
	return f.code;
}
