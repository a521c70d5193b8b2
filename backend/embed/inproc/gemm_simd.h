/*
 * Private to gemm_<instruction set>.c: what the products share, written once over a vector type.
 * The file that includes this defines first vf, VF_LANES and the operations of base/vec_simd.h,
 * and VEC_OPS, the table of base/ for the same instruction set.
 *
 * Blocking: a block of a panel stays in the first-level cache while all rows of a block of
 * activations pass it (Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication",
 * ACM TOMS 34:3, 2008; the activations are left unpacked: a tile reads whole rows of them in order).
 */
#ifndef DOCS_BOT_EMBED_INPROC_GEMM_SIMD_H
#define DOCS_BOT_EMBED_INPROC_GEMM_SIMD_H

#include "embed/inproc/gemm_impl.h"

#define INLINE __attribute__((always_inline)) static inline

enum { CACHE_LINE = 64 };

/* `total` cut into pieces of at most `most`, all but the last of the returned size: nearly even. */
INLINE size_t even_piece(size_t total, size_t most, size_t multiple)
{
	size_t pieces = (total + most - 1) / most;
	size_t piece = (total + pieces - 1) / pieces;
	return (piece + multiple - 1) / multiple * multiple;
}

/*
 * Weights of a large model come from main memory for every query, and that has to overlap with
 * the arithmetic: the tiles over one block ask together for the block that lies behind it. Of
 * every `every` steps one fetches as much as a step reads.
 */
struct fetch {
	const char *next;
	size_t every, due;
};

INLINE void fetch_step(struct fetch *fetch, size_t bytes)
{
	if (--fetch->due)
		return;
	fetch->due = fetch->every;
	for (size_t i = 0; i < bytes; i += CACHE_LINE)
		__builtin_prefetch(fetch->next + i, 0, 2);
	fetch->next += bytes;
}

#endif
