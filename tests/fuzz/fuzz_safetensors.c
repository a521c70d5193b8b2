/*
 * Any bytes as model.safetensors: refused with one line of valid text, or every tensor is exactly
 * the bytes that a second, simpler reading of the header finds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "embed/inproc/safetensors.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* The input and what is known of it. */
struct sample {
	const struct safetensors *st;
	const unsigned char *bytes; /* of the data section */
	size_t len;
	unsigned char *covered; /* [len], 1 where a tensor has been */
	size_t tensors;
	bool finite;
};

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_safetensors: %s\n", what);
	abort();
}

/* One line that a terminal and a JSON log can show. */
static void check_message(const struct err *err)
{
	struct str text = str_c(err->message);
	require(text.len > 0 && utf8_valid(text), "a message is empty or no valid text");
	for (size_t i = 0; i < text.len; i++)
		require((unsigned char)text.ptr[i] >= ' ' && text.ptr[i] != 0x7f,
			"a control character is in a message");
}

static size_t item_size(struct str dtype)
{
	if (str_eq(dtype, STR("BOOL")))
		return 1;
	const char *digit = dtype.ptr;
	while (*digit && (*digit < '0' || *digit > '9'))
		digit++;
	return (size_t)strtoul(digit, NULL, 10) / 8;
}

static void check_f32(struct sample *s, struct str name, const size_t *shape, size_t ndim,
		      const unsigned char *want, size_t bytes)
{
	struct err err = {ERR_OK, ""};
	const float *values = NULL;
	enum err_code code = safetensors_f32(s->st, name, shape, ndim, &values, &err);
	bool fits = (uintptr_t)want % sizeof(float) == 0; /* the mapping begins at a page */
	if (code) {
		require(!fits, "a sound f32 tensor is refused");
		check_message(&err);
	} else {
		require(fits && memcmp(values, want, bytes) == 0, "other values than the file's");
	}
	for (size_t i = 0; i < bytes; i += sizeof(float)) {
		float value;
		memcpy(&value, want + i, sizeof(value));
		s->finite = s->finite && isfinite(value);
	}

	/* Neither more dimensions nor another size. */
	size_t other[SAFETENSORS_MAX_DIMS + 1] = {0};
	if (ndim)
		memcpy(other, shape, ndim * sizeof(*shape));
	require(safetensors_f32(s->st, name, other, ndim + 1, &values, NULL) == ERR_FORMAT,
		"a dimension too many is accepted");
	if (ndim) {
		other[ndim - 1]++;
		require(safetensors_f32(s->st, name, other, ndim, &values, &err) == ERR_FORMAT,
			"another shape is accepted");
		check_message(&err);
	}
}

static void check_tensor(struct sample *s, const char *key, const json_t *entry)
{
	size_t shape[SAFETENSORS_MAX_DIMS] = {0};
	struct str dtype = json_get_str(entry, "dtype"), name = str_c(key);
	const json_t *dims = json_object_get(entry, "shape");
	const json_t *offsets = json_object_get(entry, "data_offsets");
	size_t ndim = json_array_size(dims), bytes = item_size(dtype);
	size_t begin = (size_t)json_integer_value(json_array_get(offsets, 0));
	size_t end = (size_t)json_integer_value(json_array_get(offsets, 1));
	require(safetensors_has(s->st, name), "a tensor of the header is not found");
	require(ndim <= SAFETENSORS_MAX_DIMS, "too many dimensions");
	for (size_t i = 0; i < ndim; i++) {
		shape[i] = (size_t)json_integer_value(json_array_get(dims, i));
		require(size_mul(bytes, shape[i], &bytes), "a size that overflows");
	}
	require(begin <= end && end <= s->len && bytes == end - begin, "offsets that lie");
	for (size_t i = begin; i < end; i++) {
		require(!s->covered[i], "tensors overlap");
		s->covered[i] = 1;
	}
	s->tensors++;
	if (str_eq(dtype, STR("F32")))
		check_f32(s, name, shape, ndim, s->bytes + begin, bytes);
	else
		require(safetensors_f32(s->st, name, shape, ndim, &(const float *){NULL}, NULL) ==
				ERR_FORMAT,
			"another type is taken for f32");
}

static void check_opened(const struct safetensors *st, const unsigned char *file, size_t size)
{
	struct err err = {ERR_OK, ""};
	size_t header_len = 0;
	const char *key;
	json_t *header, *entry;
	require(size >= 8, "a file without a length is accepted");
	for (size_t i = 8; i-- > 0;)
		header_len = header_len << 8 | file[i];
	require(header_len <= size - 8, "the header ends behind the file");
	header = json_loadb((const char *)file + 8, header_len, 0, NULL);
	struct sample s = {.st = st,
			   .bytes = file + 8 + header_len,
			   .len = size - 8 - header_len,
			   .finite = true};
	s.covered = calloc(s.len + 1, 1);
	require(header && s.covered, "no memory, or no JSON");
	json_object_foreach(header, key, entry)
	{
		if (strcmp(key, "__metadata__") != 0)
			check_tensor(&s, key, entry);
	}
	require(s.tensors == safetensors_count(st), "another number of tensors");
	require(!memchr(s.covered, 0, s.len), "a hole is accepted");

	enum err_code code = safetensors_check_finite(st, &err);
	require((code == ERR_OK) == s.finite, "wrong about finite values");
	if (code)
		check_message(&err);
	json_decref(header);
	free(s.covered);
}

/* `file` is a copy at a multiple of 16, so that its alignment tells that of the mapping. */
static void check_file(const char *path, const unsigned char *file, size_t size)
{
	struct safetensors *st = NULL;
	struct err err = {ERR_OK, ""};
	if (safetensors_open(path, alloc_default(), &st, &err)) {
		require(!st && err.code != ERR_NOMEM, "a refused file is left open");
		check_message(&err);
		return;
	}
	check_opened(st, file, size);

	char got[65], want[65];
	uint64_t bytes = 0;
	int64_t modified_ns = 0;
	safetensors_forget_pages(st);
	safetensors_sha256(st, got);
	sha256_hex(file, size, want);
	require(strcmp(got, want) == 0, "another hash than the file's");
	safetensors_identity(st, &bytes, &modified_ns);
	require(bytes == size, "another size than the file's");
	safetensors_close(st);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	char path[64];
	unsigned char *copy = malloc(size + 1);
	int fd = memfd_create("model.safetensors", MFD_CLOEXEC);
	require(copy && fd >= 0 && write(fd, data, size) == (ssize_t)size, "cannot write the file");
	memcpy(copy, data, size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	check_file(path, copy, size);
	close(fd);
	free(copy);
	return 0;
}
