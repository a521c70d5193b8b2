#include "embed/inproc/gemm.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "embed/inproc/gemm_impl.h"

enum { I8_VECS = 3, I8_GROUP = 4, BF16_COLUMNS = 48 };

#if defined(__x86_64__)
/* AVX-512 VNNI is bit 11 of ECX of leaf 7, AVX-512 BF16 bit 5 of EAX of leaf 7, subleaf 1. */
static bool has_vnni(void)
{
	return __builtin_cpu_supports("avx512vnni");
}

static bool has_bf16(void)
{
	unsigned eax, ebx, ecx, edx;
	return has_vnni() && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 5 & 1U);
}
#endif

const struct gemm_ops *gemm_ops_at(size_t index)
{
	const struct gemm_ops *table[5] = {&gemm_ops_plain};
	size_t count = 1;
#if defined(__x86_64__)
	if (vec_ops_get(VEC_AVX2))
		table[count++] = &gemm_ops_avx2;
	if (vec_ops_get(VEC_AVX512)) {
		table[count++] = &gemm_ops_avx512;
		if (has_vnni())
			table[count++] = &gemm_ops_vnni;
		if (has_bf16())
			table[count++] = &gemm_ops_bf16;
	}
#endif
	return index < count ? table[index] : NULL;
}

const struct gemm_ops *gemm_ops_best(enum vec_level limit)
{
	const struct gemm_ops *best = &gemm_ops_plain, *ops;
	for (size_t i = 0; (ops = gemm_ops_at(i)); i++)
		if (ops->vec->level <= limit)
			best = ops;
	return best;
}

void *gemm_take(unsigned char *block, size_t *used, size_t bytes)
{
	void *part = block ? block + *used : NULL;
	*used += (bytes + GEMM_ALIGN - 1) / GEMM_ALIGN * GEMM_ALIGN;
	return part;
}

size_t gemm_padded(size_t k)
{
	return (k + GEMM_K_STEP - 1) / GEMM_K_STEP * GEMM_K_STEP;
}

size_t gemm_columns(const struct gemm_ops *ops, enum gemm_type type)
{
	return type == GEMM_F32  ? ops->f32_columns
	       : type == GEMM_I8 ? I8_VECS * ops->lanes
				 : BF16_COLUMNS;
}

size_t gemm_panel_bytes(const struct gemm_ops *ops, enum gemm_type type, size_t n, size_t k)
{
	static const size_t value[GEMM_TYPE_COUNT] = {
		[GEMM_F32] = sizeof(float), [GEMM_I8] = 1, [GEMM_BF16] = sizeof(uint16_t)};
	size_t columns = gemm_columns(ops, type);
	size_t inputs = type == GEMM_F32 ? k : gemm_padded(k);
	return (n + columns - 1) / columns * columns * inputs * value[type];
}

struct gemm_weights gemm_slice(const struct gemm_ops *ops, const struct gemm_weights *w,
			       size_t first, size_t count)
{
	size_t columns = gemm_columns(ops, w->type), begin = first * columns;
	size_t n = w->n - begin < count * columns ? w->n - begin : count * columns;
	struct gemm_weights slice = {.type = w->type, .n = n, .k = w->k, .bias = w->bias + begin};
	slice.panels =
		(const unsigned char *)w->panels + gemm_panel_bytes(ops, w->type, begin, w->k);
	if (w->scale)
		slice.scale = w->scale + begin;
	if (w->offset)
		slice.offset = w->offset + begin;
	return slice;
}

void gemm_pack(const struct gemm_ops *ops, enum gemm_type type, const float *weight, size_t n,
	       size_t k, float factor, size_t first, void *panels)
{
	size_t columns = gemm_columns(ops, type), padded = gemm_padded(k);
	for (size_t j = 0; j < n; j++) {
		size_t panel = (first + j) / columns, column = (first + j) % columns;
		const float *row = weight + j * k;
		if (type == GEMM_F32) {
			float *to = (float *)panels + panel * k * columns + column;
			for (size_t i = 0; i < k; i++)
				to[i * columns] = row[i] * factor;
		} else {
			uint16_t *to = (uint16_t *)panels + panel * padded * columns + 2 * column;
			for (size_t i = 0; i < k; i++)
				to[i / 2 * 2 * columns + i % 2] = gemm_round_bf16(row[i] * factor);
		}
	}
}

void gemm_pack_i8(const struct gemm_ops *ops, const float *weight, size_t n, size_t k, float factor,
		  size_t first, int8_t *panels, float *scale, float *offset, float *column,
		  int8_t *levels)
{
	size_t lanes = ops->lanes, columns = gemm_columns(ops, GEMM_I8), padded = gemm_padded(k);
	for (size_t j = 0; j < n; j++) {
		size_t at = (first + j) % columns;
		int8_t *panel = panels + (first + j) / columns * padded * columns;
		for (size_t i = 0; i < padded; i++)
			column[i] = i < k ? weight[j * k + i] : 0;
		float step = gemm_quantize_column(column, padded, levels) * factor;
		int32_t sum = 0;
		for (size_t i = 0; i < padded; i++) {
			int8_t *block = panel + i / GEMM_K_STEP * GEMM_K_STEP * columns;
			size_t vector = at / lanes * 2 + i % GEMM_K_STEP / I8_GROUP;
			block[(vector * lanes + at % lanes) * I8_GROUP + i % I8_GROUP] = levels[i];
			sum += levels[i];
		}
		scale[first + j] = step;
		offset[first + j] = step * (float)sum;
	}
}
