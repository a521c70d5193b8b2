#include "embed/inproc/safetensors.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors holds little-endian values that are used in place"
#endif

#define LENGTH_SIZE 8U

struct tensor {
	struct str name;  /* in safetensors.names */
	struct str dtype; /* static storage */
	size_t dims[SAFETENSORS_MAX_DIMS];
	size_t ndim;
	size_t begin, end; /* bytes in the data section */
};

struct safetensors {
	const struct alloc *alloc;
	struct file_map map;
	const unsigned char *data;
	size_t data_len;
	struct tensor *tensors; /* sorted by name */
	size_t count;
	char *names;
};

static const struct dtype {
	struct str name;
	size_t size;
} dtypes[] = {
	{{"F32", 3}, 4}, {{"F16", 3}, 2}, {{"BF16", 4}, 2}, {{"F64", 3}, 8}, {{"I64", 3}, 8},
	{{"I32", 3}, 4}, {{"I16", 3}, 2}, {{"I8", 2}, 1},   {{"U64", 3}, 8}, {{"U32", 3}, 4},
	{{"U16", 3}, 2}, {{"U8", 2}, 1},  {{"BOOL", 4}, 1},
};

/* Names come from the file: the message shows at most this much of them. */
#define SHOWN(s) (int)((s).len < 120 ? (s).len : 120), (s).ptr

static enum err_code damaged(struct err *err, struct str name, const char *what)
{
	return err_set(err, ERR_FORMAT, "tensor %.*s: %s", SHOWN(name), what);
}

/* A JSON integer that is a valid size. */
static bool get_size(const json_t *value, size_t *out)
{
	if (!json_is_integer(value))
		return false;
	json_int_t number = json_integer_value(value);
	if (number < 0 || (uintmax_t)number > SIZE_MAX)
		return false;
	*out = (size_t)number;
	return true;
}

static enum err_code read_shape(const json_t *shape, struct tensor *t, size_t item, struct err *err)
{
	if (!json_is_array(shape) || json_array_size(shape) > SAFETENSORS_MAX_DIMS)
		return damaged(err, t->name, "\"shape\" is not a list of at most 8 sizes");
	size_t bytes = item;
	t->ndim = json_array_size(shape);
	for (size_t i = 0; i < t->ndim; i++) {
		if (!get_size(json_array_get(shape, i), &t->dims[i]))
			return damaged(err, t->name, "\"shape\" holds something that is no size");
		if (!size_mul(bytes, t->dims[i], &bytes))
			return damaged(err, t->name, "the shape is absurdly large");
	}
	if (bytes != t->end - t->begin)
		return err_set(err, ERR_FORMAT,
			       "tensor %.*s: its shape needs %zu bytes, its offsets give %zu",
			       SHOWN(t->name), bytes, t->end - t->begin);
	return ERR_OK;
}

static enum err_code read_tensor(const struct safetensors *st, const json_t *value,
				 struct tensor *t, struct err *err)
{
	if (!json_is_object(value))
		return damaged(err, t->name, "its header entry is not an object");
	struct str dtype = json_get_str(value, "dtype");
	const struct dtype *found = NULL;
	for (size_t i = 0; i < sizeof(dtypes) / sizeof(dtypes[0]) && !found; i++)
		found = str_eq(dtypes[i].name, dtype) ? &dtypes[i] : NULL;
	if (!found)
		return damaged(err, t->name, "\"dtype\" is missing or unknown");
	t->dtype = found->name;

	const json_t *offsets = json_object_get(value, "data_offsets");
	if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
	    !get_size(json_array_get(offsets, 0), &t->begin) ||
	    !get_size(json_array_get(offsets, 1), &t->end))
		return damaged(err, t->name, "\"data_offsets\" is not a pair of offsets");
	if (t->begin > t->end)
		return damaged(err, t->name, "its data ends before it begins");
	if (t->end > st->data_len)
		return err_set(err, ERR_FORMAT,
			       "tensor %.*s: its data ends at byte %zu, the file has %zu: is it "
			       "truncated?",
			       SHOWN(t->name), t->end, st->data_len);
	return read_shape(json_object_get(value, "shape"), t, found->size, err);
}

static int by_begin(const void *a, const void *b)
{
	const struct tensor *x = a, *y = b;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return (x->end > y->end) - (x->end < y->end);
}

static int by_name(const void *a, const void *b)
{
	const struct tensor *x = a, *y = b;
	return str_cmp(x->name, y->name);
}

/* The format wants the tensors to tile the data section: no overlap, no hole, nothing behind. */
static enum err_code check_tiling(struct safetensors *st, struct err *err)
{
	qsort(st->tensors, st->count, sizeof(*st->tensors), by_begin);
	size_t at = 0;
	for (size_t i = 0; i < st->count; i++) {
		const struct tensor *t = &st->tensors[i];
		if (t->begin < at)
			return damaged(err, t->name, "its data overlaps another tensor's");
		if (t->begin > at)
			return damaged(err, t->name, "there is a hole in front of its data");
		at = t->end;
	}
	if (at != st->data_len)
		return err_set(err, ERR_FORMAT, "%zu bytes after the last tensor",
			       st->data_len - at);
	return ERR_OK;
}

/* Fills tensors from the header; names are copied since the JSON goes away. */
static enum err_code read_header(struct safetensors *st, json_t *header, struct err *err)
{
	size_t entries = 0, name_bytes = 0;
	const char *key;
	const json_t *value;
	json_object_foreach(header, key, value)
	{
		entries++;
		name_bytes += strlen(key);
	}
	st->tensors = alloc_zero(st->alloc, entries + 1, sizeof(*st->tensors));
	st->names = alloc_get(st->alloc, name_bytes);
	if (!st->tensors || !st->names)
		return err_set(err, ERR_NOMEM, "out of memory for %zu tensors", entries);

	char *free_name = st->names;
	json_object_foreach(header, key, value)
	{
		if (strcmp(key, "__metadata__") == 0)
			continue;
		struct tensor *t = &st->tensors[st->count];
		size_t len = strlen(key);
		memcpy(free_name, key, len);
		t->name = (struct str){free_name, len};
		free_name += len;
		enum err_code code = read_tensor(st, value, t, err);
		if (code != ERR_OK)
			return code;
		st->count++;
	}
	if (st->count == 0)
		return err_set(err, ERR_FORMAT, "the header names no tensor");
	enum err_code code = check_tiling(st, err);
	if (code != ERR_OK)
		return code;
	qsort(st->tensors, st->count, sizeof(*st->tensors), by_name);
	return ERR_OK;
}

static enum err_code parse(struct safetensors *st, struct err *err)
{
	if (st->map.len < LENGTH_SIZE)
		return err_set(err, ERR_FORMAT, "%zu bytes are too short for a safetensors file",
			       st->map.len);
	uint64_t length = 0;
	for (size_t i = LENGTH_SIZE; i-- > 0;)
		length = length << 8 | st->map.ptr[i];
	if (length > SAFETENSORS_HEADER_MAX)
		return err_set(err, ERR_FORMAT,
			       "a header of %llu bytes (at most %u): not a safetensors file?",
			       (unsigned long long)length, SAFETENSORS_HEADER_MAX);
	if (length > st->map.len - LENGTH_SIZE)
		return err_set(err, ERR_FORMAT,
			       "the header has %llu bytes, the file %zu: is it truncated?",
			       (unsigned long long)length, st->map.len);
	st->data = st->map.ptr + LENGTH_SIZE + length;
	st->data_len = st->map.len - LENGTH_SIZE - (size_t)length;

	struct str text = {(const char *)st->map.ptr + LENGTH_SIZE, (size_t)length};
	json_t *header = NULL;
	struct err problem;
	enum err_code code = json_parse(text, &header, &problem);
	if (code != ERR_OK)
		return err_set(err, ERR_FORMAT, "header: %s", problem.message);
	if (json_is_object(header))
		code = read_header(st, header, err);
	else
		code = err_set(err, ERR_FORMAT, "the header is not a JSON object");
	json_decref(header);
	return code;
}

enum err_code safetensors_open(const char *path, const struct alloc *alloc,
			       struct safetensors **out, struct err *err)
{
	*out = NULL;
	struct safetensors *st = alloc_zero(alloc, 1, sizeof(*st));
	if (!st)
		return err_set(err, ERR_NOMEM, "%s: out of memory", path);
	st->alloc = alloc;
	enum err_code code = file_map(path, &st->map, err);
	if (code != ERR_OK) {
		alloc_free(alloc, st);
		return code;
	}
	code = parse(st, err);
	if (code != ERR_OK) {
		safetensors_close(st);
		err_context(err, "%s", path);
		return code;
	}
	*out = st;
	return ERR_OK;
}

void safetensors_close(struct safetensors *st)
{
	if (!st)
		return;
	alloc_free(st->alloc, st->tensors);
	alloc_free(st->alloc, st->names);
	file_unmap(&st->map);
	alloc_free(st->alloc, st);
}

size_t safetensors_count(const struct safetensors *st)
{
	return st->count;
}

static const struct tensor *find(const struct safetensors *st, struct str name)
{
	struct tensor key = {.name = name};
	return bsearch(&key, st->tensors, st->count, sizeof(key), by_name);
}

bool safetensors_has(const struct safetensors *st, struct str name)
{
	return find(st, name) != NULL;
}

static void format_shape(const size_t *dims, size_t ndim, char *out, size_t size)
{
	size_t used = 0;
	out[0] = '\0';
	for (size_t i = 0; i < ndim && used < size; i++) {
		int n = snprintf(out + used, size - used, i ? ", %zu" : "%zu", dims[i]);
		used += n > 0 ? (size_t)n : size;
	}
}

enum err_code safetensors_f32(const struct safetensors *st, struct str name, const size_t *shape,
			      size_t ndim, const float **out, struct err *err)
{
	const struct tensor *t = find(st, name);
	if (!t)
		return damaged(err, name, "missing from the weights");
	if (!str_eq(t->dtype, STR("F32")))
		return err_set(err, ERR_FORMAT,
			       "tensor %.*s: its type is %.*s, only F32 weights can be used",
			       SHOWN(name), STR_ARG(t->dtype));
	if (t->ndim != ndim || memcmp(t->dims, shape, ndim * sizeof(*shape)) != 0) {
		char got[200], want[200];
		format_shape(t->dims, t->ndim, got, sizeof(got));
		format_shape(shape, ndim, want, sizeof(want));
		return err_set(err, ERR_FORMAT,
			       "tensor %.*s: its shape is [%s], config.json asks for [%s]",
			       SHOWN(name), got, want);
	}
	const unsigned char *at = st->data + t->begin;
	if ((uintptr_t)at % _Alignof(float) != 0)
		return damaged(err, name,
			       "its data is not aligned to 4 bytes; save the file again with the "
			       "safetensors library");
	*out = (const float *)(const void *)at;
	return ERR_OK;
}

/* Infinities and NaNs are the values whose exponent bits are all set. */
static bool all_finite(const unsigned char *bytes, size_t len)
{
	bool finite = true;
	for (size_t i = 0; i < len; i += sizeof(uint32_t)) {
		uint32_t bits;
		memcpy(&bits, bytes + i, sizeof(bits));
		finite &= (bits & 0x7f800000U) != 0x7f800000U;
	}
	return finite;
}

enum err_code safetensors_check_finite(const struct safetensors *st, struct err *err)
{
	for (size_t i = 0; i < st->count; i++) {
		const struct tensor *t = &st->tensors[i];
		if (str_eq(t->dtype, STR("F32")) &&
		    !all_finite(st->data + t->begin, t->end - t->begin))
			return damaged(
				err, t->name,
				"it holds values that are not finite (NaN or infinity): fetch "
				"the model again");
	}
	return ERR_OK;
}

void safetensors_identity(const struct safetensors *st, uint64_t *bytes, int64_t *modified_ns)
{
	*bytes = st->map.len;
	*modified_ns = st->map.modified_ns;
}

void safetensors_forget_pages(const struct safetensors *st)
{
	file_map_forget(&st->map);
}

void safetensors_sha256(const struct safetensors *st, char out[65])
{
	sha256_hex(st->map.ptr, st->map.len, out);
}
