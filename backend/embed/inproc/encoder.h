/*
 * BERT and MPNet encoders in f32: token ids in, one mean-pooled unit-length vector out.
 * Architectures as published: Devlin et al. 2018, arXiv:1810.04805 (BERT); Song et al. 2020,
 * arXiv:2004.09297 (MPNet), the latter with the relative attention bias of T5 (Raffel et al.
 * 2019, arXiv:1910.10683).
 */
#ifndef DOCS_BOT_EMBED_INPROC_ENCODER_H
#define DOCS_BOT_EMBED_INPROC_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/vec.h"
#include "embed/inproc/safetensors.h"

/* No model takes longer inputs, whatever its positions allow. */
#define ENCODER_TOKENS_MAX 512

enum encoder_arch { ENCODER_BERT, ENCODER_MPNET };

/* What config.json says, checked. */
struct encoder_config {
	enum encoder_arch arch;
	size_t hidden, heads, layers, intermediate;
	size_t vocab, positions, token_types;
	size_t first_position; /* index of the first token's row in the position table */
	size_t buckets;        /* of the relative attention bias; 0 for BERT */
	size_t max_tokens;     /* special tokens included */
	float eps;             /* of layer normalization */
};

/* Reads <dir>/config.json. ERR_FORMAT or ERR_UNSUPPORTED name the key and its value. */
enum err_code encoder_config_read(const char *dir, const struct alloc *alloc,
				  struct encoder_config *out, struct err *err) WARN_UNUSED;

struct encoder; /* immutable after opening, shared by threads */

/*
 * Finds every weight in `weights` (which must outlive the encoder) and checks its shape:
 * ERR_FORMAT names the tensor. Nothing is copied but the relative attention bias, which is
 * spread over distances.
 */
enum err_code encoder_open(const struct encoder_config *config, const struct safetensors *weights,
			   const struct alloc *alloc, struct encoder **out,
			   struct err *err) WARN_UNUSED;
void encoder_close(struct encoder *enc); /* NULL is fine */

/* Number of floats of working memory that encoder_run() needs for inputs up to max_tokens. */
size_t encoder_scratch_floats(const struct encoder *enc);

/*
 * Encodes ids[count] (special tokens included, 1 <= count <= max_tokens, every id in the
 * vocabulary: ERR_INTERNAL otherwise) into vector[hidden]. `scratch` is the caller's, of
 * encoder_scratch_floats(), used by one call at a time. Works in the calling thread alone.
 */
enum err_code encoder_run(const struct encoder *enc, const struct vec_ops *ops, const int32_t *ids,
			  size_t count, float *scratch, float *vector, struct err *err) WARN_UNUSED;

/*
 * The row of the relative attention bias for a key `distance` positions right of the query
 * (negative: left). Bidirectional buckets of T5 with max_distance 128: half of them for each
 * direction; in each half, one per distance up to a quarter of `buckets`, then logarithmic.
 */
size_t encoder_bucket(ptrdiff_t distance, size_t buckets);

#endif
