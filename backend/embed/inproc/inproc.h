/* The embedder in this process: safetensors weights, WordPiece, BERT or MPNet encoder on oneDNN. */
#ifndef DOCS_BOT_EMBED_INPROC_INPROC_H
#define DOCS_BOT_EMBED_INPROC_INPROC_H

#include "embed/embed.h"

struct embed_inproc_options {
	const char *dir;    /* holds model.safetensors, vocab.txt, config.json, … */
	const char *name;   /* what the store remembers */
	const char *sha256; /* expected SHA-256 of model.safetensors, NULL or "": not checked */
	int vec_limit;      /* enum vec_level: the fastest kernels that may be used */
};

/*
 * Maps the weights and checks every tensor's name, shape and type (ERR_FORMAT names the tensor).
 * The mapping is shared; each concurrent embed_texts() call takes its own scratch memory.
 */
enum err_code embed_inproc_open(const struct embed_inproc_options *options,
				const struct alloc *alloc, struct embedder **out,
				struct err *err) WARN_UNUSED;

#endif
