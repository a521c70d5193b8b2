/*
 * Any bytes as the file of packed weights: refused, or weights that can be multiplied without
 * reading past their end. The first byte says what is done to the others, since hardly any input
 * gets past the checksum by itself:
 *
 *   bits 0, 1  type of the weights (3 is 0 again)
 *   bit 2      the checksum is put right
 *   bit 3      the input is the body alone, and gets the header of a sound file
 *   bit 4      for the best kernels of this processor instead of the plain ones
 *
 * With DOCS_BOT_FUZZ_SEEDS=FOLDER, the seeds are written there first.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "embed/inproc/packed.h"
#include "support/temp_dir.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { REPAIR = 4, BODY_ONLY = 8, BEST = 16 };
enum { HEADER = 192, SHA256_AT = 56, CHECKSUM_AT = 128, ROWS = 7 };
enum { TABLES = 2, LAYERS = 2, K = 20, PART = 5, WIDE_K = 8, WIDE_N = 33 };

static float weights[WIDE_N * WIDE_K + 3 * PART * K], biases[WIDE_N];

static const struct packed_layer layers[LAYERS] = {
	{.k = K,
	 .parts = 3,
	 .part = {{weights, biases, PART, 0.5F},
		  {weights + PART * K, biases + PART, PART, 1},
		  {weights + 2 * PART * K, biases + 2 * PART, PART, 1}}},
	{.k = WIDE_K, .parts = 1, .part = {{weights, biases, WIDE_N, 1}}},
};

/* What packed_make() wrote, by kernels and type. */
static struct sound {
	struct packed_options options;
	int fd; /* of what stands for the file, which every run overwrites */
	struct buf file;
} sound[TABLES][GEMM_TYPE_COUNT];

static struct temp_dir dirs[TABLES];

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_packed: %s\n", what);
	abort();
}

static struct packed_source source(void)
{
	struct packed_source s = {.bytes = 1234, .modified_ns = 5678};
	memset(s.sha256, 'a', sizeof(s.sha256) - 1);
	return s;
}

/* The checksum as packed.h describes it, written down a second time. */
static uint64_t checksum(const unsigned char *file, size_t size)
{
	const uint64_t prime = 0x100000001b3U;
	uint64_t lane[4] = {0xcbf29ce484222325U, 1, 2, 3}, sum = size - HEADER;
	for (size_t i = 0; i < size / 32 * 32; i += 8) {
		size_t in_group = i % 32 / 8;
		uint64_t word;
		memcpy(&word, file + i, sizeof(word));
		if (i == CHECKSUM_AT)
			word = 0;
		lane[in_group] = (lane[in_group] ^ word) * prime;
	}
	for (size_t i = 0; i < 4; i++)
		sum = (sum ^ lane[i]) * prime;
	return sum;
}

static void repair(unsigned char *file, size_t size)
{
	uint64_t sum = checksum(file, size);
	memcpy(file + CHECKSUM_AT, &sum, sizeof(sum));
}

static void *exact_copy(const unsigned char *from, size_t bytes)
{
	void *to = NULL;
	require(posix_memalign(&to, GEMM_ALIGN, bytes) == 0, "out of memory");
	memcpy(to, from, bytes);
	return to;
}

/* Blocks of exactly the size they must have, so that AddressSanitizer sees a step too far. */
struct product {
	const struct gemm_ops *ops;
	struct gemm_weights w;
	float *x, *y;
	void *narrow;
	struct gemm_row rows[ROWS];
};

static void multiply(struct product *p, size_t m, enum gemm_finish finish)
{
	size_t padded = gemm_padded(p->w.k);
	switch (p->w.type) {
	case GEMM_I8:
		for (size_t i = 0; i < m; i++)
			p->ops->quantize(p->x + i * p->w.k, p->w.k,
					 (uint8_t *)p->narrow + i * padded, &p->rows[i]);
		p->ops->i8(&p->w, m, p->narrow, p->rows, finish, p->y, p->w.n);
		break;
	case GEMM_BF16:
		if (!p->ops->bf16)
			return;
		for (size_t i = 0; i < m; i++)
			p->ops->to_bf16(p->x + i * p->w.k, p->w.k,
					(uint16_t *)p->narrow + i * padded);
		p->ops->bf16(&p->w, m, p->narrow, finish, p->y, p->w.n);
		break;
	case GEMM_F32:
	case GEMM_TYPE_COUNT:
		p->ops->f32(&p->w, m, p->x, p->w.k, finish, p->y, p->w.n);
		break;
	}
}

/* Takes `bytes` of the body from *at on; they must be what the weights point to. */
static void *part(const void *got, const struct buf *file, size_t *at, size_t bytes)
{
	require(file->len - *at >= bytes, "the body is shorter than its layers");
	const unsigned char *want = (const unsigned char *)file->ptr + *at;
	require((uintptr_t)got % GEMM_ALIGN == 0, "weights are not aligned");
	require(memcmp(got, want, bytes) == 0, "weights are not the bytes of the file");
	*at += (bytes + GEMM_ALIGN - 1) / GEMM_ALIGN * GEMM_ALIGN;
	return exact_copy(want, bytes);
}

static void check_layer(const struct sound *s, const struct gemm_weights *w, const struct buf *file,
			size_t *at)
{
	bool narrow = w->type == GEMM_I8;
	size_t row = w->n * sizeof(float);
	size_t bytes = gemm_panel_bytes(s->options.ops, w->type, w->n, w->k);
	void *panels = part(w->panels, file, at, bytes);
	float *bias = part(w->bias, file, at, row);
	float *scale = narrow ? part(w->scale, file, at, row) : NULL;
	float *offset = narrow ? part(w->offset, file, at, row) : NULL;
	struct product p = {.ops = s->options.ops,
			    .w = {w->type, w->n, w->k, panels, bias, scale, offset},
			    .x = calloc(ROWS * w->k, sizeof(float)),
			    .y = calloc(ROWS * w->n, sizeof(float)),
			    .narrow = aligned_alloc(GEMM_ALIGN, (size_t)ROWS * GEMM_ALIGN)};
	require(p.x && p.y && p.narrow, "out of memory");
	require(gemm_padded(w->k) * sizeof(uint16_t) <= GEMM_ALIGN, "narrow rows need more room");
	for (size_t i = 0; i < ROWS * w->k; i++)
		p.x[i] = (float)(i % 11) - 4;
	multiply(&p, ROWS, GEMM_STORE);
	multiply(&p, 1, GEMM_GELU);
	multiply(&p, 2, GEMM_ADD);
	free(panels);
	free(bias);
	free(scale);
	free(offset);
	free(p.x);
	free(p.y);
	free(p.narrow);
}

static void check_loaded(const struct sound *s, const struct packed *packed,
			 const struct packed_source *from, const struct buf *file)
{
	size_t at = HEADER;
	require(strspn(from->sha256, "0123456789abcdef") == 64 && !from->sha256[64],
		"the hash of the weights is none");
	require(file->len == s->file.len, "a file of another size is accepted");
	require(memcmp(file->ptr, s->file.ptr, SHA256_AT) == 0, "a foreign header is accepted");
	for (size_t i = 0; i < LAYERS; i++) {
		const struct gemm_weights *w = packed_weights(packed, i);
		require(w->type == s->options.type && w->k == layers[i].k &&
				w->n == (i == 0 ? 3 * PART : WIDE_N),
			"a layer has another shape");
		check_layer(s, w, file, &at);
	}
	require(at == file->len, "the body is longer than its layers");
}

/* True when the file was accepted. */
static bool check_file(struct sound *s, const struct buf *file)
{
	struct packed_source from = source();
	struct packed *packed = NULL;
	struct err err = {ERR_OK, ""};
	memset(from.sha256, 0, sizeof(from.sha256));
	require(ftruncate(s->fd, 0) == 0 &&
			pwrite(s->fd, file->ptr, file->len, 0) == (ssize_t)file->len,
		"cannot write the file");
	enum err_code code = packed_load(&s->options, &from, alloc_default(), &packed, &err);
	require(code == ERR_OK || (code == ERR_NOTFOUND && !packed && err.message[0]),
		"refused in another way than promised");
	if (!code)
		check_loaded(s, packed, &from, file);
	packed_close(packed);
	return code == ERR_OK;
}

static void make_sound(struct sound *s, const struct gemm_ops *ops, enum gemm_type type,
		       const char *dir)
{
	static const char *const names[] = {
		[GEMM_F32] = "f32", [GEMM_I8] = "int8", [GEMM_BF16] = "bf16"};
	struct packed_source from = source();
	struct packed *packed;
	struct err err = {ERR_OK, ""};
	char path[512];
	s->options = (struct packed_options){
		.dir = dir, .ops = ops, .type = type, .layers = layers, .layer_count = LAYERS};
	snprintf(path, sizeof(path), "%s/packed-%s-%s.bin", dir, names[type], ops->name);
	require(packed_make(&s->options, &from, alloc_default(), &packed, &err) == ERR_OK,
		err.message);
	packed_close(packed);
	buf_init(&s->file, alloc_default(), 1U << 20);
	require(file_read(path, 1U << 20, &s->file, &err) == ERR_OK, err.message);
	/* From now on the file is in memory: writing to a disk would be most of a run's time. */
	char target[64];
	s->fd = memfd_create("packed", MFD_CLOEXEC);
	snprintf(target, sizeof(target), "/proc/self/fd/%d", s->fd);
	require(s->fd >= 0 && unlink(path) == 0 && symlink(target, path) == 0,
		"cannot put the file into memory");

	uint64_t sum;
	memcpy(&sum, s->file.ptr + CHECKSUM_AT, sizeof(sum));
	require(s->file.len > HEADER && s->file.len % GEMM_ALIGN == 0, "another header");
	require(sum == checksum((const unsigned char *)s->file.ptr, s->file.len),
		"packed.c computes another checksum than this program");
	require(check_file(s, &s->file), "what packed_make() wrote is refused");
}

static void write_seed(const char *dir, const char *name, int mode, struct str content)
{
	struct buf path, seed;
	struct err err = {ERR_OK, ""};
	buf_init(&path, alloc_default(), 4096);
	buf_init(&seed, alloc_default(), 1U << 20);
	buf_printf(&path, "%s/%s", dir, name);
	buf_append_byte(&seed, (char)mode);
	buf_append(&seed, content);
	require(file_write_atomic(path.ptr, buf_str(&seed), &err) == ERR_OK, err.message);
	buf_release(&path);
	buf_release(&seed);
}

static void write_seeds(const char *dir)
{
	struct str f32 = buf_str(&sound[0][GEMM_F32].file), i8 = buf_str(&sound[0][GEMM_I8].file);
	struct str bf16 = buf_str(&sound[0][GEMM_BF16].file);
	struct buf odd_hash;
	buf_init(&odd_hash, alloc_default(), 1U << 20);
	buf_append(&odd_hash, i8);
	require(!odd_hash.failed, "out of memory");
	odd_hash.ptr[SHA256_AT] = '\n';
	write_seed(dir, "int8-odd-hash", GEMM_I8 | REPAIR, buf_str(&odd_hash));
	buf_release(&odd_hash);
	write_seed(dir, "f32", GEMM_F32, f32);
	write_seed(dir, "int8", GEMM_I8, i8);
	write_seed(dir, "bf16", GEMM_BF16, bf16);
	write_seed(dir, "int8-repaired", GEMM_I8 | REPAIR, i8);
	write_seed(dir, "int8-truncated", GEMM_I8 | REPAIR, str_slice(i8, 0, i8.len - GEMM_ALIGN));
	write_seed(dir, "int8-of-another-type", GEMM_F32, i8);
	write_seed(dir, "header-alone", GEMM_F32 | REPAIR, str_slice(f32, 0, HEADER));
	write_seed(dir, "half-a-header", GEMM_F32, str_slice(f32, 0, HEADER / 2));
	write_seed(dir, "body-int8", GEMM_I8 | REPAIR | BODY_ONLY, str_slice(i8, HEADER, i8.len));
	write_seed(dir, "body-f32-best", GEMM_F32 | REPAIR | BODY_ONLY | BEST, STR("\xFF\xFF"));
	write_seed(dir, "body-int8-best", GEMM_I8 | REPAIR | BODY_ONLY | BEST, STR("\x80\x7F"));
	write_seed(dir, "body-bf16-best", GEMM_BF16 | REPAIR | BODY_ONLY | BEST, STR("\xC0\x7F"));
}

static void clean_up(void)
{
	for (size_t i = 0; i < TABLES; i++)
		temp_dir_remove(&dirs[i]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	for (size_t i = 0; i < sizeof(weights) / sizeof(*weights); i++)
		weights[i] = (float)((int)(i * 37 % 101) - 50) / 64;
	for (size_t i = 0; i < WIDE_N; i++)
		biases[i] = (float)i / 8;
	for (size_t i = 0; i < TABLES; i++)
		temp_dir_make(&dirs[i]);
	atexit(clean_up);
	for (int type = 0; type < GEMM_TYPE_COUNT; type++) {
		make_sound(&sound[0][type], gemm_ops_at(0), (enum gemm_type)type, dirs[0].path);
		make_sound(&sound[1][type], gemm_ops_best(VEC_AVX512), (enum gemm_type)type,
			   dirs[1].path);
	}
	const char *seeds = getenv("DOCS_BOT_FUZZ_SEEDS");
	if (seeds)
		write_seeds(seeds);
	return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct buf file;
	if (size == 0)
		return 0;
	int mode = data[0], type = (mode & 3) % GEMM_TYPE_COUNT;
	struct sound *s = &sound[mode & BEST ? 1 : 0][type];
	struct str input = {(const char *)data + 1, size - 1};
	buf_init(&file, alloc_default(), 1U << 24);
	if (mode & BODY_ONLY) {
		/* Repeated to the length that the header promises, so that few bytes do. */
		buf_append(&file, str_slice(buf_str(&s->file), 0, HEADER));
		while (input.len && file.len < s->file.len)
			buf_append(&file, str_slice(input, 0, s->file.len - file.len));
	} else {
		buf_append(&file, input);
	}
	require(!file.failed, "out of memory");
	if (mode & REPAIR && file.len >= HEADER)
		repair((unsigned char *)file.ptr, file.len);
	bool accepted = check_file(s, &file);
	require(accepted || !(mode & REPAIR && mode & BODY_ONLY && input.len),
		"a sound header with a right checksum is refused");
	buf_release(&file);
	return 0;
}
