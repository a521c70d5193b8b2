/* The embedder in this process: safetensors weights, WordPiece, BERT or MPNet encoder. */
#ifndef DOCS_BOT_EMBED_INPROC_INPROC_H
#define DOCS_BOT_EMBED_INPROC_INPROC_H

#include "base/log.h"
#include "embed/embed.h"

/*
 * Arithmetic of the dense layers. AUTO: int8 where the processor has AVX2, for it keeps the quality
 * (docs/decisions/0005-encoder.md) and is the fastest; f32 elsewhere. BF16 needs AVX-512 BF16.
 */
enum embed_precision { EMBED_F32, EMBED_AUTO, EMBED_BF16, EMBED_INT8 };

struct embed_inproc_options {
	const char *dir;    /* holds model.safetensors, vocab.txt, config.json, … */
	const char *name;   /* what the store remembers */
	const char *sha256; /* expected SHA-256 of model.safetensors, NULL or "": not checked */
	int vec_limit;      /* enum vec_level: the fastest kernels that may be used */
	enum embed_precision precision;
	size_t threads;   /* 2 or more: embed_alone() may use a second one, made at first use */
	bool keep_packed; /* keep packed weights beside the model, see packed.h */
	const struct logger *log;
};

/*
 * Maps the weights and checks every tensor's name, shape and type (ERR_FORMAT names the tensor), and
 * packs them for this processor unless that was done before. The mappings are shared; each concurrent
 * embed_texts() call takes its own scratch memory.
 */
enum err_code embed_inproc_open(const struct embed_inproc_options *options,
				const struct alloc *alloc, struct embedder **out,
				struct err *err) WARN_UNUSED;

#endif
