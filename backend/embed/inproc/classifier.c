#include "embed/inproc/classifier.h"

#include <math.h>

enum err_code classifier_find(struct classifier *head, const struct safetensors *tensors,
			      size_t hidden, struct err *err)
{
	*head = (struct classifier){.hidden = hidden};
	const struct {
		struct str name;
		size_t shape[2], ndim;
		const float **to;
	} parts[] = {
		{STR("bert.pooler.dense.weight"), {hidden, hidden}, 2, &head->pooler},
		{STR("bert.pooler.dense.bias"), {hidden}, 1, &head->pooler_bias},
		{STR("classifier.weight"), {1, hidden}, 2, &head->weight},
		{STR("classifier.bias"), {1}, 1, &head->bias},
	};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		enum err_code code = safetensors_f32(tensors, parts[i].name, parts[i].shape,
						     parts[i].ndim, parts[i].to, err);
		if (code)
			return code;
	}
	return ERR_OK;
}

float classifier_logit(const struct classifier *head, const struct vec_ops *vec, const float *state)
{
	double logit = (double)head->bias[0];
	for (size_t i = 0; i < head->hidden; i++) {
		float sum = vec->dot(head->pooler + i * head->hidden, state, head->hidden);
		logit += (double)head->weight[i] * tanh((double)(sum + head->pooler_bias[i]));
	}
	return (float)logit;
}
