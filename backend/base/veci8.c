#include "base/veci8.h"

#include "base/veci8_impl.h"

/* Short inner loops of a known length, which compilers turn into the baseline's vectors. */
#define STEP 16

static void plain_dots(const int8_t *query, const int8_t *rows, size_t count, size_t n,
		       int32_t *out)
{
	for (size_t r = 0; r < count; r++, rows += n) {
		int32_t lane[STEP] = {0}, sum = 0;
		for (size_t i = 0; i < n; i += STEP)
			for (size_t k = 0; k < STEP; k++)
				lane[k] += query[i + k] * rows[i + k];
		for (size_t k = 0; k < STEP; k++)
			sum += lane[k];
		out[r] = sum;
	}
}

static const struct veci8_ops veci8_ops_plain = {
	.level = VECI8_PLAIN, .name = "plain", .dots = plain_dots};

const struct veci8_ops *veci8_ops_get(enum veci8_level level)
{
	switch (level) {
	case VECI8_PLAIN:
		return &veci8_ops_plain;
	case VECI8_AVX2:
#if defined(__x86_64__)
		if (__builtin_cpu_supports("avx2"))
			return &veci8_ops_avx2;
#endif
		return NULL;
	case VECI8_AVX512:
#if defined(__x86_64__)
		if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
			return &veci8_ops_avx512;
#endif
		return NULL;
	case VECI8_VNNI:
#if defined(__x86_64__)
		if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		    __builtin_cpu_supports("avx512vnni"))
			return &veci8_ops_vnni;
#endif
		return NULL;
	}
	return NULL;
}

const struct veci8_ops *veci8_ops_best(enum vec_level limit)
{
	static const enum veci8_level order[] = {VECI8_VNNI, VECI8_AVX512, VECI8_AVX2};
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		enum vec_level needs = order[i] == VECI8_AVX2 ? VEC_AVX2 : VEC_AVX512;
		const struct veci8_ops *ops = needs <= limit ? veci8_ops_get(order[i]) : NULL;
		if (ops)
			return ops;
	}
	return &veci8_ops_plain;
}
