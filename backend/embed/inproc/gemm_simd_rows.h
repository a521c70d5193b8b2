/*
 * Private to gemm_<instruction set>.c: rows of activations to 8 bits. Beside what gemm_simd.h wants,
 * the file that includes this defines vf_store_u8x4(q, a, b, c, d): four vectors, rounded to nearest
 * and kept to 0..255, as bytes.
 */
#include "embed/inproc/gemm_simd.h"

/* The least and the largest value of a row. */
INLINE void bounds_of(const float *x, size_t k, float *low, float *high)
{
	*low = INFINITY;
	*high = -INFINITY;
	size_t i = 0;
	if (k >= VF_LANES) {
		vf least = vf_load(x + 0), most = least;
		for (i = VF_LANES; i + VF_LANES <= k; i += VF_LANES) {
			vf v = vf_load(x + i);
			least = vf_min(least, v);
			most = vf_max(most, v);
		}
		*low = -vf_hmax(vf_sub(vf_set1(0), least));
		*high = vf_hmax(most);
	}
	for (; i < k; i++) {
		*low = x[i] < *low ? x[i] : *low;
		*high = x[i] > *high ? x[i] : *high;
	}
}

/*
 * Both bounds are exact, and rounding to nearest keeps 0 <= q <= 255. A row of one value has the
 * step 0 and q = 0. Values that are not finite give garbage, never a trap: the result is checked by
 * encoder_run().
 */
static void simd_quantize(const float *x, size_t k, uint8_t *q, struct gemm_row *row)
{
	float low, high;
	bounds_of(x, k, &low, &high);
	row->low = low;
	row->step = (high - low) / 255.0F;
	float inverse = row->step > 0 ? 1.0F / row->step : 0;
	vf from = vf_set1(low), by = vf_set1(inverse);
	size_t i = 0;
	for (; i + 4 * VF_LANES <= k; i += 4 * VF_LANES) {
		vf v[4];
		for (size_t j = 0; j < 4; j++)
			v[j] = vf_mul(vf_sub(vf_load(x + i + j * VF_LANES), from), by);
		vf_store_u8x4(q + i, v[0], v[1], v[2], v[3]);
	}
	for (; i < k; i++)
		q[i] = gemm_round_u8((x[i] - low) * inverse);
	for (; i < gemm_padded(k); i++)
		q[i] = 0;
}
