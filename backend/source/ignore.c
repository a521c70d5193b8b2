#include "source/ignore.h"

#include "source/filter.h"

#define RULES_MAX 20000

/* Spaces at the end do not count unless they are escaped. */
static struct str trim_end(struct str line)
{
	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	while (line.len && line.ptr[line.len - 1] == ' ') {
		size_t backslashes = 0;

		while (backslashes + 1 < line.len && line.ptr[line.len - 2 - backslashes] == '\\')
			backslashes++;
		if (backslashes % 2)
			break;
		line.len--;
	}
	return line;
}

static enum err_code add_rule(struct ignore *ignore, struct str base, struct str line,
			      struct err *err)
{
	void *rules = ignore->rules;
	struct ignore_rule rule = {.base = base};
	enum err_code code;

	line = trim_end(line);
	if (line.len == 0 || line.ptr[0] == '#')
		return ERR_OK;
	if (line.ptr[0] == '!') {
		rule.negated = true;
		line = str_slice(line, 1, line.len);
	}
	if (line.len > 1 && line.ptr[line.len - 1] == '/') {
		rule.folders_only = true;
		line.len--;
	}
	if (line.len == 0 || str_eq(line, STR("/")))
		return ERR_OK;
	if (ignore->count == RULES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d rules to ignore files", RULES_MAX);
	code = source_make_room(ignore->alloc, &rules, ignore->count, &ignore->capacity,
				sizeof(*ignore->rules), err);
	if (code != ERR_OK)
		return code;
	ignore->rules = rules;
	rule.pattern = arena_str(ignore->arena, line);
	if (!rule.pattern.ptr)
		return arena_fail(ignore->arena, err);
	ignore->rules[ignore->count++] = rule;
	return ERR_OK;
}

enum err_code ignore_add(struct ignore *ignore, struct str base, struct str text, struct err *err)
{
	struct str rest = text, line;
	enum err_code code = ERR_OK;

	if (str_starts(text, STR("\xef\xbb\xbf")))
		rest = str_slice(text, 3, text.len);
	base = arena_str(ignore->arena, base);
	if (!base.ptr)
		return arena_fail(ignore->arena, err);
	while (code == ERR_OK && str_cut(&rest, '\n', &line))
		code = add_rule(ignore, base, line, err);
	return code;
}

bool ignore_matches(const struct ignore *ignore, struct str path, bool is_folder)
{
	for (size_t i = ignore->count; i > 0; i--) {
		const struct ignore_rule *rule = &ignore->rules[i - 1];
		struct str inner = path;

		if (rule->folders_only && !is_folder)
			continue;
		if (rule->base.len) {
			if (!str_starts(path, rule->base) || path.len <= rule->base.len ||
			    path.ptr[rule->base.len] != '/')
				continue;
			inner = str_slice(path, rule->base.len + 1, path.len);
		}
		if (source_glob_match(rule->pattern, inner))
			return !rule->negated;
	}
	return false;
}

void ignore_release(struct ignore *ignore)
{
	alloc_free(ignore->alloc, ignore->rules);
}
