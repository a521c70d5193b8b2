/*
 * The products for every processor, over vectors of four f32 that the compiler maps to what the
 * baseline has (SSE4.2, NEON): the reference of the others, and what old machines run.
 */
#include <string.h>

#include "base/vec_impl.h"
#include "embed/inproc/gemm_impl.h"

#define VF_LANES 4
typedef float vf __attribute__((vector_size(16)));

static inline vf vf_load(const float *p)
{
	vf v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void vf_store(float *p, vf v)
{
	memcpy(p, &v, sizeof(v));
}

static inline vf vf_set1(float x)
{
	return (vf){x, x, x, x};
}

static inline vf vf_add(vf a, vf b)
{
	return a + b;
}

static inline vf vf_mul(vf a, vf b)
{
	return a * b;
}

static inline vf vf_fma(vf a, vf b, vf c)
{
	return a * b + c;
}

static inline vf vf_load_i32(const int32_t *p)
{
	return (vf){(float)p[0], (float)p[1], (float)p[2], (float)p[3]};
}

static inline void vf_store_i16x2(int16_t *y, vf a, vf b)
{
	for (size_t i = 0; i < VF_LANES; i++) {
		y[i] = (int16_t)lrintf(a[i]);
		y[VF_LANES + i] = (int16_t)lrintf(b[i]);
	}
}

/* What one lane holds is either a sum or a pair. */
typedef int32_t vi __attribute__((vector_size(16)));
typedef int16_t pairs_of __attribute__((vector_size(16)));

static inline vi vi_zero(void)
{
	return (vi){0, 0, 0, 0};
}

static inline vi vi_load_pairs(const int16_t *p)
{
	vi v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline vi vi_set_pair(const int16_t *p)
{
	int32_t pair;
	memcpy(&pair, p, sizeof(pair));
	return (vi){pair, pair, pair, pair};
}

static inline vi vi_dot(vi sum, vi a, vi b)
{
	pairs_of x = (pairs_of)a, y = (pairs_of)b;
	for (size_t i = 0; i < VF_LANES; i++)
		sum[i] += x[2 * i] * y[2 * i] + x[2 * i + 1] * y[2 * i + 1];
	return sum;
}

static inline void vi_store(int32_t *p, vi v)
{
	memcpy(p, &v, sizeof(v));
}

#define VEC_OPS      vec_ops_get(VEC_PLAIN)
#define F32_ROWS     6
#define F32_TILES(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define I8_ROWS      2
#define I8_TILES(X)  X(1) X(2)
#define I8_BLOCK     768

#include "embed/inproc/gemm_simd.h"

INLINE void i8_tile(size_t rows, bool add, size_t steps, const uint8_t *q, size_t ldq,
		    const int8_t *panel, int32_t *c, struct fetch *fetch)
{
	enum { COLUMNS = 3 * VF_LANES };
	if (!add)
		memset(c, 0, rows * COLUMNS * sizeof(*c));
	for (size_t s = 0; s < steps; s++, q += GEMM_K_STEP) {
		fetch_step(fetch, COLUMNS * GEMM_K_STEP);
		/* [3][2][lanes][4] */
		for (size_t v = 0; v < 3; v++) {
			for (size_t group = 0; group < 2; group++, panel += VF_LANES * 4) {
				for (size_t r = 0; r < rows; r++) {
					const uint8_t *x = q + r * ldq + group * 4;
					int32_t *sum = c + r * COLUMNS + v * VF_LANES;
					for (size_t i = 0; i < VF_LANES * 4; i++)
						sum[i / 4] += x[i % 4] * panel[i];
				}
			}
		}
	}
}

#include "embed/inproc/gemm_simd_f32.h"
#include "embed/inproc/gemm_simd_i16.h"
#include "embed/inproc/gemm_simd_i8.h"

static void plain_quantize(const float *x, size_t k, uint8_t *q, struct gemm_row *row)
{
	float low = INFINITY, high = -INFINITY;
	for (size_t i = 0; i < k; i++) {
		low = x[i] < low ? x[i] : low;
		high = x[i] > high ? x[i] : high;
	}
	row->low = low;
	row->step = (high - low) / 255.0F;
	float inverse = row->step > 0 ? 1.0F / row->step : 0;
	for (size_t i = 0; i < k; i++)
		q[i] = gemm_round_u8((x[i] - low) * inverse);
	for (size_t i = k; i < gemm_padded(k); i++)
		q[i] = 0;
}

const struct gemm_ops gemm_ops_plain = {
	.name = "plain",
	.vec = &vec_ops_plain,
	.f32_columns = F32_COLUMNS,
	.f32_rows = F32_ROWS,
	.lanes = VF_LANES,
	.tile = f32_tile,
	.tile_i16 = i16_tile,
	.to_i16 = i16_from_f32,
	.from_i32 = i32_to_f32,
	.f32 = simd_f32,
	.i8 = simd_i8,
	.quantize = plain_quantize,
};
