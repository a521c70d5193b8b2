/* Private to encoder*.c: the published tensors of a model, found and checked. */
#ifndef DOCS_BOT_EMBED_INPROC_ENCODER_WEIGHTS_H
#define DOCS_BOT_EMBED_INPROC_ENCODER_WEIGHTS_H

#include "embed/inproc/encoder.h"
#include "embed/inproc/packed.h"

/* The dense layers of one encoder layer, in the order of packed_weights(). */
enum encoder_dense { DENSE_QKV, DENSE_ATTN_OUT, DENSE_UP, DENSE_DOWN, DENSE_COUNT };

struct encoder_norm {
	const float *gamma, *beta;
};

/* Everything points into the safetensors mapping. */
struct encoder_weights {
	const float *words;       /* [vocab][hidden] */
	const float *positions;   /* [positions][hidden] */
	const float *token_types; /* [token_types][hidden]; NULL for MPNet */
	const float *bias_table;  /* [buckets][heads]; NULL for BERT */
	struct encoder_norm embed_norm;
	struct encoder_layer_norms {
		struct encoder_norm attn, out;
	} * norms;                  /* [layers], the caller's */
	struct packed_layer *dense; /* [layers * DENSE_COUNT], the caller's */
};

/*
 * Fills in `w`, whose two arrays are there already. ERR_FORMAT names the first tensor that is
 * missing or has another shape. The factor 1 / sqrt(head size) of attention goes into the queries.
 */
enum err_code encoder_weights_find(const struct encoder_config *config,
				   const struct safetensors *tensors, struct encoder_weights *w,
				   struct err *err) WARN_UNUSED;

#endif
