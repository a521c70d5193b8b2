#include "parse/frontmatter.h"

#include <yaml.h>

#include "base/buf.h"
#include "base/utf8.h"

#define BLOCK_MAX (64 * 1024) /* a longer block is not read, only left out */
#define NEST_MAX  1000 /* opening brackets and block entries; libyaml is quadratic in nesting */

struct fields {
	struct arena *arena;
	struct str title, link_title, description, url, slug;
	bool draft;
	bool failed; /* the arena ran out */
};

/* Values are one line of text wherever they are shown. */
static void set_field(struct fields *fields, struct str key, struct str value)
{
	struct str *field = NULL;
	size_t len = 0;
	char *text;

	if (str_eq(key, STR("title")))
		field = &fields->title;
	else if (str_eq_nocase(key, STR("linkTitle")))
		field = &fields->link_title;
	else if (str_eq(key, STR("description")))
		field = &fields->description;
	else if (str_eq(key, STR("url")))
		field = &fields->url;
	else if (str_eq(key, STR("slug")))
		field = &fields->slug;
	else if (str_eq(key, STR("draft")))
		fields->draft = str_eq_nocase(str_trim(value), STR("true"));
	value = str_trim(value);
	if (!field || field->len || value.len == 0 || !utf8_valid(value))
		return;
	text = arena_get(fields->arena, value.len + 1);
	if (!text) {
		fields->failed = true;
		return;
	}
	for (size_t i = 0; i < value.len; i++) {
		bool space = (unsigned char)value.ptr[i] <= ' ';

		if (!space)
			text[len++] = value.ptr[i];
		else if (len && text[len - 1] != ' ')
			text[len++] = ' ';
	}
	*field = (struct str){text, len};
}

static bool nests_deeply(struct str block)
{
	size_t count = 0;

	for (size_t i = 0; i + 1 < block.len; i++) {
		char c = block.ptr[i];
		bool entry = (c == '-' || c == '?' || c == ':') && block.ptr[i + 1] == ' ';

		count += c == '[' || c == '{' || entry;
	}
	return count > NEST_MAX;
}

/* Top-level scalars of the mapping; nested values are walked over by their depth. */
static void read_yaml(struct str block, struct fields *fields)
{
	yaml_parser_t parser;
	yaml_event_t event;
	struct str key = {NULL, 0};
	int depth = 0;
	bool more = true, have_key = false;

	if (nests_deeply(block) || !yaml_parser_initialize(&parser))
		return;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)block.ptr, block.len);
	while (more && !fields->failed && yaml_parser_parse(&parser, &event)) {
		struct str value = {NULL, 0};

		switch ((int)event.type) {
		case YAML_STREAM_END_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			more = false;
			break;
		case YAML_MAPPING_START_EVENT:
		case YAML_SEQUENCE_START_EVENT:
			depth++;
			break;
		case YAML_MAPPING_END_EVENT:
		case YAML_SEQUENCE_END_EVENT:
			if (--depth == 1)
				have_key = false;
			break;
		case YAML_ALIAS_EVENT:
			if (depth == 1)
				have_key = !have_key;
			break;
		case YAML_SCALAR_EVENT:
			value = (struct str){(const char *)event.data.scalar.value,
					     event.data.scalar.length};
			if (depth != 1)
				break;
			if (have_key)
				set_field(fields, key, value);
			else
				key = arena_str(fields->arena, value);
			if (!have_key && !key.ptr)
				fields->failed = true;
			have_key = !have_key;
			break;
		default:
			break;
		}
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \uXXXX or \UXXXXXXXX whose digits start at `at`; false when it is not one. */
static bool toml_codepoint(struct str text, size_t at, size_t digits, struct buf *out)
{
	int32_t cp = 0;

	if (text.len - at < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		int digit = hex_digit(text.ptr[at + i]);

		if (digit < 0 || cp > 0x10FFFF)
			return false;
		cp = cp * 16 + digit;
	}
	return cp > 0 && cp <= 0x10FFFF && buf_append_codepoint(out, cp);
}

/* A basic ("…", escapes) or literal ('…') string on one line; false for any other value. */
static bool toml_string(struct str value, struct buf *out)
{
	char quote = value.len ? value.ptr[0] : 0;

	if (quote != '"' && quote != '\'')
		return false;
	for (size_t i = 1; i < value.len; i++) {
		char c = value.ptr[i];

		if (c == quote)
			return true;
		if (c != '\\' || quote == '\'') {
			buf_append_byte(out, c);
			continue;
		}
		if (++i == value.len)
			return false;
		c = value.ptr[i];
		if (c == 'u' || c == 'U') {
			size_t digits = c == 'u' ? 4 : 8;

			if (!toml_codepoint(value, i + 1, digits, out))
				return false;
			i += digits;
		} else if (c == 'n' || c == 't' || c == 'r') {
			buf_append_byte(out, ' ');
		} else {
			buf_append_byte(out, c);
		}
	}
	return false;
}

/* `key = "value"` lines up to the first [table]: all that titles and descriptions need. */
static void read_toml(struct str block, struct fields *fields)
{
	struct str rest = block, line;
	struct buf value;

	buf_init(&value, fields->arena->alloc, BLOCK_MAX);
	while (!fields->failed && str_cut(&rest, '\n', &line)) {
		size_t equals;
		struct str key;

		line = str_trim(line);
		if (line.len && line.ptr[0] == '[')
			break;
		equals = str_find(line, STR("="), 0);
		if (equals == STR_NPOS)
			continue;
		key = str_trim(str_slice(line, 0, equals));
		buf_clear(&value);
		if (toml_string(str_trim(str_slice(line, equals + 1, line.len)), &value))
			set_field(fields, key, buf_str(&value));
		else if (str_eq(key, STR("draft")))
			set_field(fields, key, str_trim(str_slice(line, equals + 1, line.len)));
		fields->failed = fields->failed || value.failed;
	}
	buf_release(&value);
}

/* The line at *at without its end; *at moves behind it. */
static struct str next_line(struct str text, size_t *at)
{
	size_t end = str_find(text, STR("\n"), *at);
	struct str line;

	if (end == STR_NPOS)
		end = text.len;
	line = str_slice(text, *at, end);
	*at = end < text.len ? end + 1 : end;
	while (line.len && ascii_space((unsigned char)line.ptr[line.len - 1]))
		line.len--;
	return line;
}

enum err_code frontmatter_read(struct str text, struct arena *arena, struct frontmatter *out,
			       struct err *err)
{
	struct fields fields = {.arena = arena};
	struct str fence, line;
	size_t at = 0, start, end;

	if (str_starts(text, STR("\xEF\xBB\xBF")))
		text = str_slice(text, 3, text.len);
	*out = (struct frontmatter){.title = STR(""),
				    .description = STR(""),
				    .url = STR(""),
				    .slug = STR(""),
				    .body = text};
	fence = next_line(text, &at);
	if (!str_eq(fence, STR("---")) && !str_eq(fence, STR("+++")))
		return ERR_OK;
	start = at;
	do {
		if (at == text.len)
			return ERR_OK;
		end = at;
		line = next_line(text, &at);
	} while (!str_eq(line, fence));
	out->body = str_slice(text, at, text.len);
	if (end - start > BLOCK_MAX)
		return ERR_OK;
	if (fence.ptr[0] == '-')
		read_yaml(str_slice(text, start, end), &fields);
	else
		read_toml(str_slice(text, start, end), &fields);
	if (fields.failed)
		return arena_fail(arena, err);
	out->title = fields.title.len ? fields.title : fields.link_title;
	out->description = fields.description;
	out->draft = fields.draft;
	if (fields.url.ptr)
		out->url = fields.url;
	if (fields.slug.ptr)
		out->slug = fields.slug;
	if (!out->title.ptr)
		out->title = STR("");
	if (!out->description.ptr)
		out->description = STR("");
	return ERR_OK;
}
