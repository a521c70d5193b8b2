/*
 * The floor under an f32 encoder: the time of its matrix products alone, at the same shapes, by
 * oneDNN in one thread. Weights lie in the layout that oneDNN asks for, each layer has its own
 * (they do not fit into the caches together), and queries, keys and values are rows of one product
 * as they are in an encoder. No bias, activation, normalization, softmax or tokenizer.
 *
 *   bench_floor HIDDEN HEADS LAYERS INTERMEDIATE TOKENS
 *
 * Prints {"model": "floor", "gflop": …}, then for each line on stdin {"ms": …, "cpu_ms": …}: all products once.
 */
#include <inttypes.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void omp_set_num_threads(int count); /* libgomp; clang has no <omp.h> of its own */

enum { DIMENSION_MAX = 1 << 16, LAYERS_MAX = 128, HEADS_MAX = 128 };

struct shape {
	dnnl_dim_t hidden, heads, layers, intermediate, tokens;
};

/* One matrix product: what it runs with, and for dense ones the weights of every layer. */
struct product {
	dnnl_primitive_t primitive;
	dnnl_memory_desc_t weights;
};

struct layer {
	dnnl_memory_t qkv, out, up, down; /* weights */
};

struct head {
	dnnl_memory_t query, key, value, context;
};

struct floor_run {
	struct shape shape;
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	struct product qkv, scores, context, out, up, down;
	struct layer layers[LAYERS_MAX];
	struct head heads[HEADS_MAX];
	dnnl_memory_t x, qkv_rows, head_scores, context_rows, sum, inner, y; /* activations */
};

static void check(dnnl_status_t status, const char *what)
{
	if (status == dnnl_success)
		return;
	fprintf(stderr, "bench_floor: %s: oneDNN status %d\n", what, (int)status);
	exit(1);
}

static float *values(size_t count, float scale)
{
	static uint32_t state = 1;
	float *out = aligned_alloc(64, (count * sizeof(*out) + 63) / 64 * 64);
	if (!out) {
		fputs("bench_floor: out of memory\n", stderr);
		exit(1);
	}
	for (size_t i = 0; i < count; i++) {
		state = state * 1664525U + 1013904223U; /* Numerical Recipes' generator */
		out[i] = ((float)(state >> 8) / (float)(1U << 23) - 1.0F) * scale;
	}
	return out;
}

/* rows x columns of f32 with `stride` values from row to row */
static dnnl_memory_desc_t matrix(dnnl_dim_t rows, dnnl_dim_t columns, dnnl_dim_t stride,
				 dnnl_dim_t step)
{
	dnnl_memory_desc_t desc;
	check(dnnl_memory_desc_init_by_strides(&desc, 2, (dnnl_dims_t){rows, columns}, dnnl_f32,
					       (dnnl_dims_t){stride, step}),
	      "describing a matrix");
	return desc;
}

static dnnl_memory_t memory(struct floor_run *run, const dnnl_memory_desc_t *desc, float *data)
{
	dnnl_memory_t out;
	check(dnnl_memory_create(&out, desc, run->engine, data), "creating memory");
	return out;
}

static dnnl_memory_t activation(struct floor_run *run, dnnl_dim_t rows, dnnl_dim_t columns)
{
	dnnl_memory_desc_t desc = matrix(rows, columns, columns, 1);
	return memory(run, &desc, values((size_t)(rows * columns), 1.0F));
}

static struct product make_product(struct floor_run *run, const dnnl_memory_desc_t *a,
				   const dnnl_memory_desc_t *b, const dnnl_memory_desc_t *c)
{
	struct product product;
	dnnl_matmul_desc_t desc;
	dnnl_primitive_desc_t primitive;
	check(dnnl_matmul_desc_init(&desc, a, b, NULL, c), "describing a product");
	check(dnnl_primitive_desc_create(&primitive, &desc, NULL, run->engine, NULL),
	      "choosing a product");
	product.weights = *dnnl_primitive_desc_query_md(primitive, dnnl_query_weights_md, 0);
	check(dnnl_primitive_create(&product.primitive, primitive), "making a product");
	dnnl_primitive_desc_destroy(primitive);
	return product;
}

/* tokens x in -> tokens x out, the weights in the layout of oneDNN's choice */
static struct product dense(struct floor_run *run, dnnl_dim_t in, dnnl_dim_t out)
{
	dnnl_dim_t tokens = run->shape.tokens;
	dnnl_memory_desc_t a = matrix(tokens, in, in, 1), b, c = matrix(tokens, out, out, 1);
	check(dnnl_memory_desc_init_by_tag(&b, 2, (dnnl_dims_t){in, out}, dnnl_f32,
					   dnnl_format_tag_any),
	      "describing weights");
	return make_product(run, &a, &b, &c);
}

/* Weights of one layer, of a size that keeps the activations' size. */
static dnnl_memory_t weights(struct floor_run *run, const struct product *product)
{
	size_t bytes = dnnl_memory_desc_get_size(&product->weights);
	return memory(run, &product->weights, values(bytes / sizeof(float), 0.05F));
}

static void multiply(struct floor_run *run, const struct product *product, dnnl_memory_t a,
		     dnnl_memory_t b, dnnl_memory_t c)
{
	const dnnl_exec_arg_t args[] = {
		{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}};
	check(dnnl_primitive_execute(product->primitive, run->stream, 3, args), "multiplying");
}

static void prepare_attention(struct floor_run *run)
{
	dnnl_dim_t tokens = run->shape.tokens, hidden = run->shape.hidden,
		   size = hidden / run->shape.heads, row = 3 * hidden;
	dnnl_memory_desc_t slice = matrix(tokens, size, row, 1);
	dnnl_memory_desc_t turned = matrix(size, tokens, 1, row);
	dnnl_memory_desc_t square = matrix(tokens, tokens, tokens, 1);
	dnnl_memory_desc_t result = matrix(tokens, size, hidden, 1);
	float *qkv = values((size_t)(tokens * row), 1.0F);
	float *context = values((size_t)(tokens * hidden), 1.0F);
	dnnl_memory_desc_t rows = matrix(tokens, row, row, 1);
	dnnl_memory_desc_t context_rows = matrix(tokens, hidden, hidden, 1);
	run->scores = make_product(run, &slice, &turned, &square);
	run->context = make_product(run, &square, &slice, &result);
	run->qkv_rows = memory(run, &rows, qkv);
	run->context_rows = memory(run, &context_rows, context);
	run->head_scores = activation(run, tokens, tokens);
	for (dnnl_dim_t h = 0; h < run->shape.heads; h++) {
		struct head *head = &run->heads[h];
		head->query = memory(run, &slice, qkv + h * size);
		head->key = memory(run, &turned, qkv + hidden + h * size);
		head->value = memory(run, &slice, qkv + 2 * hidden + h * size);
		head->context = memory(run, &result, context + h * size);
	}
}

static void prepare(struct floor_run *run)
{
	const struct shape *s = &run->shape;
	check(dnnl_engine_create(&run->engine, dnnl_cpu, 0), "creating the engine");
	check(dnnl_stream_create(&run->stream, run->engine, dnnl_stream_default_flags),
	      "creating the stream");
	run->qkv = dense(run, s->hidden, 3 * s->hidden);
	run->out = dense(run, s->hidden, s->hidden);
	run->up = dense(run, s->hidden, s->intermediate);
	run->down = dense(run, s->intermediate, s->hidden);
	prepare_attention(run);
	run->x = activation(run, s->tokens, s->hidden);
	run->sum = activation(run, s->tokens, s->hidden);
	run->inner = activation(run, s->tokens, s->intermediate);
	run->y = activation(run, s->tokens, s->hidden);
	for (dnnl_dim_t i = 0; i < s->layers; i++) {
		run->layers[i] = (struct layer){.qkv = weights(run, &run->qkv),
						.out = weights(run, &run->out),
						.up = weights(run, &run->up),
						.down = weights(run, &run->down)};
	}
}

/* Every layer reads x and writes y, so that nothing grows from layer to layer. */
static void run_once(struct floor_run *run)
{
	for (dnnl_dim_t i = 0; i < run->shape.layers; i++) {
		const struct layer *layer = &run->layers[i];
		multiply(run, &run->qkv, run->x, layer->qkv, run->qkv_rows);
		for (dnnl_dim_t h = 0; h < run->shape.heads; h++) {
			const struct head *head = &run->heads[h];
			multiply(run, &run->scores, head->query, head->key, run->head_scores);
			multiply(run, &run->context, run->head_scores, head->value, head->context);
		}
		multiply(run, &run->out, run->context_rows, layer->out, run->sum);
		multiply(run, &run->up, run->sum, layer->up, run->inner);
		multiply(run, &run->down, run->inner, layer->down, run->y);
	}
	check(dnnl_stream_wait(run->stream), "waiting");
}

static double milliseconds(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static bool read_number(const char *text, dnnl_dim_t most, dnnl_dim_t *out)
{
	char *end;
	long long value = strtoll(text, &end, 10);
	*out = value;
	return *text && !*end && value >= 1 && value <= most;
}

int main(int argc, char **argv)
{
	static struct floor_run run;
	struct shape *s = &run.shape;
	if (argc != 6 || !read_number(argv[1], DIMENSION_MAX, &s->hidden) ||
	    !read_number(argv[2], HEADS_MAX, &s->heads) ||
	    !read_number(argv[3], LAYERS_MAX, &s->layers) ||
	    !read_number(argv[4], DIMENSION_MAX, &s->intermediate) ||
	    !read_number(argv[5], DIMENSION_MAX, &s->tokens) || s->hidden % s->heads) {
		fputs("usage: bench_floor HIDDEN HEADS LAYERS INTERMEDIATE TOKENS\n", stderr);
		return 2;
	}
	omp_set_num_threads(1);
	prepare(&run);
	double dense_flop =
		2.0 *
		(double)(s->tokens * (4 * s->hidden * s->hidden + 2 * s->hidden * s->intermediate));
	double attention_flop = 4.0 * (double)(s->tokens * s->tokens * s->hidden);
	double gflop = (double)s->layers * (dense_flop + attention_flop) / 1e9;
	printf("{\"model\": \"floor\", \"gflop\": %.9f, \"onednn\": \"%d.%d.%d\"}\n", gflop,
	       dnnl_version()->major, dnnl_version()->minor, dnnl_version()->patch);
	fflush(stdout);
	for (int c = getchar(); c != EOF; c = getchar()) {
		if (c != '\n')
			continue;
		double from = milliseconds(CLOCK_MONOTONIC);
		double cpu_from = milliseconds(CLOCK_PROCESS_CPUTIME_ID);
		run_once(&run);
		printf("{\"ms\": %.6f, \"cpu_ms\": %.6f}\n", milliseconds(CLOCK_MONOTONIC) - from,
		       milliseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_from);
		fflush(stdout);
	}
	return 0;
}
