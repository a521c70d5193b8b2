#include "embed/inproc/packed.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

#define MAGIC   "DBPACKED"
#define VERSION 1U /* grows whenever the same weights give another body */

#define HASH_PRIME 0x100000001b3ULL

/* At the beginning of the file, in the byte order of the machine that made it. */
struct header {
	char magic[8];
	uint32_t version;
	uint32_t type;    /* enum gemm_type: also tells a file of the other byte order */
	char kernels[16]; /* gemm_ops.name, whose panels these are */
	uint32_t columns, layer_count;
	uint64_t source_bytes;
	int64_t source_modified_ns;
	char source_sha256[64];
	uint64_t body_bytes; /* of what follows the header */
	uint64_t checksum;   /* of this header, with 0 here, and the body */
	char reserved[56];
};

_Static_assert(sizeof(struct header) == 192, "the header has no padding");
_Static_assert(sizeof(struct header) % GEMM_ALIGN == 0, "the body is aligned");

struct packed {
	const struct alloc *alloc;
	struct file_map map;
	void *block; /* instead of the mapping: as allocated */
	const unsigned char *body;
	struct gemm_weights *weights;
};

static size_t aligned(size_t bytes)
{
	return (bytes + GEMM_ALIGN - 1) / GEMM_ALIGN * GEMM_ALIGN;
}

static size_t outputs(const struct packed_layer *layer)
{
	size_t n = 0;
	for (size_t i = 0; i < layer->parts; i++)
		n += layer->part[i].n;
	return n;
}

/* Where the arrays of one layer stand, from `at` on; returns the end. */
struct places {
	size_t panels, bias, scale, offset;
};

static size_t place(const struct packed_options *o, const struct packed_layer *layer, size_t at,
		    struct places *out)
{
	size_t n = outputs(layer), row = aligned(n * sizeof(float));
	out->panels = at;
	out->bias = at + aligned(gemm_panel_bytes(o->ops, o->type, n, layer->k));
	out->scale = out->bias + row;
	out->offset = out->scale + (o->type == GEMM_I8 ? row : 0);
	return out->offset + (o->type == GEMM_I8 ? row : 0);
}

/* The sizes are bounded by encoder_config.c, so that their sum cannot overflow. */
static size_t body_size(const struct packed_options *o)
{
	struct places places;
	size_t at = 0;
	for (size_t i = 0; i < o->layer_count; i++)
		at = place(o, &o->layers[i], at, &places);
	return at;
}

/*
 * FNV-1a (Fowler, Noll, Vo) over 64-bit words in four interleaved lanes: every step is a bijection
 * of the state for a given word, so one changed word always changes the sum.
 */
static void hash_words(uint64_t lane[4], const void *data, size_t len)
{
	const unsigned char *bytes = data;
	for (size_t i = 0; i + 4 * sizeof(*lane) <= len; i += 4 * sizeof(*lane)) {
		uint64_t word[4];
		memcpy(word, bytes + i, sizeof(word));
		for (size_t k = 0; k < 4; k++)
			lane[k] = (lane[k] ^ word[k]) * HASH_PRIME;
	}
}

static uint64_t checksum(const struct header *h, const unsigned char *body, size_t len)
{
	uint64_t lane[4] = {0xcbf29ce484222325ULL, 1, 2, 3};
	struct header plain = *h;
	plain.checksum = 0;
	hash_words(lane, &plain, sizeof(plain));
	hash_words(lane, body, len);
	uint64_t sum = len;
	for (size_t k = 0; k < 4; k++)
		sum = (sum ^ lane[k]) * HASH_PRIME;
	return sum;
}

_Static_assert(GEMM_ALIGN % (4 * sizeof(uint64_t)) == 0, "no part has a tail");

static void fill_header(const struct packed_options *o, const struct packed_source *source,
			struct header *h)
{
	memset(h, 0, sizeof(*h));
	memcpy(h->magic, MAGIC, sizeof(h->magic));
	h->version = VERSION;
	h->type = (uint32_t)o->type;
	snprintf(h->kernels, sizeof(h->kernels), "%s", o->ops->name);
	h->columns = (uint32_t)gemm_columns(o->ops, o->type);
	h->layer_count = (uint32_t)o->layer_count;
	h->source_bytes = source->bytes;
	h->source_modified_ns = source->modified_ns;
	memcpy(h->source_sha256, source->sha256, sizeof(h->source_sha256));
	h->body_bytes = body_size(o);
}

static bool cache_path(const struct packed_options *o, char path[PATH_MAX])
{
	static const char *const names[GEMM_TYPE_COUNT] = {
		[GEMM_F32] = "f32", [GEMM_I8] = "int8", [GEMM_BF16] = "bf16"};
	if (!o->dir)
		return false;
	int len = snprintf(path, PATH_MAX, "%s/packed-%s-%s.bin", o->dir, names[o->type],
			   o->ops->name);
	return len > 0 && len < PATH_MAX;
}

/* Points the weights of every layer into the body. */
static enum err_code attach(const struct packed_options *o, struct packed *p, struct err *err)
{
	p->weights = alloc_zero(p->alloc, o->layer_count, sizeof(*p->weights));
	if (!p->weights)
		return err_set(err, ERR_NOMEM, "out of memory for the layers of a model");
	size_t at = 0;
	for (size_t i = 0; i < o->layer_count; i++) {
		struct gemm_weights *w = &p->weights[i];
		struct places places;
		at = place(o, &o->layers[i], at, &places);
		w->type = o->type;
		w->n = outputs(&o->layers[i]);
		w->k = o->layers[i].k;
		w->panels = p->body + places.panels;
		w->bias = (const float *)(const void *)(p->body + places.bias);
		if (o->type == GEMM_I8) {
			w->scale = (const float *)(const void *)(p->body + places.scale);
			w->offset = (const float *)(const void *)(p->body + places.offset);
		}
	}
	return ERR_OK;
}

static bool is_hex_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Why a mapped file is not what we want; NULL when it is. Fills source->sha256. */
static const char *mismatch(const struct packed_options *o, const struct file_map *map,
			    struct packed_source *source)
{
	struct header is, want;
	if (map->len < sizeof(is))
		return "too short";
	memcpy(&is, map->ptr, sizeof(is));
	fill_header(o, source, &want);
	if (memcmp(is.magic, want.magic, sizeof(is.magic)) != 0)
		return "not a file of packed weights";
	if (is.version != want.version)
		return "of another version";
	if (is.type != want.type || is.columns != want.columns ||
	    is.layer_count != want.layer_count || is.body_bytes != want.body_bytes ||
	    memcmp(is.kernels, want.kernels, sizeof(is.kernels)) != 0)
		return "of another model or processor";
	if (is.source_bytes != want.source_bytes ||
	    is.source_modified_ns != want.source_modified_ns)
		return "older than the model's weights";
	if (map->len - sizeof(is) != is.body_bytes ||
	    checksum(&is, map->ptr + sizeof(is), map->len - sizeof(is)) != is.checksum)
		return "damaged";
	/* It goes on into the index and its messages: not even a right checksum may slip text in. */
	for (size_t i = 0; i < sizeof(is.source_sha256); i++)
		if (!is_hex_digit(is.source_sha256[i]))
			return "damaged";
	memcpy(source->sha256, is.source_sha256, sizeof(is.source_sha256));
	source->sha256[sizeof(is.source_sha256)] = '\0';
	return NULL;
}

static struct packed *packed_new(const struct alloc *alloc, struct err *err)
{
	struct packed *p = alloc_zero(alloc, 1, sizeof(*p));
	if (p)
		p->alloc = alloc;
	else
		err_set(err, ERR_NOMEM, "out of memory for packed weights");
	return p;
}

enum err_code packed_load(const struct packed_options *o, struct packed_source *source,
			  const struct alloc *alloc, struct packed **out, struct err *err)
{
	char path[PATH_MAX];
	*out = NULL;
	if (!cache_path(o, path))
		return err_set(err, ERR_NOTFOUND, "no file of packed weights");
	struct packed *p = packed_new(alloc, err);
	if (!p)
		return ERR_NOMEM;
	enum err_code code = file_map(path, &p->map, err);
	if (code) {
		if (code != ERR_NOTFOUND)
			log_info(o->log, "embed", "packed weights are made again: %s",
				 err ? err->message : path);
		code = err_set(err, ERR_NOTFOUND, "no packed weights at %s", path);
		goto fail;
	}
	const char *why = mismatch(o, &p->map, source);
	if (why) {
		log_info(o->log, "embed", "packed weights are made again: %s is %s", path, why);
		code = err_set(err, ERR_NOTFOUND, "%s is %s", path, why);
		goto fail;
	}
	p->body = p->map.ptr + sizeof(struct header);
	code = attach(o, p, err);
	if (code)
		goto fail;
	*out = p;
	return ERR_OK;
fail:
	packed_close(p);
	return code;
}

/* Working memory of packing, for the longest padded column. */
struct pack_work {
	float *column;
	int8_t *levels;
};

static void pack_i8(const struct packed_options *o, const struct packed_layer *layer,
		    const struct places *places, unsigned char *body, struct pack_work *work)
{
	size_t first = 0;
	for (size_t i = 0; i < layer->parts; i++) {
		gemm_pack_i8(o->ops, layer->part[i].weight, layer->part[i].n, layer->k,
			     layer->part[i].factor, first, (int8_t *)(body + places->panels),
			     (float *)(void *)(body + places->scale),
			     (float *)(void *)(body + places->offset), work->column, work->levels);
		first += layer->part[i].n;
	}
}

/* Packs one layer into the zeroed body. */
static void pack_layer(const struct packed_options *o, const struct packed_layer *layer,
		       const struct places *places, unsigned char *body, struct pack_work *work)
{
	size_t first = 0;
	float *bias = (float *)(void *)(body + places->bias);
	if (o->type == GEMM_I8)
		pack_i8(o, layer, places, body, work);
	for (size_t i = 0; i < layer->parts; i++) {
		size_t n = layer->part[i].n;
		float factor = layer->part[i].factor;
		if (o->type != GEMM_I8)
			gemm_pack(o->ops, o->type, layer->part[i].weight, n, layer->k, factor,
				  first, body + places->panels);
		for (size_t j = 0; j < n; j++)
			bias[first + j] = layer->part[i].bias[j] * factor;
		first += n;
	}
}

static enum err_code pack_all(const struct packed_options *o, const struct packed_source *source,
			      unsigned char *image, const struct alloc *alloc, struct err *err)
{
	size_t longest = 0, at = 0;
	for (size_t i = 0; i < o->layer_count; i++)
		longest = o->layers[i].k > longest ? o->layers[i].k : longest;
	longest = gemm_padded(longest);
	struct pack_work work = {.column = alloc_zero(alloc, longest, sizeof(float)),
				 .levels = alloc_zero(alloc, longest, 1)};
	enum err_code code = ERR_OK;
	if (!work.column || !work.levels) {
		code = err_set(err, ERR_NOMEM, "out of memory while packing weights");
		goto out;
	}
	unsigned char *body = image + sizeof(struct header);
	for (size_t i = 0; i < o->layer_count; i++) {
		struct places places;
		at = place(o, &o->layers[i], at, &places);
		pack_layer(o, &o->layers[i], &places, body, &work);
	}
	struct header header;
	fill_header(o, source, &header);
	header.checksum = checksum(&header, body, at);
	memcpy(image, &header, sizeof(header));
out:
	alloc_free(alloc, work.column);
	alloc_free(alloc, work.levels);
	return code;
}

/* Moves the image into the file and maps that. false: it stays where it is. */
static bool keep(const struct packed_options *o, struct packed *p, const unsigned char *image,
		 size_t size)
{
	char path[PATH_MAX];
	struct err err = {ERR_OK, ""};
	if (!cache_path(o, path))
		return false;
	if (file_write_atomic(path, (struct str){(const char *)image, size}, &err) ||
	    file_map(path, &p->map, &err)) {
		log_warn(o->log, "embed",
			 "packed weights cannot be kept and are made at every start: %s",
			 err.message);
		return false;
	}
	/* Another process may have replaced it meanwhile, by the same bytes or not at all. */
	if (p->map.len != size || memcmp(p->map.ptr, image, size) != 0) {
		file_unmap(&p->map);
		return false;
	}
	return true;
}

enum err_code packed_make(const struct packed_options *o, const struct packed_source *source,
			  const struct alloc *alloc, struct packed **out, struct err *err)
{
	*out = NULL;
	struct packed *p = packed_new(alloc, err);
	if (!p)
		return ERR_NOMEM;
	size_t size = sizeof(struct header) + body_size(o);
	enum err_code code = ERR_OK;
	p->block = alloc_zero(alloc, size + GEMM_ALIGN, 1);
	if (!p->block) {
		code = err_set(err, ERR_NOMEM, "out of memory: the packed weights need %zu MiB",
			       size >> 20);
		goto fail;
	}
	unsigned char *image = (unsigned char *)p->block;
	image += aligned((uintptr_t)image) - (uintptr_t)image;
	code = pack_all(o, source, image, alloc, err);
	if (code)
		goto fail;
	p->body = image + sizeof(struct header);
	if (keep(o, p, image, size)) {
		p->body = p->map.ptr + sizeof(struct header);
		alloc_free(alloc, p->block);
		p->block = NULL;
	}
	code = attach(o, p, err);
	if (code)
		goto fail;
	*out = p;
	return ERR_OK;
fail:
	packed_close(p);
	return code;
}

void packed_close(struct packed *p)
{
	if (!p)
		return;
	file_unmap(&p->map);
	alloc_free(p->alloc, p->block);
	alloc_free(p->alloc, p->weights);
	alloc_free(p->alloc, p);
}

const struct gemm_weights *packed_weights(const struct packed *p, size_t index)
{
	return &p->weights[index];
}
