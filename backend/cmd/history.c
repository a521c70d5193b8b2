#include "cmd/history.h"

#include "base/file.h"

enum { FILE_BYTES_MAX = 16 << 20, TURNS_MAX = 1000 };

static enum err_code read_entry(const json_t *entry, size_t number, struct arena *arena,
				struct chat_turn *out, bool *known, struct err *err)
{
	struct str role = json_get_str(entry, "role");
	const json_t *content = json_object_get(entry, "content");
	if (!json_is_object(entry) || !role.len || !json_is_string(content))
		return err_set(
			err, ERR_INVALID,
			"entry %zu of the history needs \"role\" and \"content\", both strings",
			number);
	*known = true;
	if (str_eq(role, STR("user")))
		out->role = CHAT_USER;
	else if (str_eq(role, STR("assistant")))
		out->role = CHAT_ASSISTANT;
	else
		*known = false;
	out->text = arena_str(arena, json_get_str(entry, "content"));
	return out->text.ptr ? ERR_OK : arena_fail(arena, err);
}

enum err_code history_parse(struct str text, struct arena *arena, const struct logger *log,
			    struct history *out, struct err *err)
{
	json_t *list = NULL;
	*out = (struct history){NULL, 0};
	enum err_code code = json_parse(text, &list, err);
	if (code)
		return err_context(err, "the history is no JSON");
	if (!json_is_array(list)) {
		code = err_set(err, ERR_INVALID,
			       "the history must be a JSON list of {\"role\", \"content\"}");
		goto done;
	}
	size_t count = json_array_size(list), first = count > TURNS_MAX ? count - TURNS_MAX : 0;
	size_t strange = 0;
	struct chat_turn *turns = arena_array(arena, count - first, sizeof(*turns));
	if (!turns) {
		code = arena_fail(arena, err);
		goto done;
	}
	for (size_t i = first; i < count && !code; i++) {
		bool known = false;
		code = read_entry(json_array_get(list, i), i + 1, arena, &turns[out->count], &known,
				  err);
		out->count += !code && known;
		strange += !code && !known;
	}
	out->turns = turns;
	if (strange)
		log_warn(log, "history",
			 "%zu entries of other roles than user and assistant are left out",
			 strange);
	if (first)
		log_warn(log, "history", "only the last %d of %zu entries are read", TURNS_MAX,
			 count);
done:
	json_decref(list);
	return code;
}

enum err_code history_load(struct context *ctx, struct history *out, struct err *err)
{
	const char *path = context_option(ctx, "history");
	struct buf text;
	*out = (struct history){NULL, 0};
	if (!path)
		return ERR_OK;
	buf_init(&text, ctx->alloc, FILE_BYTES_MAX);
	enum err_code code = file_read(path, FILE_BYTES_MAX, &text, err);
	if (!code && (code = history_parse(buf_str(&text), ctx->arena, &ctx->log, out, err)))
		err_context(err, "%s", path);
	buf_release(&text);
	return code;
}
