#include "answer/history.h"

#include "base/json.h"
#include "base/utf8.h"

static bool read_turn(const json_t *item, struct chat_turn *out)
{
	struct str role = json_get_str(item, "role"), text = json_get_str(item, "content");
	bool user = str_eq(role, STR("user")), assistant = str_eq(role, STR("assistant"));
	*out = (struct chat_turn){user ? CHAT_USER : CHAT_ASSISTANT,
				  utf8_prefix(str_trim(text), HISTORY_TURN_BYTES)};
	return (user || assistant) && out->text.len;
}

enum err_code history_from_json(const json_t *list, struct arena *arena, struct history *out,
				struct err *err)
{
	struct chat_turn turn;
	size_t total = json_array_size(list), from = total, count = 0;
	*out = (struct history){NULL, 0};
	while (from > 0 && count < HISTORY_TURNS_MAX)
		count += read_turn(json_array_get(list, --from), &turn);
	struct chat_turn *turns = arena_array(arena, count, sizeof(*turns));
	if (!turns)
		return arena_fail(arena, err);
	out->turns = turns;
	for (; from < total; from++) {
		if (!read_turn(json_array_get(list, from), &turn))
			continue;
		turns[out->count].role = turn.role;
		turns[out->count].text = arena_str(arena, turn.text);
		if (!turns[out->count].text.ptr)
			return arena_fail(arena, err);
		out->count++;
	}
	return ERR_OK;
}
