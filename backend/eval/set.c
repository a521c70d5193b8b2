#include "eval/set.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static const char *const kind_names[] = {"docs", "follow_up", "unanswerable", "off_topic", "route"};

const char *question_kind_name(enum question_kind kind)
{
	return kind_names[kind];
}

static bool parse_kind(struct str name, enum question_kind *kind)
{
	for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++) {
		if (str_eq(name, str_c(kind_names[i]))) {
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

static enum err_code read_history(const json_t *object, struct arena *arena, struct history *out,
				  struct err *err)
{
	const json_t *list = json_object_get(object, "history");
	size_t count = json_array_size(list);
	*out = (struct history){NULL, 0};
	if (!list)
		return ERR_OK;
	struct chat_turn *turns = arena_array(arena, count, sizeof(*turns));
	if (!turns)
		return arena_fail(arena, err);
	for (size_t i = 0; i < count; i++) {
		const json_t *turn = json_array_get(list, i);
		struct str role = json_get_str(turn, "role");
		bool user = str_eq(role, STR("user"));
		if ((!user && !str_eq(role, STR("assistant"))) ||
		    !json_is_string(json_object_get(turn, "content")))
			return err_set(err, ERR_INVALID,
				       "'history' wants turns with 'role' (user or assistant) and "
				       "'content'");
		turns[i].role = user ? CHAT_USER : CHAT_ASSISTANT;
		turns[i].text = arena_str(arena, json_get_str(turn, "content"));
		if (!turns[i].text.ptr)
			return arena_fail(arena, err);
	}
	if (!json_is_array(list))
		return err_set(err, ERR_INVALID, "'history' must be a list");
	*out = (struct history){turns, count};
	return ERR_OK;
}

/* What has to happen to a question: 'route' and 'sources', or what its kind implies. */
static enum err_code read_route(const json_t *object, struct arena *arena, struct question *out,
				struct err *err)
{
	static const char *const sources[] = {"doc", "issue", "code", "pull_request"};
	struct str route = json_get_str(object, "route"), *names;
	size_t count = 0;
	bool known = !route.len;
	out->route = out->kind == QUESTION_OFF_TOPIC ? ROUTE_REFUSED : ROUTE_DOCS;
	for (size_t i = ROUTE_DOCS; i <= ROUTE_SMALLTALK; i++)
		if (str_eq(route, str_c(answer_route_name((enum answer_route)i)))) {
			out->route = (enum answer_route)i;
			known = true;
		}
	if (!known)
		return err_set(err, ERR_INVALID, "unknown route '%.*s'", STR_ARG(route));
	enum err_code code = copy_strings(object, "sources", arena, &names, &count, err);
	for (size_t i = 0; i < count && !code; i++) {
		size_t s = 0;
		while (s < 4 && !str_eq(names[i], str_c(sources[s])))
			s++;
		if (s == 4)
			code = err_set(err, ERR_INVALID, "unknown source '%.*s'",
				       STR_ARG(names[i]));
		else
			out->sources |= 1U << s;
	}
	return code ? code : copy_strings(object, "tags", arena, &out->tags, &out->tag_count, err);
}

static enum err_code read_question(const json_t *object, struct arena *arena, struct question *out,
				   struct err *err)
{
	struct str kind = json_get_str(object, "kind");
	struct str group = json_get_str(object, "group");
	if (!group.len)
		group = json_get_str(object, "hard");
	out->id = arena_str(arena, json_get_str(object, "id"));
	out->text = arena_str(arena, json_get_str(object, "question"));
	out->group = arena_str(arena, group);
	out->variant_of = arena_str(arena, json_get_str(object, "variant_of"));
	out->change = arena_str(arena, json_get_str(object, "change"));
	if (!out->id.ptr || !out->text.ptr || !out->group.ptr || !out->variant_of.ptr ||
	    !out->change.ptr)
		return arena_fail(arena, err);
	if (!out->id.len || !out->text.len)
		return err_set(err, ERR_INVALID, "a question needs 'id' and 'question'");
	if (!kind.len && json_get_str(object, "route").len)
		kind = STR("route");
	if (!parse_kind(kind, &out->kind))
		return err_set(err, ERR_INVALID,
			       "unknown kind '%.*s': expected docs, follow_up, unanswerable or "
			       "off_topic",
			       STR_ARG(kind));
	if (out->variant_of.len && !out->change.len)
		return err_set(err, ERR_INVALID, "a variant needs 'change': what was changed");
	enum err_code code =
		copy_strings(object, "gold_pages", arena, &out->gold_pages, &out->gold_count, err);
	if (!code)
		code = copy_strings(object, "answer_facts", arena, &out->facts, &out->fact_count,
				    err);
	if (!code)
		code = read_history(object, arena, &out->history, err);
	if (!code)
		code = read_route(object, arena, out, err);
	return code;
}

enum err_code question_set_parse(struct str text, struct str name, struct arena *arena,
				 struct question_set *out, struct err *err)
{
	size_t lines = 1, number = 0;
	struct str file = arena_str(arena, name);
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	*out = (struct question_set){arena_array(arena, lines, sizeof(*out->items)), 0};
	if (!out->items || !file.ptr)
		return arena_fail(arena, err);
	enum err_code code = ERR_OK;
	struct str line;
	while (!code && str_cut(&text, '\n', &line)) {
		json_t *object = NULL;
		number++;
		if (!str_trim(line).len)
			continue;
		code = json_parse(line, &object, err);
		out->items[out->count].file = file;
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

enum err_code question_set_pick(const struct question_set *set, bool routes, struct arena *arena,
				struct question_set *out, struct err *err)
{
	*out = (struct question_set){arena_array(arena, set->count, sizeof(*out->items)), 0};
	if (!out->items)
		return arena_fail(arena, err);
	for (size_t i = 0; i < set->count; i++)
		if ((set->items[i].kind == QUESTION_ROUTE) == routes)
			out->items[out->count++] = set->items[i];
	return ERR_OK;
}

static int by_id(const void *a, const void *b)
{
	const struct question *const *x = a, *const *y = b;
	return str_cmp((*x)->id, (*y)->id);
}

static enum err_code find_original(const struct question_set *set, const struct question **sorted,
				   struct question *variant, struct err *err)
{
	const struct question key = {.id = variant->variant_of}, *wanted = &key;
	const struct question **found =
		bsearch(&wanted, sorted, set->count, sizeof(*sorted), by_id);
	if (!found)
		return err_set(err, ERR_INVALID,
			       "question '%.*s' is a variant of '%.*s', which is in none of the "
			       "files: give the file that holds it too",
			       STR_ARG(variant->id), STR_ARG(variant->variant_of));
	if ((*found)->variant_of.len || (*found)->kind != QUESTION_DOCS || !(*found)->gold_count)
		return err_set(err, ERR_INVALID,
			       "question '%.*s' is a variant of '%.*s', which is not a question "
			       "of kind docs with gold pages",
			       STR_ARG(variant->id), STR_ARG(variant->variant_of));
	variant->original = (size_t)(*found - set->items);
	return ERR_OK;
}

enum err_code question_set_join(const struct question_set *sets, size_t count, struct arena *arena,
				struct question_set *out, struct err *err)
{
	size_t total = 0;
	enum err_code code = ERR_OK;
	*out = (struct question_set){0};
	for (size_t i = 0; i < count; i++)
		total += sets[i].count;
	out->items = arena_array(arena, total, sizeof(*out->items));
	const struct question **sorted = arena_array(arena, total, sizeof(*sorted));
	if (!out->items || !sorted)
		return arena_fail(arena, err);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < sets[i].count; j++)
			out->items[out->count++] = sets[i].items[j];
	for (size_t i = 0; i < total; i++)
		sorted[i] = &out->items[i];
	qsort(sorted, total, sizeof(*sorted), by_id);
	for (size_t i = 1; i < total; i++)
		if (str_eq(sorted[i - 1]->id, sorted[i]->id))
			return err_set(err, ERR_INVALID, "two questions have the id '%.*s'",
				       STR_ARG(sorted[i]->id));
	for (size_t i = 0; i < total && !code; i++)
		if (out->items[i].variant_of.len)
			code = find_original(out, sorted, &out->items[i], err);
	return code;
}
