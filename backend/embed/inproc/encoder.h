/*
 * BERT and MPNet encoders: token ids in, one mean-pooled unit-length vector per sequence out, or the
 * state of its first token. Dense layers in f32, int8 or bf16, everything else in f32.
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
#include "base/log.h"
#include "embed/inproc/gemm.h"
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

struct encoder_options {
	const struct encoder_config *config;
	const struct safetensors *weights; /* must outlive the encoder */
	const struct gemm_ops *ops;
	enum gemm_type type;   /* of the dense layers */
	const char *sha256;    /* the weights must have; NULL or "": any */
	const char *cache_dir; /* where packed weights are kept, see packed.h; NULL: nowhere */
	const struct logger *log;
};

/*
 * Finds every weight and checks its shape (ERR_FORMAT names the tensor), and maps or makes the
 * packed weights; only when they are made are the published ones read, hashed and checked to be
 * finite. ERR_MISMATCH for another hash, ERR_UNSUPPORTED for bf16 on a processor without.
 */
enum err_code encoder_open(const struct encoder_options *options, const struct alloc *alloc,
			   struct encoder **out, struct err *err) WARN_UNUSED;
void encoder_close(struct encoder *enc); /* NULL is fine */

/* Lower-case hexadecimal SHA-256 of the weights; valid until encoder_close(). */
const char *encoder_sha256(const struct encoder *enc);

/* Bytes of working memory that encoder_run() needs; a run touches what its tokens need. */
size_t encoder_scratch_bytes(const struct encoder *enc);

/*
 * Encodes `count` sequences, whose ids (special tokens included) stand one behind the other, into
 * vectors [count][hidden]. Sequences share the products but nothing else: no padding, and the result
 * is that of each alone. Their lengths are 1 or more and together at most max_tokens, every id is in the
 * vocabulary: ERR_INTERNAL otherwise. `scratch` is the caller's, of encoder_scratch_bytes(), used by
 * one call at a time. Works in the calling thread alone. ERR_FORMAT when a result is not finite.
 */
enum err_code encoder_run(const struct encoder *enc, const int32_t *ids, const size_t *lengths,
			  size_t count, void *scratch, float *vectors, struct err *err) WARN_UNUSED;

struct helper;

/* Bytes of memory that a helper (helper.h) of this encoder must have. */
size_t encoder_helper_bytes(const struct encoder *enc);

/*
 * As encoder_run() of one sequence, whose products and heads are shared with the helper's thread
 * while it comes along: the same vector, bit for bit, in about half the time. NULL or a helper that
 * is not to be had: as encoder_run(). The helper must be closed before the encoder.
 */
enum err_code encoder_run_helped(const struct encoder *enc, const int32_t *ids, size_t length,
				 struct helper *helper, void *scratch, float *vector,
				 struct err *err) WARN_UNUSED;

/* Sequences that stand one behind the other, special tokens included. */
struct encoder_input {
	const int32_t *ids;
	const uint8_t *types; /* token type of each id, below config's token_types; NULL: all 0 */
	const size_t *lengths;
	size_t count;
};

/*
 * As encoder_run(), but each row of states [count][hidden] is what the last layer has for the
 * sequence's first token, as it is: what a classification head takes (classifier.h).
 */
enum err_code encoder_run_first(const struct encoder *enc, const struct encoder_input *input,
				void *scratch, float *states, struct err *err) WARN_UNUSED;

/*
 * The row of the relative attention bias for a key `distance` positions right of the query
 * (negative: left). Bidirectional buckets of T5 with max_distance 128: half of them for each
 * direction; in each half, one per distance up to a quarter of `buckets`, then logarithmic.
 */
size_t encoder_bucket(ptrdiff_t distance, size_t buckets);

#endif
