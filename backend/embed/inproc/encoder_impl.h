/* Private to encoder*.c: what an encoder is made of. */
#ifndef DOCS_BOT_EMBED_INPROC_ENCODER_IMPL_H
#define DOCS_BOT_EMBED_INPROC_ENCODER_IMPL_H

#include "embed/inproc/attention.h"
#include "embed/inproc/encoder.h"
#include "embed/inproc/encoder_weights.h"

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

#endif
