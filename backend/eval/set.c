#include "eval/set.h"

#include "base/json.h"

static bool parse_kind(struct str name, enum question_kind *kind)
{
	static const char *const names[] = {"docs", "follow_up", "unanswerable", "off_topic"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (str_eq(name, str_c(names[i]))) {
			*kind = (enum question_kind)i;
			return true;
		}
	}
	return false;
}

/* The list of strings under a key; absent is empty. */
static enum err_code copy_strings(const json_t *object, const char *key, struct arena *arena,
				  struct str **out, size_t *count, struct err *err)
{
	const json_t *list = json_object_get(object, key);
	*count = 0;
	if (list && !json_is_array(list))
		return err_set(err, ERR_INVALID, "'%s' must be a list of strings", key);
	*out = arena_array(arena, json_array_size(list), sizeof(**out));
	if (!*out)
		return arena_fail(arena, err);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		if (!json_is_string(item))
			return err_set(err, ERR_INVALID, "'%s' must be a list of strings", key);
		struct str copy = arena_str(
			arena, (struct str){json_string_value(item), json_string_length(item)});
		if (!copy.ptr)
			return arena_fail(arena, err);
		(*out)[(*count)++] = copy;
	}
	return ERR_OK;
}

static enum err_code read_question(const json_t *object, struct arena *arena, struct question *out,
				   struct err *err)
{
	struct str kind = json_get_str(object, "kind");
	out->id = arena_str(arena, json_get_str(object, "id"));
	out->text = arena_str(arena, json_get_str(object, "question"));
	if (!out->id.ptr || !out->text.ptr)
		return arena_fail(arena, err);
	if (!out->id.len || !out->text.len)
		return err_set(err, ERR_INVALID, "a question needs 'id' and 'question'");
	if (!parse_kind(kind, &out->kind))
		return err_set(err, ERR_INVALID,
			       "unknown kind '%.*s': expected docs, follow_up, unanswerable or "
			       "off_topic",
			       STR_ARG(kind));
	enum err_code code =
		copy_strings(object, "gold_pages", arena, &out->gold_pages, &out->gold_count, err);
	if (!code)
		code = copy_strings(object, "answer_facts", arena, &out->facts, &out->fact_count,
				    err);
	return code;
}

enum err_code question_set_parse(struct str text, struct arena *arena, struct question_set *out,
				 struct err *err)
{
	size_t lines = 1, number = 0;
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	*out = (struct question_set){arena_array(arena, lines, sizeof(*out->items)), 0};
	if (!out->items)
		return arena_fail(arena, err);
	enum err_code code = ERR_OK;
	struct str line;
	while (!code && str_cut(&text, '\n', &line)) {
		json_t *object = NULL;
		number++;
		if (!str_trim(line).len)
			continue;
		code = json_parse(line, &object, err);
		if (!code)
			code = read_question(object, arena, &out->items[out->count++], err);
		json_decref(object);
		if (code)
			err_context(err, "line %zu", number);
	}
	if (!code && out->count == 0)
		code = err_set(err, ERR_INVALID, "no questions in it");
	return code;
}
