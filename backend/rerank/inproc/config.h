/* Private to rerank/inproc: what a cross-encoder's config.json says beyond its encoder. */
#ifndef DOCS_BOT_RERANK_INPROC_CONFIG_H
#define DOCS_BOT_RERANK_INPROC_CONFIG_H

#include <stdbool.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"

struct cross_config {
	bool sigmoid; /* scores are 1 / (1 + e^-logit), else the logit */
};

/*
 * Reads <dir>/config.json. The activation is the one that sentence-transformers saved
 * (sentence_transformers.activation_fn, before its version 4 sbert_ce_default_activation_function),
 * a sigmoid when there is none. ERR_UNSUPPORTED for another activation than Identity and Sigmoid,
 * another architecture than BertForSequenceClassification, or other than one label.
 */
enum err_code cross_config_read(const char *dir, const struct alloc *alloc,
				struct cross_config *out, struct err *err) WARN_UNUSED;

#endif
