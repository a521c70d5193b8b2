/* Private to encoder*.c: multi-head self-attention over one sequence. */
#ifndef DOCS_BOT_EMBED_INPROC_ATTENTION_H
#define DOCS_BOT_EMBED_INPROC_ATTENTION_H

#include "embed/inproc/gemm.h"

struct attention {
	size_t heads, size; /* size: of one head */
	/*
	 * Relative bias [heads][bias_width], NULL for none: that of key j for query i stands at
	 * j - i + (bias_width - 1) / 2.
	 */
	const float *bias;
	size_t bias_width;
};

/* Bytes of working memory for sequences of up to `count` tokens, `narrow` as below. */
size_t attention_scratch(const struct gemm_ops *ops, const struct attention *a, size_t count,
			 bool narrow);

/*
 * softmax(query key^T + bias) value for each head, of qkv [count][3 * heads * size] with the queries
 * scaled already; the result takes the place of the queries. Scores exist for a few queries at a
 * time. `narrow`: the products are of 16-bit integers, twice as fast as f32 and exact to some 13
 * bits, for use beside int8 weights. `scratch`: attention_scratch() bytes, aligned to GEMM_ALIGN.
 */
void attention_run(const struct gemm_ops *ops, const struct attention *a, float *qkv, size_t count,
		   bool narrow, void *scratch);

/* One head of that: heads are independent of each other, given working memory of their own. */
void attention_head(const struct gemm_ops *ops, const struct attention *a, float *qkv, size_t count,
		    bool narrow, size_t head, void *scratch);

#endif
