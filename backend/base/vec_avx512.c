/* The kernels with AVX-512 F, DQ, BW, VL: sixteen lanes. Compiled so on x86-64 only. */
#if defined(__x86_64__)

#include "base/vf_avx512.h"

/* Written over the vector type of the above. */
#include "base/vec_simd.h"

const struct vec_ops vec_ops_avx512 = {
	.level = VEC_AVX512,
	.name = "avx512",
	.dot = simd_dot,
	.add = simd_add,
	.bias_gelu = simd_bias_gelu,
	.exp_sum = simd_exp_sum,
	.layer_norm = simd_layer_norm,
};

#else
typedef int vec_avx512_is_not_built; /* ISO C wants a declaration in every file */
#endif
