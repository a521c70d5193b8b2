#include "rerank/inproc/config.h"

#include "base/file.h"
#include "base/json.h"

#define CONFIG_MAX_BYTES (1U << 20)
#define ARCHITECTURE     "BertForSequenceClassification"

static enum err_code check_architecture(const json_t *root, struct err *err)
{
	const json_t *list = json_object_get(root, "architectures");
	if (!list)
		return ERR_OK; /* the tensors tell */
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		if (str_eq(str_c(name), STR(ARCHITECTURE)))
			return ERR_OK;
	}
	const char *first = json_string_value(json_array_get(list, 0));
	return err_set(err, ERR_UNSUPPORTED,
		       "\"architectures\" has \"%.60s\", supported is " ARCHITECTURE,
		       first ? first : "");
}

static enum err_code check_labels(const json_t *root, struct err *err)
{
	const json_t *labels = json_object_get(root, "id2label");
	size_t count =
		labels ? json_object_size(labels) : (size_t)json_get_int(root, "num_labels", 1);
	if (count == 1)
		return ERR_OK;
	return err_set(err, ERR_UNSUPPORTED,
		       "the model has %zu labels, a reranker has one: it classifies, take a "
		       "cross-encoder for ranking",
		       count);
}

/* "torch.nn.modules.linear.Identity" is what a Python class is called; its last word tells. */
static enum err_code read_activation(const json_t *root, bool *sigmoid, struct err *err)
{
	const json_t *saved = json_object_get(root, "sentence_transformers");
	struct str name = json_get_str(saved, "activation_fn");
	if (!name.len)
		name = json_get_str(root, "sbert_ce_default_activation_function");
	*sigmoid = !name.len || str_ends(name, STR(".Sigmoid"));
	if (*sigmoid || str_ends(name, STR(".Identity")))
		return ERR_OK;
	name = str_slice(name, 0, 60);
	return err_set(err, ERR_UNSUPPORTED,
		       "the activation \"%.*s\" is not implemented, Sigmoid and Identity are",
		       STR_ARG(name));
}

static enum err_code read_config(const json_t *root, struct cross_config *out, struct err *err)
{
	enum err_code code = check_architecture(root, err);
	if (!code)
		code = check_labels(root, err);
	return code ? code : read_activation(root, &out->sigmoid, err);
}

enum err_code cross_config_read(const char *dir, const struct alloc *alloc,
				struct cross_config *out, struct err *err)
{
	struct buf path, text;
	json_t *root = NULL;
	struct err problem;
	*out = (struct cross_config){0};
	buf_init(&path, alloc, 1U << 16);
	buf_init(&text, alloc, CONFIG_MAX_BYTES);
	buf_printf(&path, "%s/config.json", dir);
	enum err_code code = buf_ok(&path, "path", err);
	if (code)
		goto out;
	code = file_read(path.ptr, CONFIG_MAX_BYTES, &text, err);
	if (code)
		goto out;
	code = json_parse(buf_str(&text), &root, &problem);
	if (code)
		code = err_set(err, ERR_FORMAT, "%s: %s", path.ptr, problem.message);
	else if ((code = read_config(root, out, err)))
		err_context(err, "%s", path.ptr);
out:
	json_decref(root);
	buf_release(&text);
	buf_release(&path);
	return code;
}
