/*
 * The dense layers of a model in the order of the kernels (gemm.h), made once and kept in a file
 * beside the model: mapped by every process that uses it, so its pages exist once.
 *
 * The file is of our own making: a header of fixed size (magic, version, kernels, the weights it was
 * made from), then for every layer panels, biases and (int8) scales and offsets, each at a multiple
 * of GEMM_ALIGN. Offsets follow from the sizes of the model and are not stored, so that none can
 * lie; a checksum over the rest is verified at every opening. Anything that does not fit is made
 * again.
 */
#ifndef DOCS_BOT_EMBED_INPROC_PACKED_H
#define DOCS_BOT_EMBED_INPROC_PACKED_H

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "embed/inproc/gemm.h"

#define PACKED_PARTS_MAX 3

/* One published layer, or several that take the same input and become one product. */
struct packed_layer {
	size_t k, parts;
	struct {
		const float *weight, *bias; /* [n][k], [n] */
		size_t n;
		float factor; /* multiplies weight and bias */
	} part[PACKED_PARTS_MAX];
};

/* What the weights are made from; a file with other values is of another model or an old one. */
struct packed_source {
	uint64_t bytes;
	int64_t modified_ns;
	char sha256
		[65]; /* filled by packed_load() from the file, by the caller for packed_make() */
};

struct packed; /* immutable, shared by threads */

struct packed_options {
	const char *dir; /* of the file; NULL: the packed weights are kept in memory only */
	const struct gemm_ops *ops;
	enum gemm_type type;
	const struct packed_layer *layers;
	size_t layer_count;
	const struct logger *log;
};

/*
 * Maps the file if it was made from these weights for these kernels: compares the size and time of
 * the source, and fills in source->sha256. ERR_NOTFOUND when there is none or it does not fit (a
 * damaged or foreign one gives one log line); the caller then calls packed_make(). The weights
 * themselves are not read.
 */
enum err_code packed_load(const struct packed_options *options, struct packed_source *source,
			  const struct alloc *alloc, struct packed **out,
			  struct err *err) WARN_UNUSED;

/*
 * Packs the layers, writes the file atomically and maps it; where the folder cannot be written, the
 * packed weights stay in this process's memory (one log line). ERR_NOMEM.
 */
enum err_code packed_make(const struct packed_options *options, const struct packed_source *source,
			  const struct alloc *alloc, struct packed **out,
			  struct err *err) WARN_UNUSED;

void packed_close(struct packed *packed); /* NULL is fine */

/* The weights of layer `index` as the options had it; valid until packed_close(). */
const struct gemm_weights *packed_weights(const struct packed *packed, size_t index);

#endif
