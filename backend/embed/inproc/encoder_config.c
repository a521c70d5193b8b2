#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "embed/inproc/encoder.h"

#define CONFIG_MAX_BYTES (1U << 20)

/* An integer key within [min, max] into *out. */
static enum err_code read_size(const json_t *root, const char *key, long long min, long long max,
			       size_t *out, struct err *err)
{
	const json_t *value = json_object_get(root, key);
	if (!json_is_integer(value))
		return err_set(err, ERR_FORMAT, "\"%s\" is missing or not an integer", key);
	long long number = json_integer_value(value);
	if (number < min || number > max)
		return err_set(err, ERR_FORMAT, "\"%s\" is %lld, must be %lld to %lld", key, number,
			       min, max);
	*out = (size_t)number;
	return ERR_OK;
}

/* A text key that, when present, must have the one value that the encoder implements. */
static enum err_code expect_text(const json_t *root, const char *key, const char *only,
				 struct err *err)
{
	if (!json_object_get(root, key) || str_eq(json_get_str(root, key), str_c(only)))
		return ERR_OK;
	struct str got = json_get_str(root, key);
	got.len = got.len < 60 ? got.len : 60;
	return err_set(err, ERR_UNSUPPORTED, "\"%s\" is \"%.*s\", only \"%s\" is supported", key,
		       STR_ARG(got), only);
}

static enum err_code read_arch(const json_t *root, struct encoder_config *out, struct err *err)
{
	struct str type = json_get_str(root, "model_type");
	if (str_eq(type, STR("bert"))) {
		out->arch = ENCODER_BERT;
	} else if (str_eq(type, STR("mpnet"))) {
		out->arch = ENCODER_MPNET;
	} else {
		type.len = type.len < 60 ? type.len : 60;
		return err_set(err, ERR_UNSUPPORTED,
			       "\"model_type\" is \"%.*s\", supported are bert and mpnet",
			       STR_ARG(type));
	}
	enum err_code code = expect_text(root, "hidden_act", "gelu", err);
	if (code == ERR_OK)
		code = expect_text(root, "position_embedding_type", "absolute", err);
	return code;
}

static enum err_code read_arch_sizes(const json_t *root, struct encoder_config *out,
				     struct err *err)
{
	if (out->arch == ENCODER_BERT)
		return read_size(root, "type_vocab_size", 1, 1024, &out->token_types, err);
	/* Positions of MPNet count on from the padding id, as in RoBERTa. */
	size_t pad = 1;
	if (json_object_get(root, "pad_token_id")) {
		enum err_code code = read_size(root, "pad_token_id", 0, 1024, &pad, err);
		if (code != ERR_OK)
			return code;
	}
	out->first_position = pad + 1;
	return read_size(root, "relative_attention_num_buckets", 4, 1024, &out->buckets, err);
}

static enum err_code read_config(const json_t *root, struct encoder_config *out, struct err *err)
{
	const struct {
		const char *key;
		long long min, max;
		size_t *out;
	} sizes[] = {
		{"hidden_size", 1, 16384, &out->hidden},
		{"num_attention_heads", 1, 256, &out->heads},
		{"num_hidden_layers", 1, 256, &out->layers},
		{"intermediate_size", 1, 65536, &out->intermediate},
		{"vocab_size", 1, 4000000, &out->vocab},
		{"max_position_embeddings", 1, 65536, &out->positions},
	};
	if (!json_is_object(root))
		return err_set(err, ERR_FORMAT, "not a JSON object");
	enum err_code code = read_arch(root, out, err);
	for (size_t i = 0; code == ERR_OK && i < sizeof(sizes) / sizeof(sizes[0]); i++)
		code = read_size(root, sizes[i].key, sizes[i].min, sizes[i].max, sizes[i].out, err);
	if (code == ERR_OK)
		code = read_arch_sizes(root, out, err);
	if (code != ERR_OK)
		return code;

	const json_t *eps = json_object_get(root, "layer_norm_eps");
	double value = json_is_number(eps) ? json_number_value(eps) : -1;
	if (!(value > 0 && value < 1))
		return err_set(err, ERR_FORMAT,
			       "\"layer_norm_eps\" is missing or not between 0 and 1");
	out->eps = (float)value;
	if (out->hidden % out->heads != 0)
		return err_set(err, ERR_FORMAT,
			       "\"hidden_size\" %zu is no multiple of \"num_attention_heads\" %zu",
			       out->hidden, out->heads);
	/* Room for the two special tokens and one of the text. */
	if (out->positions < out->first_position + 3)
		return err_set(err, ERR_FORMAT, "\"max_position_embeddings\" is only %zu",
			       out->positions);
	size_t usable = out->positions - out->first_position;
	out->max_tokens = usable < ENCODER_TOKENS_MAX ? usable : ENCODER_TOKENS_MAX;
	return ERR_OK;
}

enum err_code encoder_config_read(const char *dir, const struct alloc *alloc,
				  struct encoder_config *out, struct err *err)
{
	struct buf path, text;
	json_t *root = NULL;
	struct err problem;
	memset(out, 0, sizeof(*out));
	buf_init(&path, alloc, 1U << 16);
	buf_init(&text, alloc, CONFIG_MAX_BYTES);
	buf_printf(&path, "%s/config.json", dir);
	enum err_code code = buf_ok(&path, "path", err);
	if (code != ERR_OK)
		goto out;
	code = file_read(path.ptr, CONFIG_MAX_BYTES, &text, err);
	if (code != ERR_OK)
		goto out;
	code = json_parse(buf_str(&text), &root, &problem);
	if (code != ERR_OK) {
		code = err_set(err, ERR_FORMAT, "%s: %s", path.ptr, problem.message);
		goto out;
	}
	code = read_config(root, out, err);
	if (code != ERR_OK)
		err_context(err, "%s", path.ptr);
out:
	json_decref(root);
	buf_release(&text);
	buf_release(&path);
	return code;
}
