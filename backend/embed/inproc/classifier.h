/*
 * The head that makes a BERT encoder a cross-encoder: the pooler (Devlin et al. 2018, tanh over a
 * dense layer of the first token's state) and a linear layer to one logit.
 */
#ifndef DOCS_BOT_EMBED_INPROC_CLASSIFIER_H
#define DOCS_BOT_EMBED_INPROC_CLASSIFIER_H

#include "base/vec.h"
#include "embed/inproc/safetensors.h"

/* Immutable; everything points into the safetensors mapping. */
struct classifier {
	size_t hidden;
	const float *pooler, *pooler_bias; /* [hidden][hidden], [hidden] */
	const float *weight, *bias;        /* [hidden], [1] */
};

/*
 * Finds the head of a BertForSequenceClassification with one label among `tensors`, which must
 * outlive it. ERR_FORMAT names the first tensor that is missing or has another shape.
 */
enum err_code classifier_find(struct classifier *head, const struct safetensors *tensors,
			      size_t hidden, struct err *err) WARN_UNUSED;

/* The logit for a first token's `state` [hidden], any f32. Thread-safe, pure. */
float classifier_logit(const struct classifier *head, const struct vec_ops *vec,
		       const float *state);

#endif
