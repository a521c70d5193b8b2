#include "base/config.h"

#include <stdio.h>
#include <string.h>

enum { WORD_MAX = 64 };

static char fold_dash(char c)
{
	return c == '-' ? '_' : c;
}

size_t config_find(const struct config *config, struct str name)
{
	for (size_t i = 0; i < config->count; i++) {
		struct str known = str_c(config->table[i].name);
		size_t at = 0;
		while (at < name.len && at < known.len &&
		       fold_dash(name.ptr[at]) == fold_dash(known.ptr[at]))
			at++;
		if (at == name.len && at == known.len)
			return i;
	}
	return config->count;
}

/* Levenshtein distance, one row of the table at a time; both words at most WORD_MAX bytes. */
static size_t edit_distance(struct str a, struct str b)
{
	size_t row[WORD_MAX + 1];
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t best = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[b.len];
}

const char *config_nearest(struct str word, const char *(*candidate)(const void *ctx, size_t i),
			   const void *ctx, size_t count)
{
	const char *best = NULL;
	size_t best_distance = word.len / 2 + 1;
	if (word.len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		struct str known = str_c(candidate(ctx, i));
		if (known.len > WORD_MAX)
			continue;
		size_t distance = edit_distance(word, known);
		if (distance < best_distance) {
			best_distance = distance;
			best = known.ptr;
		}
	}
	return best;
}

static bool in_choices(const char *choices, struct str text)
{
	struct str rest = str_c(choices), choice;
	while (str_cut(&rest, '|', &choice))
		if (str_eq(choice, text))
			return true;
	return false;
}

static bool is_true(struct str text)
{
	return str_eq_nocase(text, STR("true")) || str_eq_nocase(text, STR("yes")) ||
	       str_eq(text, STR("1"));
}

static bool is_false(struct str text)
{
	return str_eq_nocase(text, STR("false")) || str_eq_nocase(text, STR("no")) ||
	       str_eq(text, STR("0"));
}

static enum err_code validate(const struct config_setting *setting, struct str text,
			      struct err *err)
{
	double number;
	uint64_t whole;
	switch (setting->type) {
	case CONFIG_INT:
		if (!str_to_u64(text, &whole) || (double)whole < setting->min ||
		    (double)whole > setting->max)
			return err_set(err, ERR_INVALID,
				       "%s must be a whole number from %.0f to %.0f, not '%.*s'",
				       setting->name, setting->min, setting->max, STR_ARG(text));
		return ERR_OK;
	case CONFIG_FLOAT:
		if (!str_to_double(text, &number) || number < setting->min || number > setting->max)
			return err_set(err, ERR_INVALID,
				       "%s must be a number from %g to %g, not '%.*s'",
				       setting->name, setting->min, setting->max, STR_ARG(text));
		return ERR_OK;
	case CONFIG_BOOL:
		if (!is_true(text) && !is_false(text))
			return err_set(err, ERR_INVALID, "%s must be true or false, not '%.*s'",
				       setting->name, STR_ARG(text));
		return ERR_OK;
	case CONFIG_LIST:
		return ERR_OK;
	case CONFIG_STRING:
	case CONFIG_SECRET:
		if (setting->choices && !in_choices(setting->choices, text))
			return err_set(err, ERR_INVALID, "%s must be one of %s, not '%.*s'",
				       setting->name, setting->choices, STR_ARG(text));
		return ERR_OK;
	}
	return err_set(err, ERR_INTERNAL, "setting %s has an unknown type", setting->name);
}

enum err_code config_set(struct config *config, size_t index, struct str text,
			 enum config_origin origin, struct err *err)
{
	enum err_code code = validate(&config->table[index], text, err);
	if (!code && text.len && memchr(text.ptr, '\0', text.len))
		code = err_set(err, ERR_INVALID, "%s must not hold a NUL byte",
			       config->table[index].name);
	if (code || config->values[index].origin > origin)
		return code;
	struct str copy = arena_str(config->arena, text);
	if (!copy.ptr)
		return arena_fail(config->arena, err);
	config->values[index] = (struct config_value){copy, origin};
	return ERR_OK;
}

enum err_code config_init(struct config *config, const struct config_setting *table, size_t count,
			  struct arena *arena, struct err *err)
{
	*config = (struct config){.table = table, .count = count, .arena = arena};
	config->values = arena_array(arena, count, sizeof(*config->values));
	if (!config->values)
		return arena_fail(arena, err);
	for (size_t i = 0; i < count; i++)
		config->values[i] = (struct config_value){str_c(table[i].fallback), CONFIG_DEFAULT};
	return ERR_OK;
}

enum err_code config_read_env(struct config *config, const char *(*get)(const char *name),
			      struct err *err)
{
	for (size_t i = 0; i < config->count; i++) {
		const char *env = config->table[i].env;
		const char *text = env ? get(env) : NULL;
		if (!text || !*text)
			continue;
		enum err_code code = config_set(config, i, str_c(text), CONFIG_ENV, err);
		if (code) {
			err_context(err, "environment variable %s", env);
			return code;
		}
	}
	return ERR_OK;
}

void config_add_section(struct config *config, const char *name, const struct config_setting *table,
			size_t count)
{
	config->section = (struct config_section){.name = name, .table = table, .count = count};
}

const char *config_string(const struct config *config, size_t index)
{
	return config->values[index].text.ptr;
}

long long config_int(const struct config *config, size_t index)
{
	uint64_t value = 0;
	return str_to_u64(config->values[index].text, &value) ? (long long)value : 0;
}

double config_float(const struct config *config, size_t index)
{
	double value = 0;
	return str_to_double(config->values[index].text, &value) ? value : 0;
}

bool config_bool(const struct config *config, size_t index)
{
	return is_true(config->values[index].text);
}

bool config_next(struct str *rest, struct str *one)
{
	while (str_cut(rest, '\n', one))
		if (one->len)
			return true;
	return false;
}

const char *config_origin_name(enum config_origin origin)
{
	static const char *const names[] = {"default", "file", "environment", "flag"};
	return names[origin];
}
