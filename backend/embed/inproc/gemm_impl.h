/* Private to gemm*.c: the tables of the instruction sets that this build has. */
#ifndef DOCS_BOT_EMBED_INPROC_GEMM_IMPL_H
#define DOCS_BOT_EMBED_INPROC_GEMM_IMPL_H

#include <math.h>

#include "embed/inproc/gemm.h"

extern const struct gemm_ops gemm_ops_plain;
#if defined(__x86_64__)
/* Callable only on a processor that has the instructions: gemm_ops_best() asks it first. */
extern const struct gemm_ops gemm_ops_avx2;
extern const struct gemm_ops gemm_ops_avx512;
extern const struct gemm_ops gemm_ops_vnni;
extern const struct gemm_ops gemm_ops_bf16;

/* The products of the last two, in files that are compiled for those instructions. */
void gemm_i8_vnni(const struct gemm_weights *w, size_t m, const uint8_t *q,
		  const struct gemm_row *rows, enum gemm_finish finish, float *y, size_t ldy);
void gemm_bf16(const struct gemm_weights *w, size_t m, const uint16_t *h, enum gemm_finish finish,
	       float *y, size_t ldy);
void gemm_to_bf16(const float *x, size_t k, uint16_t *h);
#endif

/* Rounds to nearest even and keeps to 0..255, as the vector conversions do; a NaN gives 0. */
static inline uint8_t gemm_round_u8(float x)
{
	long rounded = lrintf(x);
	return (uint8_t)(rounded < 0 ? 0 : rounded > 255 ? 255 : rounded);
}

/* One f32 to bf16, rounded to nearest even; a NaN stays one. */
static inline uint16_t gemm_round_bf16(float x)
{
	union {
		float f;
		uint32_t u;
	} bits = {.f = x};
	if ((bits.u & 0x7fffffffU) > 0x7f800000U)
		return (uint16_t)(bits.u >> 16 | 0x40U);
	return (uint16_t)((bits.u + 0x7fffU + (bits.u >> 16 & 1U)) >> 16);
}

#endif
