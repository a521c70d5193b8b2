/*
 * YAML by its lines: documents, comments and top-level keys are seen without a parser, so that
 * templates are read too and every byte stays as it is. libyaml's events say what a document is
 * (kind and name), whichever way it is written. Aliases are not followed.
 */
#include <yaml.h>

#include "parse/builder.h"
#include "parse/formats.h"
#include "parse/lines.h"

enum {
	DEPTH_MAX = 64,      /* libyaml takes time in proportion to nesting, for each token */
	DIRECTIVES_MAX = 16, /* and for each %TAG in proportion to their number */
	BLOCK_BYTES = 1600,  /* a longer text is cut into several blocks, at its keys and items */
	CUT_DEPTH = 8,
	WHOLE_BYTES = 2400, /* a longer file of settings gets sections by its keys */
	NAME_MAX = 200,
	HEADING_KEYS = 6,
};

struct identity {
	struct arena *arena;
	struct str kind, name, namespace;
	bool has_version, has_metadata;
};

/* Where the events are: in a mapping or sequence, and behind which key. */
struct position {
	int depth;
	bool mapping[DEPTH_MAX + 1], have_key[DEPTH_MAX + 1];
	struct str keys[3]; /* of the depths 1 and 2 */
};

static void take(struct identity *id, struct str *field, struct str value)
{
	value = str_trim(value);
	if (field->len == 0 && value.len && value.len <= NAME_MAX)
		*field = arena_str(id->arena, value);
}

static void note_value(struct identity *id, struct str outer, struct str key, struct str value)
{
	if (outer.len == 0) {
		if (str_eq(key, STR("kind")))
			take(id, &id->kind, value);
		id->has_version = id->has_version || str_eq(key, STR("apiVersion"));
	} else if (str_eq(outer, STR("metadata"))) {
		if (str_eq(key, STR("name")) || str_eq(key, STR("generateName")))
			take(id, &id->name, value);
		else if (str_eq(key, STR("namespace")))
			take(id, &id->namespace, value);
	}
}

/* A node ended at the current depth: it was a key or a value. */
static void end_node(struct position *at, struct identity *id, struct str scalar)
{
	int depth = at->depth;

	if (depth == 0 || !at->mapping[depth])
		return;
	if (depth <= 2) {
		bool inner = depth == 2 && at->mapping[1];

		if (!at->have_key[depth])
			at->keys[depth] =
				scalar.len <= NAME_MAX ? arena_str(id->arena, scalar) : STR("");
		else if (depth == 1 || inner)
			note_value(id, inner ? at->keys[1] : STR(""), at->keys[depth], scalar);
	}
	at->have_key[depth] = !at->have_key[depth];
}

/* False when the event cannot be followed. */
static bool follow(struct position *at, struct identity *id, const yaml_event_t *event)
{
	switch ((int)event->type) {
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		if (at->depth == DEPTH_MAX)
			return false;
		if (at->depth == 1 && str_eq(at->keys[1], STR("metadata")))
			id->has_metadata = true;
		at->depth++;
		at->mapping[at->depth] = event->type == YAML_MAPPING_START_EVENT;
		at->have_key[at->depth] = false;
		break;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		at->depth--;
		end_node(at, id, STR(""));
		break;
	case YAML_ALIAS_EVENT:
		end_node(at, id, STR(""));
		break;
	case YAML_SCALAR_EVENT:
		end_node(at, id,
			 (struct str){(const char *)event->data.scalar.value,
				      event->data.scalar.length});
		break;
	default:
		break;
	}
	return true;
}

/* Fills *id from the events of one document; what is missing where it is no YAML stays empty. */
static bool identify_by_events(struct str text, struct identity *id)
{
	yaml_parser_t parser;
	yaml_event_t event;
	struct position at = {.depth = 0};
	bool more = true, sound = true;

	if (!yaml_parser_initialize(&parser))
		return false;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
	while (more && sound) {
		sound = yaml_parser_parse(&parser, &event);
		if (!sound)
			break;
		more = event.type != YAML_STREAM_END_EVENT && event.type != YAML_DOCUMENT_END_EVENT;
		sound = follow(&at, id, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return sound;
}

static bool is_comment(struct str line)
{
	line = str_trim(line);
	return line.len && line.ptr[0] == '#';
}

/* The key of a "key:" or "key: value" line that is not indented; false for other lines. */
static bool top_key(struct str line, struct str *key, struct str *value)
{
	size_t colon = 0;

	if (line.len == 0 || ascii_space((unsigned char)line.ptr[0]) || line.ptr[0] == '#' ||
	    line.ptr[0] == '-' || line.ptr[0] == '{' || line.ptr[0] == '}' || line.ptr[0] == ']')
		return false;
	do {
		colon = str_find(line, STR(":"), colon);
		if (colon == STR_NPOS || colon == 0)
			return false;
		colon++;
	} while (colon < line.len && line.ptr[colon] != ' ' && line.ptr[colon] != '\t');
	*key = str_trim(str_slice(line, 0, colon - 1));
	*value = str_trim(str_slice(line, colon, line.len));
	if (key->len >= 2 && (key->ptr[0] == '"' || key->ptr[0] == '\'') &&
	    key->ptr[key->len - 1] == key->ptr[0])
		*key = str_slice(*key, 1, key->len - 1);
	return key->len > 0 && key->len <= NAME_MAX;
}

/* A value without its quotes and the comment behind it. */
static struct str bare_value(struct str value)
{
	size_t comment = str_find(value, STR(" #"), 0);

	if (comment != STR_NPOS)
		value = str_trim(str_slice(value, 0, comment));
	if (value.len >= 2 && (value.ptr[0] == '"' || value.ptr[0] == '\'') &&
	    value.ptr[value.len - 1] == value.ptr[0])
		value = str_slice(value, 1, value.len - 1);
	return value;
}

/* The same from the look of the lines, for templates. */
static void identify_by_lines(const struct lines *lines, size_t first, size_t end,
			      struct identity *id)
{
	struct str outer = STR(""), key, value;
	size_t inner_indent = 0;

	for (size_t i = first; i < end; i++) {
		struct str line = lines->items[i];

		if (top_key(line, &key, &value)) {
			outer = key;
			inner_indent = 0;
			note_value(id, STR(""), key, bare_value(value));
			id->has_metadata = id->has_metadata || str_eq(key, STR("metadata"));
		} else if (outer.len && !line_blank(line) && !is_comment(line)) {
			size_t indent = line_indent(line);
			struct str inner = str_trim(line);

			if (inner.ptr[0] == '{' || indent == 0)
				continue;
			if (inner_indent == 0)
				inner_indent = indent;
			if (indent == inner_indent && top_key(inner, &key, &value))
				note_value(id, outer, key, bare_value(value));
		}
	}
}

static void identify(const struct lines *lines, size_t first, size_t end, struct identity *id)
{
	size_t directives = 0;

	for (size_t i = first; i < end; i++)
		directives += lines->items[i].len && lines->items[i].ptr[0] == '%';
	if (directives > DIRECTIVES_MAX || !identify_by_events(lines_join(lines, first, end), id))
		identify_by_lines(lines, first, end, id);
}

static bool decoration(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (ascii_alnum((unsigned char)text.ptr[i]) || (unsigned char)text.ptr[i] >= 0x80)
			return false;
	return true;
}

/* Comments in front of something: paragraphs, parted by empty lines and rules. */
static void add_comments(struct builder *b, const struct lines *lines, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		struct str text = str_trim(lines->items[i]);

		while (text.len && text.ptr[0] == '#')
			text = str_slice(text, 1, text.len);
		/* "# -- text" is how charts mark what their documentation is made of */
		text = str_trim(text);
		if (str_starts(text, STR("-- ")))
			text = str_slice(text, 3, text.len);
		if (decoration(text) || !is_comment(lines->items[i])) {
			builder_flush(b);
			continue;
		}
		builder_lines(b, i + 1, i + 1);
		builder_space(b);
		builder_text(b, text);
	}
	builder_flush(b);
}

static void add_code(struct builder *b, const struct lines *lines, size_t first, size_t end)
{
	while (first < end && line_blank(lines->items[first]))
		first++;
	while (end > first && line_blank(lines->items[end - 1]))
		end--;
	if (first == end)
		return;
	builder_code(b, lines_join(lines, first, end), STR("yaml"));
	builder_lines(b, first + 1, end);
}

/* The least indentation of the lines behind the first: where its keys or items begin. */
static size_t inner_indent(const struct lines *lines, size_t first, size_t end)
{
	size_t least = SIZE_MAX;

	for (size_t i = first + 1; i < end; i++) {
		struct str line = lines->items[i];

		if (!line_blank(line) && !is_comment(line) && line_indent(line) < least)
			least = line_indent(line);
	}
	return least;
}

/* The next line at or behind `from` that is indented by no more than `indent`, with its comments. */
static size_t next_piece(const struct lines *lines, size_t from, size_t end, size_t indent)
{
	size_t comments = from;

	for (size_t i = from; i < end; i++) {
		struct str line = lines->items[i];

		if (is_comment(line))
			continue;
		if (!line_blank(line) && line_indent(line) <= indent)
			return comments;
		comments = i + 1;
	}
	return end;
}

/* Cuts the lines into blocks of at most BLOCK_BYTES where that is possible. */
static void add_blocks(struct builder *b, const struct lines *lines, size_t first, size_t end,
		       int depth)
{
	size_t from = first, at = first, indent;

	if (lines_join(lines, first, end).len <= BLOCK_BYTES || depth == CUT_DEPTH) {
		add_code(b, lines, first, end);
		return;
	}
	indent = depth == 0 ? 0 : inner_indent(lines, first, end);
	while (at < end) {
		/* the line itself, whatever precedes it, and what is below it */
		size_t body = at;

		while (body < end &&
		       (is_comment(lines->items[body]) || line_blank(lines->items[body])))
			body++;
		size_t next = next_piece(lines, body + 1 < end ? body + 1 : end, end, indent);

		if (lines_join(lines, at, next).len > BLOCK_BYTES && next - at > 1) {
			add_code(b, lines, from, at);
			add_blocks(b, lines, at, next, depth + 1);
			from = next;
		} else if (lines_join(lines, from, next).len > BLOCK_BYTES) {
			add_code(b, lines, from, at);
			from = at;
		}
		at = next;
	}
	add_code(b, lines, from, end);
}

static bool ends_document(struct str line)
{
	return (str_starts(line, STR("---")) || str_starts(line, STR("..."))) &&
	       (line.len == 3 || ascii_space((unsigned char)line.ptr[3]));
}

/* "--- {a: b}" has content of its own. */
static bool bare_marker(struct str line)
{
	struct str rest = str_trim(str_slice(line, 3, line.len));

	return ends_document(line) && (rest.len == 0 || rest.ptr[0] == '#');
}

/* The first line of [first, end) that is neither empty nor a comment, marker or directive. */
static size_t skip_comments(const struct lines *lines, size_t first, size_t end)
{
	while (first < end &&
	       (line_blank(lines->items[first]) || is_comment(lines->items[first]) ||
		lines->items[first].ptr[0] == '%' || bare_marker(lines->items[first])))
		first++;
	return first;
}

static void add_body(struct builder *b, const struct lines *lines, size_t first, size_t end)
{
	size_t content = skip_comments(lines, first, end);

	add_comments(b, lines, first, content);
	add_blocks(b, lines, content, end, 0);
}

/* Settings: sections of a few top-level keys each. */
static void add_settings(struct builder *b, const struct lines *lines, size_t first, size_t end)
{
	size_t at = first;

	while (at < end && !builder_failed(b)) {
		size_t from = at, keys = 0;
		struct str key, value;

		while (at < end) {
			size_t body = skip_comments(lines, at, end);
			size_t next = next_piece(lines, body + 1 < end ? body + 1 : end, end, 0);

			if (keys && lines_join(lines, from, next).len > BLOCK_BYTES)
				break;
			if (body < end && top_key(lines->items[body], &key, &value)) {
				if (keys)
					builder_text(b, keys <= HEADING_KEYS ? STR(", ") : STR(""));
				if (keys < HEADING_KEYS)
					builder_text(b, key);
				else if (keys == HEADING_KEYS)
					builder_text(b, STR("\xE2\x80\xA6"));
				keys++;
			}
			at = next;
		}
		if (keys)
			builder_section(b, 2, STR(""));
		add_body(b, lines, from, at);
	}
}

static void add_document(struct builder *b, const struct lines *lines, size_t first, size_t end,
			 bool alone)
{
	struct identity id = {
		.arena = b->arena, .kind = STR(""), .name = STR(""), .namespace = STR("")};

	identify(lines, first, end, &id);
	if (!id.kind.ptr || !id.name.ptr || !id.namespace.ptr) {
		b->code = builder_failed(b) ? b->code : arena_fail(b->arena, b->err);
		return;
	}
	if (id.kind.len == 0 || !(id.has_version || id.has_metadata)) {
		if (alone && lines_join(lines, first, end).len <= WHOLE_BYTES)
			add_body(b, lines, first, end);
		else
			add_settings(b, lines, first, end);
		return;
	}
	builder_text(b, id.kind);
	builder_space(b);
	builder_text(b, id.name);
	if (id.namespace.len) {
		builder_space(b);
		builder_text(b, STR("("));
		builder_text(b, id.namespace);
		builder_text(b, STR(")"));
	}
	/* the only document of a file is what the file is called */
	builder_section(b, alone ? 1 : 2, STR(""));
	add_body(b, lines, first, end);
}

/* The document at or behind *at: where it begins and ends; *at moves behind it. */
static bool next_document(const struct lines *lines, size_t *at, size_t *first, size_t *end)
{
	bool content = false;

	while (*at < lines->count && line_blank(lines->items[*at]))
		(*at)++;
	*first = *at;
	for (; *at < lines->count; (*at)++) {
		struct str line = lines->items[*at];

		if (ends_document(line)) {
			/* comments in front of the first marker belong to what follows it */
			if (content)
				break;
			if (*first == *at || str_starts(line, STR("...")))
				*first = *at + 1;
			if (!bare_marker(line)) {
				content = true;
				*first = *at;
			}
		} else if (!line_blank(line) && !is_comment(line) && line.ptr[0] != '%') {
			content = true;
		}
	}
	*end = *at;
	while (*first < *end && line_blank(lines->items[*first]))
		(*first)++;
	return *first < *end;
}

enum err_code parse_yaml(struct str text, struct arena *arena, struct document *out,
			 struct err *err)
{
	struct lines lines;
	struct builder b;
	size_t at = 0, first, end, count = 0;
	enum err_code code;

	document_init(out);
	code = lines_split(text, arena, &lines, err);
	if (code != ERR_OK)
		return code;
	while (count < 2 && next_document(&lines, &at, &first, &end))
		count++;
	builder_init(&b, arena, out, text.len + 4096, err);
	at = 0;
	while (!builder_failed(&b) && next_document(&lines, &at, &first, &end))
		add_document(&b, &lines, first, end, count == 1);
	code = builder_finish(&b);
	builder_release(&b);
	return code;
}
