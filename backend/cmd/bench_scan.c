#include "cmd/bench_scan.h"

#include <math.h>
#include <string.h>

#include "store/sqlite/scan.h"

enum { WORD_BYTES = 32, UNROLL = 4, QUERY_STEP = 7919 };

/* Four 64-bit words: the compiler makes them whatever its target has. */
typedef uint64_t words __attribute__((vector_size(WORD_BYTES)));

/* Inlined into a function of each instruction set. */
__attribute__((always_inline)) static inline uint64_t sum_words(const words *at, size_t count)
{
	words a = {0}, b = {0}, c = {0}, d = {0};
	for (size_t i = 0; i + UNROLL <= count; i += UNROLL) {
		a += at[i];
		b += at[i + 1];
		c += at[i + 2];
		d += at[i + 3];
	}
	a += b + c + d;
	return a[0] + a[1] + a[2] + a[3];
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static uint64_t read_avx2(const words *at, size_t count)
{
	return sum_words(at, count);
}
#endif

/* The sum of `bytes` / 8 words, as fast as one core reads: 16-byte loads alone do not get there. */
static uint64_t read_all(const void *from, size_t bytes)
{
	const words *at = from;
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return read_avx2(at, bytes / WORD_BYTES);
#endif
	return sum_words(at, bytes / WORD_BYTES);
}

/* The made-up set; a vector can be made again from its number. */
struct set {
	const struct alloc *alloc;
	size_t count, dimension;
	void *block;
	int8_t *codes;
	struct scan_row *rows;
};

/* splitmix64 (Steele, Lea, Flood 2014) seeds each row; the values are uniform, then normalized. */
static void make_vector(size_t number, size_t dimension, float *out)
{
	uint64_t z = ((uint64_t)number + 1) * 0x9E3779B97F4A7C15U;
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
	uint64_t state = z ^ (z >> 31);
	for (size_t i = 0; i < dimension; i++) {
		state = state * 6364136223846793005U + 1442695040888963407U;
		out[i] = (float)(int32_t)(state >> 32) * 0x1p-31F;
	}
	vec_normalize(out, dimension);
}

static enum err_code fetch(void *ctx, size_t row, float *vector, struct err *err)
{
	const struct set *set = ctx;
	make_vector(row, set->dimension, vector);
	return ERR_OK;
}

static void set_release(struct set *set)
{
	alloc_free(set->alloc, set->block);
	alloc_free(set->alloc, set->rows);
}

static enum err_code set_make(const struct context *ctx, struct set *set, struct err *err)
{
	size_t stride = scan_stride(set->dimension), bytes;
	float *vector = arena_array(ctx->arena, set->dimension, sizeof(*vector));
	if (!vector)
		return arena_fail(ctx->arena, err);
	if (!size_mul(set->count, stride, &bytes) || !size_add(bytes, VECI8_LINE, &bytes))
		return err_set(err, ERR_LIMIT, "%zu vectors are too many", set->count);
	set->block = alloc_zero(ctx->alloc, bytes, 1);
	set->rows = alloc_zero(ctx->alloc, set->count, sizeof(*set->rows));
	if (!set->block || !set->rows)
		return err_set(err, ERR_NOMEM,
			       "out of memory: %zu vectors need %zu MiB; give a "
			       "smaller number with --vectors",
			       set->count, bytes >> 20);
	set->codes =
		(int8_t *)(((uintptr_t)set->block + VECI8_LINE - 1) & ~(uintptr_t)(VECI8_LINE - 1));
	for (size_t i = 0; i < set->count; i++) {
		if (i % 4096 == 0 && atomic_load(ctx->stop))
			return err_set(err, ERR_CANCELLED, "stopped");
		make_vector(i, set->dimension, vector);
		if (!scan_encode(vector, set->dimension, set->codes + i * stride, &set->rows[i]))
			return err_set(err, ERR_INTERNAL, "vector %zu is not finite", i);
	}
	return ERR_OK;
}

/* One search for a vector of the set; fails when the set's own vector is not the best. */
static enum err_code search(const struct scan_request *request, size_t row, struct arena *arena,
			    struct scan_counts *counts, struct err *err)
{
	struct scan_hit *hits;
	size_t count;
	enum err_code code = scan_top(request, arena, &hits, &count, counts, err);
	if (!code && (count == 0 || hits[0].row != row))
		code = err_set(err, ERR_INTERNAL, "the scan does not find vector %zu by itself",
			       row);
	return code;
}

static enum err_code measure(const struct context *ctx, const struct set *set, size_t runs,
			     int vec_limit, struct bench_scan_result *out, struct err *err)
{
	const struct scan_rows rows = {set->count, set->dimension, set->codes, set->rows};
	size_t code_bytes = set->count * scan_stride(set->dimension);
	size_t row_bytes = set->count * sizeof(*set->rows);
	float *query = arena_array(ctx->arena, set->dimension, sizeof(*query));
	double *times = arena_array(ctx->arena, 3 * runs, sizeof(*times));
	if (!query || !times)
		return arena_fail(ctx->arena, err);
	struct scan_request request = {.rows = &rows,
				       .codes_ops = veci8_ops_best((enum vec_level)vec_limit),
				       .vec = vec_ops_best((enum vec_level)vec_limit),
				       .query = query,
				       .k = BENCH_SCAN_K,
				       .fetch = fetch,
				       .ctx = (void *)set};
	struct arena scratch;
	enum err_code code = ERR_OK;
	out->kernel = request.codes_ops->name;
	out->bytes = code_bytes + row_bytes;
	arena_init(&scratch, ctx->alloc, (size_t)1 << 30);
	/* Run 0 is not counted. */
	for (size_t i = 0; i <= runs && !code; i++) {
		struct scan_counts counts = {0};
		size_t row = i * QUERY_STEP % set->count;
		make_vector(row, set->dimension, query);
		int64_t begin = clock_monotonic_us(ctx->clock);
		out->sum += read_all(set->codes, code_bytes) + read_all(set->rows, row_bytes);
		int64_t middle = clock_monotonic_us(ctx->clock);
		code = atomic_load(ctx->stop) ? err_set(err, ERR_CANCELLED, "stopped")
					      : search(&request, row, &scratch, &counts, err);
		int64_t end = clock_monotonic_us(ctx->clock);
		arena_reset(&scratch);
		if (i == 0)
			continue;
		times[i - 1] = (double)(middle - begin) / 1000;
		times[runs + i - 1] = (double)(end - middle) / 1000;
		times[2 * runs + i - 1] =
			end > middle ? (double)(middle - begin) / (double)(end - middle) : 0;
		out->candidates += (double)counts.candidates / (double)runs;
	}
	arena_release(&scratch);
	bench_summarize(times, runs, &out->read_ms);
	bench_summarize(times + runs, runs, &out->scan_ms);
	bench_summarize(times + 2 * runs, runs, &out->share);
	return code;
}

enum err_code bench_scan(const struct context *ctx, const struct bench_scan_options *options,
			 struct bench_scan_result *out, struct err *err)
{
	struct set set = {
		.alloc = ctx->alloc, .count = options->vectors, .dimension = options->dimension};
	*out = (struct bench_scan_result){0};
	enum err_code code = set_make(ctx, &set, err);
	if (!code)
		code = measure(ctx, &set, options->runs, options->vec_limit, out, err);
	set_release(&set);
	return code;
}
