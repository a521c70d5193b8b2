/*
 * Every table of kernels that this processor can run against sums in double precision (f32, bf16) or
 * exact integers (int8), over odd sizes; and the promise that lets int8 add in 16 bits.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "embed/inproc/gemm.h"

#define GUARD 12345.0F

static float random_float(uint32_t *state)
{
	*state = *state * 1664525U + 1013904223U;
	return (float)(*state >> 8) / 8388608.0F - 1.0F;
}

static float *random_floats(size_t n, uint32_t seed, float scale)
{
	float *x = malloc((n + 1) * sizeof(*x));
	assert_non_null(x);
	for (size_t i = 0; i < n; i++)
		x[i] = random_float(&seed) * scale;
	x[n] = GUARD;
	return x;
}

/* One product: y = finish(x [m][k] W [n][k]^T), with distances between rows. */
struct product {
	const struct gemm_ops *ops;
	enum gemm_type type;
	size_t m, n, k, ldx, ldy;
	float *x, *weight, *bias, *y, *scale, *offset;
	void *panels;
	struct gemm_weights packed;
	uint8_t *q;
	uint16_t *h;
	struct gemm_row *rows;
};

static void *aligned_zero(size_t bytes)
{
	bytes = (bytes / GEMM_ALIGN + 1) * GEMM_ALIGN;
	void *p = aligned_alloc(GEMM_ALIGN, bytes);
	assert_non_null(p);
	return memset(p, 0, bytes);
}

/* Two published layers side by side, as queries and keys are, when there are two columns. */
static void pack(struct product *p)
{
	size_t first = p->n / 2, padded = gemm_padded(p->k);
	p->panels = aligned_zero(gemm_panel_bytes(p->ops, p->type, p->n, p->k));
	p->scale = random_floats(p->n, 1, 0);
	p->offset = random_floats(p->n, 1, 0);
	if (p->type == GEMM_I8) {
		float *column = random_floats(padded, 1, 0);
		int8_t *levels = malloc(padded);
		gemm_pack_i8(p->ops, p->weight, first, p->k, 1, 0, p->panels, p->scale, p->offset,
			     column, levels);
		gemm_pack_i8(p->ops, p->weight + first * p->k, p->n - first, p->k, 1, first,
			     p->panels, p->scale, p->offset, column, levels);
		free(column);
		free(levels);
	} else {
		gemm_pack(p->ops, p->type, p->weight, first, p->k, 1, 0, p->panels);
		gemm_pack(p->ops, p->type, p->weight + first * p->k, p->n - first, p->k, 1, first,
			  p->panels);
	}
	p->packed = (struct gemm_weights){.type = p->type,
					  .n = p->n,
					  .k = p->k,
					  .panels = p->panels,
					  .bias = p->bias,
					  .scale = p->scale,
					  .offset = p->offset};
}

static void set_up(struct product *p, const struct gemm_ops *ops, enum gemm_type type, size_t m,
		   size_t n, size_t k)
{
	size_t padded = gemm_padded(k);
	*p = (struct product){.ops = ops, .type = type, .m = m, .n = n, .k = k};
	p->ldx = k + 3;
	p->ldy = type == GEMM_F32 ? n + 2 : n + 1;
	p->x = random_floats(m * p->ldx, 11, 1);
	p->weight = random_floats(n * k, 12, 1);
	p->bias = random_floats(n, 13, 1);
	p->y = random_floats(m * p->ldy, 14, 1);
	p->q = aligned_zero(m * padded);
	p->h = aligned_zero(m * padded * sizeof(*p->h));
	p->rows = calloc(m + 1, sizeof(*p->rows));
	pack(p);
	for (size_t i = 0; i < m; i++) {
		if (type == GEMM_I8)
			ops->quantize(p->x + i * p->ldx, k, p->q + i * padded, &p->rows[i]);
		if (type == GEMM_BF16)
			ops->to_bf16(p->x + i * p->ldx, k, p->h + i * padded);
	}
}

static void tear_down(struct product *p)
{
	free(p->x);
	free(p->weight);
	free(p->bias);
	free(p->y);
	free(p->scale);
	free(p->offset);
	free(p->panels);
	free(p->q);
	free(p->h);
	free(p->rows);
}

static double bf16(float x)
{
	int exponent;
	/* Eight significant bits, rounded to nearest even. */
	double m = frexp((double)x, &exponent);
	return ldexp(nearbyint(ldexp(m, 8)), exponent - 8);
}

/* The sum of row i and column j as the kernel must see it: from what was quantized, if so. */
static double sum_of(const struct product *p, size_t i, size_t j, const int8_t *levels)
{
	const float *x = p->x + i * p->ldx, *w = p->weight + j * p->k;
	double sum = 0;
	int64_t integers = 0;
	for (size_t d = 0; d < p->k; d++) {
		if (p->type == GEMM_F32)
			sum += (double)x[d] * (double)w[d];
		else if (p->type == GEMM_BF16)
			sum += bf16(x[d]) * bf16(w[d]);
		else
			integers += p->q[i * gemm_padded(p->k) + d] * levels[j * p->k + d];
	}
	if (p->type != GEMM_I8)
		return sum;
	return (double)p->rows[i].step * (double)p->scale[j] * (double)integers +
	       (double)p->rows[i].low * (double)p->offset[j];
}

/* The levels [n][k] of the weights, quantized here once more. */
static int8_t *levels_of(const struct product *p)
{
	size_t padded = gemm_padded(p->k);
	int8_t *levels = malloc(p->n * p->k + 1), *column = malloc(padded + 1);
	float *w = calloc(padded + 1, sizeof(*w));
	assert_true(levels && column && w);
	for (size_t j = 0; j < p->n && p->type == GEMM_I8; j++) {
		memcpy(w, p->weight + j * p->k, p->k * sizeof(*w));
		float scale = gemm_quantize_column(w, padded, column);
		assert_true(scale == p->scale[j]);
		memcpy(levels + j * p->k, column, p->k);
	}
	free(column);
	free(w);
	return levels;
}

/* What rounding may do to the sum: sqrt(k) units in the last place of the sum of magnitudes. */
static double rounding(const struct product *p, size_t i, size_t j)
{
	double magnitude = 1;
	for (size_t d = 0; d < p->k; d++)
		magnitude += fabs((double)p->x[i * p->ldx + d] * (double)p->weight[j * p->k + d]);
	return ldexp(magnitude, -24) * (8 + sqrt((double)p->k));
}

static double finished(enum gemm_finish finish, double sum, double before)
{
	if (finish == GEMM_ADD)
		return before + sum;
	return finish == GEMM_GELU ? 0.5 * sum * (1 + erf(sum / sqrt(2))) : sum;
}

static void run_columns(struct product *p, const struct gemm_weights *w, enum gemm_finish finish,
			float *y)
{
	if (p->type == GEMM_F32)
		p->ops->f32(w, p->m, p->x, p->ldx, finish, y, p->ldy);
	else if (p->type == GEMM_I8)
		p->ops->i8(w, p->m, p->q, p->rows, finish, y, p->ldy);
	else
		p->ops->bf16(w, p->m, p->h, finish, y, p->ldy);
}

static void run(struct product *p, enum gemm_finish finish)
{
	run_columns(p, &p->packed, finish, p->y);
}

/* What was stored, to be added later, is what the kernels add. */
static void check_slices(const struct gemm_ops *ops, enum gemm_type type, size_t m, size_t n,
			 size_t k, size_t panels)
{
	struct product p;
	set_up(&p, ops, type, m, n, k);
	size_t columns = gemm_columns(ops, type), bytes = (m * p.ldy + 1) * sizeof(float);
	float *before = malloc(bytes), *got = malloc(bytes);
	assert_true(before && got);
	memcpy(before, p.y, bytes);
	for (int finish = GEMM_STORE; finish <= GEMM_ADD; finish++) {
		memcpy(p.y, before, bytes);
		memcpy(got, before, bytes);
		run(&p, (enum gemm_finish)finish);
		for (size_t first = 0; first * columns < n; first += panels) {
			struct gemm_weights slice = gemm_slice(ops, &p.packed, first, panels);
			assert_true(slice.n == panels * columns || first * columns + slice.n == n);
			run_columns(&p, &slice,
				    finish == GEMM_ADD ? GEMM_STORE : (enum gemm_finish)finish,
				    got + first * columns);
		}
		for (size_t i = 0; finish == GEMM_ADD && i < m; i++) {
			float *row = got + i * p.ldy;
			ops->vec->add(row, before + i * p.ldy, n);
		}
		if (memcmp(got, p.y, bytes) != 0)
			fail_msg("%s, type %d, %zu x %zu x %zu, finish %d, slices of %zu panels",
				 ops->name, (int)type, m, n, k, finish, panels);
	}
	free(before);
	free(got);
	tear_down(&p);
}

/* Parts of a product are those of the whole, bit for bit. */
static void test_slices(void **state)
{
	static const size_t columns[] = {1, 23, 24, 25, 48, 49, 100, 203}, rows[] = {1, 2, 19, 70};
	const struct gemm_ops *ops;
	for (size_t t = 0; (ops = gemm_ops_at(t)); t++)
		for (int type = GEMM_F32; type < GEMM_TYPE_COUNT; type++)
			for (size_t i = 0; i < 8 && (type != GEMM_BF16 || ops->bf16); i++)
				for (size_t j = 0; j < 4; j++)
					check_slices(ops, (enum gemm_type)type, rows[j], columns[i],
						     i + j == 7 ? 1030 : 37, 1 + j);
}

static void check(const struct gemm_ops *ops, enum gemm_type type, size_t m, size_t n, size_t k)
{
	struct product p;
	set_up(&p, ops, type, m, n, k);
	int8_t *levels = levels_of(&p);
	float *before = malloc((m * p.ldy + 1) * sizeof(*before));
	for (int finish = GEMM_STORE; finish <= GEMM_ADD; finish++) {
		memcpy(before, p.y, (m * p.ldy + 1) * sizeof(*before));
		run(&p, (enum gemm_finish)finish);
		for (size_t i = 0; i < m * p.ldy; i++) {
			size_t row = i / p.ldy, j = i % p.ldy;
			double want = (double)before[i];
			if (j < n)
				want = finished((enum gemm_finish)finish,
						sum_of(&p, row, j, levels) + (double)p.bias[j],
						want);
			double bound = j < n ? rounding(&p, row, j) : 0;
			if (!(fabs((double)p.y[i] - want) <= bound))
				fail_msg("%s, type %d, %zu x %zu x %zu, finish %d: element %zu, "
					 "%zu is %.9g, must be %.9g",
					 ops->name, (int)type, m, n, k, finish, row, j,
					 (double)p.y[i], want);
		}
		assert_true(p.y[m * p.ldy] == GUARD);
	}
	free(before);
	free(levels);
	tear_down(&p);
}

static void check_sizes(enum gemm_type type)
{
	static const size_t rows[] = {0, 1, 2, 3, 5, 6, 7, 8, 11, 12, 13, 25},
			    columns[] = {1, 2, 7, 12, 16, 23, 24, 25, 47, 48, 49, 100},
			    depths[] = {1, 2, 7, 8, 9, 15, 16, 31, 64, 100};
	/* Set under valgrind, where every instruction takes fifty. */
	bool slow = getenv("DOCS_BOT_TEST_SLOW_MACHINE") != NULL;
	const struct gemm_ops *ops;
	size_t tables = 0;
	for (; (ops = gemm_ops_at(tables)); tables++) {
		if (type == GEMM_BF16 && !ops->bf16)
			continue;
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i += slow ? 4 : 1)
			for (size_t j = 0; j < sizeof(columns) / sizeof(*columns); j++)
				check(ops, type, rows[i], columns[j],
				      depths[(i * 5 + j) % (sizeof(depths) / sizeof(*depths))]);
		/* more than one block of rows, of inputs and of columns */
		check(ops, type, 67, 26, 800);
		if (!slow) {
			check(ops, type, 130, 20, 1030);
			check(ops, type, 3, 49, 3072);
		}
		print_message("%s is tested\n", ops->name);
	}
	assert_true(tables >= 1);
}

static void test_f32(void **state)
{
	check_sizes(GEMM_F32);
}

static void test_i8(void **state)
{
	check_sizes(GEMM_I8);
}

static void test_bf16(void **state)
{
	check_sizes(GEMM_BF16);
}

/* Panels that attention packs by itself. */
static void test_tile(void **state)
{
	const struct gemm_ops *ops;
	for (size_t t = 0; (ops = gemm_ops_at(t)); t++) {
		size_t columns = ops->f32_columns, k = 37, lda = 41, ldc = columns + 3;
		assert_true(ops->f32_rows <= GEMM_ROWS_MAX);
		float *a = random_floats(GEMM_ROWS_MAX * lda, 21, 1);
		float *panel = aligned_zero(k * columns * sizeof(*panel));
		for (size_t i = 0; i < k * columns; i++)
			panel[i] = (float)(i % 17) - 8;
		for (size_t rows = 1; rows <= ops->f32_rows; rows++) {
			float *c = random_floats(rows * ldc, 22, 1);
			float *before = random_floats(rows * ldc, 22, 1);
			ops->tile(rows, k, a, lda, panel, c, ldc);
			for (size_t i = 0; i < rows * ldc; i++) {
				double want = i % ldc < columns ? 0 : (double)before[i];
				for (size_t d = 0; i % ldc < columns && d < k; d++)
					want += (double)a[i / ldc * lda + d] *
						(double)panel[d * columns + i % ldc];
				assert_true(fabs((double)c[i] - want) <= 1e-4);
			}
			assert_true(c[rows * ldc] == GUARD);
			free(c);
			free(before);
		}
		free(a);
		free(panel);
	}
}

static void test_i16(void **state)
{
	const struct gemm_ops *ops;
	for (size_t t = 0; (ops = gemm_ops_at(t)); t++) {
		size_t columns = ops->f32_columns, pairs = 19, lda = 41, ldc = columns + 3;
		int16_t *a = aligned_zero(GEMM_ROWS_MAX * lda * sizeof(*a));
		int16_t *panel = aligned_zero(pairs * columns * 2 * sizeof(*panel));
		float *x = random_floats(GEMM_ROWS_MAX * lda, 31, 32767);
		ops->to_i16(x, 1, GEMM_ROWS_MAX * lda, a);
		for (size_t i = 0; i < GEMM_ROWS_MAX * lda; i++)
			assert_true(a[i] == (int16_t)lrintf(x[i]));
		for (size_t i = 0; i < pairs * columns * 2; i++)
			panel[i] = (int16_t)((int)(i * 977 % 1601) - 800);
		for (size_t rows = 1; rows <= ops->f32_rows; rows++) {
			int32_t *c = malloc(rows * ldc * sizeof(*c));
			memset(c, 0x55, rows * ldc * sizeof(*c));
			ops->tile_i16(rows, pairs, a, lda, panel, c, ldc);
			for (size_t i = 0; i < rows * ldc; i++) {
				int64_t want = i % ldc < columns ? 0 : 0x55555555;
				for (size_t d = 0; i % ldc < columns && d < 2 * pairs; d++)
					want += a[i / ldc * lda + d] *
						panel[(d / 2 * columns + i % ldc) * 2 + d % 2];
				assert_true(c[i] == want);
			}
			float *y = random_floats(rows * ldc, 32, 1);
			ops->from_i32(c, 0.5F, rows * ldc, y);
			for (size_t i = 0; i < rows * ldc; i++)
				assert_true(y[i] == (float)c[i] * 0.5F);
			assert_true(y[rows * ldc] == GUARD);
			free(y);
			free(c);
		}
		free(x);
		free(a);
		free(panel);
	}
}

static void check_row(const struct gemm_ops *ops, const float *x, size_t k)
{
	size_t padded = gemm_padded(k);
	uint8_t *q = malloc(padded + 1);
	struct gemm_row row;
	memset(q, 77, padded + 1);
	ops->quantize(x, k, q, &row);
	assert_int_equal(q[padded], 77);
	bool low = false, high = false;
	for (size_t i = 0; i < k; i++) {
		double value = (double)row.low + (double)row.step * q[i];
		if (!(fabs(value - (double)x[i]) <= 0.5001 * (double)row.step))
			fail_msg("%s, %zu values: %.9g became %.9g", ops->name, k, (double)x[i],
				 value);
		low |= q[i] == 0;
		high |= q[i] == 255;
	}
	assert_true(low && (high || row.step == 0));
	for (size_t i = k; i < padded; i++)
		assert_int_equal(q[i], 0);
	free(q);
}

static void test_quantize_rows(void **state)
{
	const struct gemm_ops *ops;
	for (size_t t = 0; (ops = gemm_ops_at(t)); t++) {
		for (size_t k = 1; k <= 200; k++) {
			float *x = random_floats(k, (uint32_t)k, 3);
			check_row(ops, x, k);
			for (size_t i = 0; i < k; i++)
				x[i] = 0.25F;
			check_row(ops, x, k);
			for (size_t i = 0; i < k; i++)
				x[i] = 100.0F + (float)i;
			check_row(ops, x, k);
			free(x);
		}
	}
}

/* Same integers everywhere: a row that ends up on another kernel keeps its vector. */
static void test_same_integers(void **state)
{
	const struct gemm_ops *plain = gemm_ops_at(0), *ops;
	float *x = random_floats(777, 5, 2);
	uint8_t want[GEMM_K_STEP * 98], got[GEMM_K_STEP * 98];
	struct gemm_row a, b;
	plain->quantize(x, 777, want, &a);
	for (size_t t = 1; (ops = gemm_ops_at(t)); t++) {
		ops->quantize(x, 777, got, &b);
		assert_memory_equal(got, want, gemm_padded(777));
		assert_true(a.low == b.low && a.step == b.step);
	}
	free(x);
}

/* The largest sum of one sign over the inputs that meet in one 16-bit lane. */
static int worst_sum(const int8_t *q, size_t padded)
{
	static const unsigned char quads[2][4] = {{0, 1, 4, 5}, {2, 3, 6, 7}};
	int worst = 0;
	for (size_t i = 0; i < padded; i += GEMM_K_STEP) {
		for (size_t quad = 0; quad < 2; quad++) {
			int sum[2] = {0, 0};
			for (size_t j = 0; j < 4; j++) {
				int v = q[i + quads[quad][j]];
				sum[v < 0] += abs(v);
			}
			worst = sum[0] > worst ? sum[0] : worst;
			worst = sum[1] > worst ? sum[1] : worst;
		}
	}
	return worst;
}

static void check_column(float *w, size_t k, double relative)
{
	size_t padded = gemm_padded(k);
	int8_t *q = malloc(padded);
	float *column = calloc(padded, sizeof(*column));
	memcpy(column, w, k * sizeof(*w));
	float scale = gemm_quantize_column(column, padded, q);
	double error = 0, power = 0;
	assert_true(worst_sum(q, padded) <= GEMM_I8_SUM_MAX);
	for (size_t i = 0; i < padded; i++) {
		assert_true(q[i] >= -127);
		error += pow((double)scale * q[i] - (double)column[i], 2);
		power += (double)column[i] * (double)column[i];
	}
	if (!(sqrt(error) <= relative * sqrt(power)))
		fail_msg("%zu weights: relative error %.4f", k, sqrt(error / power));
	free(q);
	free(column);
}

static void test_quantize_column(void **state)
{
	for (uint32_t seed = 1; seed <= 40; seed++) {
		size_t k = seed * 19 % 397 + 1;
		float *w = random_floats(k, seed, 0.05F);
		/* uniform weights: every quadruple is large, so that the steps must be, too */
		check_column(w, k, 0.04);
		/* mostly small ones, as published models have */
		for (size_t i = 0; i < k; i++)
			w[i] = w[i] * w[i] * w[i] * 400.0F;
		check_column(w, k, 0.04);
		/* one outlier among small ones */
		w[k / 2] = 1.0F;
		check_column(w, k, 0.04);
		free(w);
	}
	float same[16], zero[8] = {0};
	int8_t q[16];
	for (size_t i = 0; i < 16; i++)
		same[i] = i % 2 ? -1.0F : 1.0F;
	check_column(same, 16, 0.01);
	assert_true(gemm_quantize_column(zero, 8, q) == 0);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(q[i], 0);
}

/* All activations at 255 against the heaviest weights: where 16 bits would overflow if anything did. */
static void test_no_overflow(void **state)
{
	const struct gemm_ops *ops;
	enum { K = 64, N = 50 };
	for (size_t t = 0; (ops = gemm_ops_at(t)); t++) {
		struct product p;
		set_up(&p, ops, GEMM_I8, 3, N, K);
		for (size_t i = 0; i < (size_t)N * K; i++)
			p.weight[i] = i % 3 == 0 ? 1.0F : i % 3 == 1 ? 0.9F : -1.0F;
		free(p.panels);
		free(p.scale);
		free(p.offset);
		pack(&p);
		memset(p.q, 255, 3 * (size_t)K);
		for (size_t i = 0; i < 3; i++)
			p.rows[i] = (struct gemm_row){.low = 0, .step = 1};
		int8_t *levels = levels_of(&p);
		run(&p, GEMM_STORE);
		for (size_t j = 0; j < N; j++) {
			double want = sum_of(&p, 2, j, levels) + (double)p.bias[j];
			assert_true(fabs((double)p.y[2 * p.ldy + j] - want) <=
				    1e-5 * fabs(want) + 1e-3);
		}
		free(levels);
		tear_down(&p);
	}
}

static void test_dispatch(void **state)
{
	const struct gemm_ops *last = gemm_ops_at(0), *ops;
	assert_string_equal(last->name, "plain");
	assert_ptr_equal(gemm_ops_best(VEC_PLAIN), last);
	for (size_t t = 1; (ops = gemm_ops_at(t)); t++) {
		assert_true(ops->vec->level >= last->vec->level);
		last = ops;
	}
	assert_ptr_equal(gemm_ops_best(VEC_AVX512), last);
	assert_true(gemm_ops_best(VEC_AVX2)->vec->level <= VEC_AVX2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_f32),           cmocka_unit_test(test_i8),
		cmocka_unit_test(test_bf16),          cmocka_unit_test(test_tile),
		cmocka_unit_test(test_i16),           cmocka_unit_test(test_quantize_rows),
		cmocka_unit_test(test_same_integers), cmocka_unit_test(test_quantize_column),
		cmocka_unit_test(test_no_overflow),   cmocka_unit_test(test_dispatch),
		cmocka_unit_test(test_slices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
