/*
 * The safetensors container: u64 little-endian header length, a JSON header {"name": {"dtype",
 * "shape", "data_offsets": [begin, end]}, …, "__metadata__": {…}}, then the data that the offsets
 * are relative to. Format: https://huggingface.co/docs/safetensors.
 */
#ifndef DOCS_BOT_EMBED_INPROC_SAFETENSORS_H
#define DOCS_BOT_EMBED_INPROC_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"

#define SAFETENSORS_HEADER_MAX (16U << 20)
#define SAFETENSORS_MAX_DIMS   8

struct safetensors; /* immutable after opening, shared by threads */

/*
 * Maps the file and checks all of it but the values: the header's length against the file's,
 * every tensor's type, shape and offsets, and that the tensors cover the data without gap or
 * overlap. ERR_FORMAT names the tensor. The file must not be changed in place while it is open.
 */
enum err_code safetensors_open(const char *path, const struct alloc *alloc,
			       struct safetensors **out, struct err *err) WARN_UNUSED;
void safetensors_close(struct safetensors *st); /* NULL is fine */

size_t safetensors_count(const struct safetensors *st);
bool safetensors_has(const struct safetensors *st, struct str name);

/*
 * The f32 values of tensor `name`, row-major, in the mapping (valid until close). It must have
 * exactly the `ndim` dimensions of `shape`. ERR_FORMAT when it is missing, of another shape or
 * of another type.
 */
enum err_code safetensors_f32(const struct safetensors *st, struct str name, const size_t *shape,
			      size_t ndim, const float **out, struct err *err) WARN_UNUSED;

/* ERR_FORMAT names the first f32 tensor that holds an infinity or no number. Reads all of them. */
enum err_code safetensors_check_finite(const struct safetensors *st, struct err *err) WARN_UNUSED;

/* Size of the mapped file and when it was last modified: changes when it is replaced. */
void safetensors_identity(const struct safetensors *st, uint64_t *bytes, int64_t *modified_ns);

/* Gives the memory of pages back that have been read; later reads take them from the file again. */
void safetensors_forget_pages(const struct safetensors *st);

/* Lower-case hexadecimal SHA-256 of the whole mapped file. */
void safetensors_sha256(const struct safetensors *st, char out[65]);

#endif
