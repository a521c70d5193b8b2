/*
 * The cross-encoder in this process: a BertForSequenceClassification with one label, e.g. the
 * ms-marco-MiniLM models, on the encoder and tokenizer of embed/inproc.
 */
#ifndef DOCS_BOT_RERANK_INPROC_INPROC_H
#define DOCS_BOT_RERANK_INPROC_INPROC_H

#include <stdbool.h>

#include "base/alloc.h"
#include "base/log.h"
#include "rerank/rerank.h"

enum rerank_precision { RERANK_F32, RERANK_BF16, RERANK_INT8 };

struct rerank_inproc_options {
	const char
		*dir;  /* holds config.json, model.safetensors, vocab.txt, tokenizer_config.json */
	int vec_limit; /* enum vec_level: the fastest kernels that may be used */
	enum rerank_precision precision; /* of the dense layers */
	bool keep_packed;                /* keep packed weights beside the model */
	/*
	 * Threads that may score at once, those of the callers included. A call takes helpers while
	 * there are less: a lone question is read by all of them, each of many by its own thread.
	 */
	size_t threads;
	const struct logger *log;
};

/*
 * Checks every file as the embedder does: ERR_FORMAT names a tensor or key that is missing or
 * wrong, ERR_UNSUPPORTED an architecture, number of labels or activation that is not implemented,
 * ERR_NOTFOUND a missing file. Scores are those of sentence-transformers' CrossEncoder: the logit
 * through the activation that config.json names, a sigmoid when it names none.
 */
enum err_code rerank_inproc_open(const struct rerank_inproc_options *options,
				 const struct alloc *alloc, struct reranker **out,
				 struct err *err) WARN_UNUSED;

#endif
