#include "llm/openai/models.h"

#include "base/json.h"

static size_t window_of(const json_t *model)
{
	/* vLLM has the first, llama-server the second. */
	long long window = json_get_int(model, "max_model_len", 0);
	if (window <= 0)
		window = json_get_int(json_object_get(model, "meta"), "n_ctx_train", 0);
	return window > 0 ? (size_t)window : 0;
}

enum err_code models_read(struct str body, struct str wanted, struct arena *arena,
			  struct model_info *out, struct err *err)
{
	json_t *root = NULL;
	*out = (struct model_info){.id = STR("")};
	enum err_code code = json_parse(body, &root, err);
	const json_t *list = json_object_get(root, "data"), *chosen = NULL;
	if (code || !json_is_array(list)) {
		json_decref(root);
		return err_set(err, ERR_FORMAT, "no list of models");
	}
	for (size_t i = 0; i < json_array_size(list) && !chosen; i++) {
		const json_t *model = json_array_get(list, i);
		struct str id = json_get_str(model, "id");
		if (id.len && (!wanted.len || str_eq(id, wanted)))
			chosen = model;
	}
	struct str id = chosen ? json_get_str(chosen, "id") : wanted;
	out->id = arena_str(arena, id);
	out->context = window_of(chosen);
	out->llama = str_eq(json_get_str(chosen, "owned_by"), STR("llamacpp"));
	json_decref(root);
	return out->id.ptr ? ERR_OK : arena_fail(arena, err);
}

size_t models_read_props(struct str body)
{
	json_t *root = NULL;
	if (json_parse(body, &root, NULL))
		return 0;
	long long window =
		json_get_int(json_object_get(root, "default_generation_settings"), "n_ctx", 0);
	json_decref(root);
	return window > 0 ? (size_t)window : 0;
}
