/* The kernels with AVX2 and FMA: eight lanes. Compiled with -mavx2 -mfma on x86-64 only. */
#if defined(__x86_64__)

#include "base/vf_avx2.h"

/* Written over the vector type of the above. */
#include "base/vec_simd.h"

const struct vec_ops vec_ops_avx2 = {
	.level = VEC_AVX2,
	.name = "avx2",
	.dot = simd_dot,
	.add = simd_add,
	.bias_gelu = simd_bias_gelu,
	.exp_sum = simd_exp_sum,
	.layer_norm = simd_layer_norm,
};

#else
typedef int vec_avx2_is_not_built; /* ISO C wants a declaration in every file */
#endif
