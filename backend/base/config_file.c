/*
 * The YAML file: libyaml's events, no tree to build. The grammar is flat: a mapping whose values are
 * scalars, lists of scalars, or one list of such mappings.
 */
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/config.h"
#include "base/file.h"

enum { CONFIG_FILE_MAX = 1 << 20, ITEMS_MAX = 10000 };

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	bool have_event;
	struct str text;
	struct err *err;
};

/* libyaml gives a mark, but for bytes that are not text only their offset. */
static size_t problem_line(const struct reader *r)
{
	if (r->parser.error != YAML_READER_ERROR)
		return r->parser.problem_mark.line + 1;
	size_t line = 1;
	for (size_t i = 0; i < r->parser.problem_offset && i < r->text.len; i++)
		line += r->text.ptr[i] == '\n';
	return line;
}

static void forget(struct reader *r)
{
	if (r->have_event)
		yaml_event_delete(&r->event);
	r->have_event = false;
}

static enum err_code next(struct reader *r)
{
	forget(r);
	if (!yaml_parser_parse(&r->parser, &r->event))
		return err_set(r->err, ERR_INVALID, "line %zu: not valid YAML: %s", problem_line(r),
			       r->parser.problem ? r->parser.problem : "unknown problem");
	r->have_event = true;
	return ERR_OK;
}

static size_t line_of(const struct reader *r)
{
	return r->event.start_mark.line + 1;
}

/* A view of the event's: gone with the next one. */
static struct str scalar(const struct reader *r)
{
	return (struct str){(const char *)r->event.data.scalar.value, r->event.data.scalar.length};
}

static enum err_code expected(const struct reader *r, const char *what)
{
	return err_set(r->err, ERR_INVALID, "line %zu: expected %s", line_of(r), what);
}

struct known_keys {
	const struct config *config;
};

static const char *known_key(const void *ctx, size_t i)
{
	const struct config *config = ((const struct known_keys *)ctx)->config;
	return i < config->count ? config->table[i].name : config->section.name;
}

static enum err_code unknown_key(const struct reader *r, const struct config *config)
{
	struct known_keys keys = {config};
	struct str key = scalar(r);
	size_t count = config->count + (config->section.name != NULL);
	const char *near = config_nearest(key, known_key, &keys, count);
	return err_set(r->err, ERR_INVALID, "line %zu: unknown key '%.*s'%s%s%s", line_of(r),
		       (int)(key.len < 80 ? key.len : 80), key.ptr,
		       near ? "; did you mean '" : "; `docs-bot config show` lists all keys",
		       near ? near : "", near ? "'?" : "");
}

/* The value of one setting; the event is the value's first. */
static enum err_code read_value(struct reader *r, struct config *config, size_t index)
{
	bool list = config->table[index].type == CONFIG_LIST;
	size_t line = line_of(r);
	enum err_code code = ERR_OK;
	struct buf text;
	if (r->event.type == YAML_SCALAR_EVENT) {
		code = config_set(config, index, scalar(r), CONFIG_FILE, r->err);
		return code ? err_context(r->err, "line %zu", line) : ERR_OK;
	}
	if (!list || r->event.type != YAML_SEQUENCE_START_EVENT)
		return expected(r, "'key: value'");
	buf_init(&text, config->arena->alloc, CONFIG_FILE_MAX);
	for (code = next(r); !code && r->event.type == YAML_SCALAR_EVENT; code = next(r)) {
		if (memchr(scalar(r).ptr, '\n', scalar(r).len))
			code = expected(r, "text on one line");
		buf_append(&text, scalar(r));
		buf_append_byte(&text, '\n');
		if (code)
			break;
	}
	if (!code && r->event.type != YAML_SEQUENCE_END_EVENT)
		code = expected(r, "a list of words");
	if (!code)
		code = buf_ok(&text, "the list", r->err);
	if (!code) {
		code = config_set(config, index, buf_str(&text), CONFIG_FILE, r->err);
		if (code)
			err_context(r->err, "line %zu", line);
	}
	buf_release(&text);
	return code;
}

/* The next item of the section, with all its defaults. */
static enum err_code add_item(struct reader *r, struct config *config, struct config **out)
{
	struct config_section *section = &config->section;
	if (section->item_count == ITEMS_MAX)
		return err_set(r->err, ERR_LIMIT, "line %zu: more than %d entries in '%s'",
			       line_of(r), ITEMS_MAX, section->name);
	if (section->item_count == section->capacity) {
		size_t capacity = section->capacity ? section->capacity * 2 : 16;
		struct config_item *grown = arena_array(config->arena, capacity, sizeof(*grown));
		if (!grown)
			return arena_fail(config->arena, r->err);
		if (section->item_count)
			memcpy(grown, section->items, section->item_count * sizeof(*grown));
		section->items = grown;
		section->capacity = capacity;
	}
	struct config_item *item = &section->items[section->item_count++];
	item->line = line_of(r);
	*out = &item->config;
	return config_init(*out, section->table, section->count, config->arena, r->err);
}

static enum err_code read_section(struct reader *r, struct config *config);

/* Behind the start of a mapping, up to its end. */
static enum err_code read_mapping(struct reader *r, struct config *config)
{
	enum err_code code = next(r);
	while (!code && r->event.type != YAML_MAPPING_END_EVENT) {
		if (r->event.type != YAML_SCALAR_EVENT)
			return expected(r, "'key: value'");
		size_t index = config_find(config, scalar(r));
		bool section =
			config->section.name && str_eq(scalar(r), str_c(config->section.name));
		if (index == config->count && !section)
			return unknown_key(r, config);
		code = next(r);
		if (!code)
			code = section ? read_section(r, config) : read_value(r, config, index);
		if (!code)
			code = next(r);
	}
	return code;
}

/* A list of mappings; the event is the value's first. Nothing at all is an empty list. */
static enum err_code read_section(struct reader *r, struct config *config)
{
	struct config *item = NULL;
	if (r->event.type == YAML_SCALAR_EVENT && scalar(r).len == 0)
		return ERR_OK;
	if (r->event.type != YAML_SEQUENCE_START_EVENT)
		return expected(r, "a list: each entry begins with '- '");
	enum err_code code = next(r);
	while (!code && r->event.type != YAML_SEQUENCE_END_EVENT) {
		if (r->event.type != YAML_MAPPING_START_EVENT)
			return expected(r, "an entry of 'key: value' lines");
		code = add_item(r, config, &item);
		if (!code && item)
			code = read_mapping(r, item);
		if (!code)
			code = next(r);
	}
	return code;
}

static enum err_code read_stream(struct reader *r, struct config *config)
{
	bool seen = false;
	enum err_code code = next(r);
	while (!code && r->event.type != YAML_STREAM_END_EVENT) {
		if (r->event.type == YAML_MAPPING_START_EVENT && !seen) {
			seen = true;
			code = read_mapping(r, config);
		} else if (r->event.type == YAML_MAPPING_START_EVENT ||
			   r->event.type == YAML_SEQUENCE_START_EVENT ||
			   r->event.type == YAML_ALIAS_EVENT ||
			   (r->event.type == YAML_SCALAR_EVENT && scalar(r).len)) {
			code = expected(r, "'key: value'");
		}
		if (!code)
			code = next(r);
	}
	return code;
}

enum err_code config_read_file(struct config *config, const char *path, struct err *err)
{
	struct buf text;
	struct reader r = {.err = err};
	buf_init(&text, config->arena->alloc, CONFIG_FILE_MAX);
	enum err_code code = file_read(path, CONFIG_FILE_MAX, &text, err);
	if (!code && !yaml_parser_initialize(&r.parser)) {
		code = err_set(err, ERR_NOMEM, "out of memory while reading %s", path);
	} else if (!code) {
		r.text = buf_str(&text);
		yaml_parser_set_input_string(&r.parser, (const unsigned char *)r.text.ptr,
					     r.text.len);
		code = read_stream(&r, config);
		if (code)
			err_context(err, "%s", path);
		forget(&r);
		yaml_parser_delete(&r.parser);
	}
	buf_release(&text);
	return code;
}
