/*
 * Jupyter notebooks: JSON whose Markdown cells are pages like others, and whose code cells are what
 * the page is about. Of outputs only the beginning is kept: they are long, and not written by anyone.
 */
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "parse/builder.h"
#include "parse/formats.h"
#include "parse/markdown.h"

enum {
	NOTEBOOK_MAX = 64 << 20,
	OUTPUT_BYTES = 1000, /* of one cell */
	LANGUAGE_MAX = 20,
};

struct notebook {
	struct builder b;
	struct buf source, output;
	struct str language;
};

/* A text is a string, or a list of strings that are joined as they are. */
static void append_text(const json_t *text, struct buf *out)
{
	const json_t *part;
	size_t i;

	if (json_is_string(text))
		buf_append(out, (struct str){json_string_value(text), json_string_length(text)});
	json_array_foreach(text, i, part) if (json_is_string(part))
		buf_append(out, (struct str){json_string_value(part), json_string_length(part)});
}

/* Bytes of the terminal's colour sequence at text[at], 0 when there is none. */
static size_t escape_length(struct str text, size_t at)
{
	size_t end = at + 2;

	if (text.len - at < 2 || text.ptr[at] != 0x1B || text.ptr[at + 1] != '[')
		return 0;
	while (end < text.len && end - at < 32 &&
	       (ascii_digit((unsigned char)text.ptr[end]) || text.ptr[end] == ';'))
		end++;
	return end < text.len ? end + 1 - at : text.len - at;
}

/* Adds output up to its bound; what is only the name of an object ("<Figure size …>") is dropped. */
static void append_output(const json_t *text, struct notebook *nb)
{
	struct str all, shown;

	buf_clear(&nb->source);
	append_text(text, &nb->source);
	all = buf_str(&nb->source);
	shown = str_trim(all);
	if (shown.len >= 2 && shown.ptr[0] == '<' && shown.ptr[shown.len - 1] == '>' &&
	    str_find(shown, STR("\n"), 0) == STR_NPOS)
		return;
	for (size_t i = 0; i < all.len && nb->output.len <= OUTPUT_BYTES; i++) {
		size_t skip = escape_length(all, i);

		if (skip) {
			i += skip - 1;
			continue;
		}
		/* a progress bar draws its line anew */
		if (all.ptr[i] == '\r')
			buf_append_byte(&nb->output, '\n');
		else if ((unsigned char)all.ptr[i] >= ' ' || all.ptr[i] == '\n' ||
			 all.ptr[i] == '\t')
			buf_append_byte(&nb->output, all.ptr[i]);
	}
}

static void add_outputs(struct notebook *nb, const json_t *cell)
{
	const json_t *output;
	struct str text;
	size_t i;

	buf_clear(&nb->output);
	json_array_foreach(json_object_get(cell, "outputs"), i, output)
	{
		const json_t *data = json_object_get(output, "data");

		/* format 3 has the kinds of data as members of the output itself */
		append_output(json_object_get(output, "text"), nb);
		append_output(json_object_get(data, "text/plain"), nb);
		if (json_is_string(json_object_get(output, "evalue"))) {
			buf_append(&nb->output, json_get_str(output, "ename"));
			buf_append(&nb->output, STR(": "));
			append_output(json_object_get(output, "evalue"), nb);
		}
		if (nb->output.len && nb->output.ptr[nb->output.len - 1] != '\n')
			buf_append_byte(&nb->output, '\n');
		if (nb->output.len > OUTPUT_BYTES)
			break;
	}
	builder_check(&nb->b, &nb->output);
	text = buf_str(&nb->output);
	if (text.len > OUTPUT_BYTES) {
		text = utf8_prefix(text, OUTPUT_BYTES);
		/* a line that was cut would read as one that was not */
		for (size_t end = text.len; end > 0; end--)
			if (text.ptr[end - 1] == '\n') {
				text = str_slice(text, 0, end);
				break;
			}
	}
	builder_code(&nb->b, text, STR(""));
}

/* "%%bash" and the like at the top of a cell say that its language is another. */
static struct str cell_language(const struct notebook *nb, const json_t *cell, struct str source)
{
	struct str language = json_get_str(cell, "language");
	size_t end = 2;

	if (str_starts(source, STR("%%"))) {
		while (end < source.len && ascii_alnum((unsigned char)source.ptr[end]))
			end++;
		source = str_slice(source, 2, end);
		if (str_eq(source, STR("bash")) || str_eq(source, STR("sh")) ||
		    str_eq(source, STR("javascript")) || str_eq(source, STR("html")))
			return source;
	}
	return language.len && language.len <= LANGUAGE_MAX ? language : nb->language;
}

/* Cells of format 3 that are headings by type. */
static void add_heading(struct notebook *nb, const json_t *cell)
{
	long long level = json_get_int(cell, "level", 1);
	struct str raw, anchor = STR("");

	builder_text(&nb->b, buf_str(&nb->source));
	raw = str_trim(buf_str(&nb->b.text));
	if (raw.len == 0 || builder_failed(&nb->b))
		return;
	nb->b.code = anchor_make(&nb->b.anchors, raw, &anchor, nb->b.err);
	if (!builder_failed(&nb->b))
		builder_section(&nb->b, level < 1 ? 1 : level > 6 ? 6 : (int)level, anchor);
}

static void add_cell(struct notebook *nb, const json_t *cell)
{
	struct str type = json_get_str(cell, "cell_type"), text;
	const json_t *source = json_object_get(cell, "source");

	buf_clear(&nb->source);
	append_text(source ? source : json_object_get(cell, "input"), &nb->source);
	builder_check(&nb->b, &nb->source);
	if (builder_failed(&nb->b))
		return;
	text = buf_str(&nb->source);
	if (str_eq(type, STR("markdown"))) {
		nb->b.code = markdown_feed(&nb->b, text, 0, nb->b.err);
	} else if (str_eq(type, STR("heading"))) {
		add_heading(nb, cell);
	} else if (str_eq(type, STR("code"))) {
		builder_code(&nb->b, text, cell_language(nb, cell, text));
		add_outputs(nb, cell);
	}
}

static void add_cells(struct notebook *nb, const json_t *cells)
{
	const json_t *cell;
	size_t i;

	json_array_foreach(cells, i, cell)
	{
		if (builder_failed(&nb->b))
			return;
		add_cell(nb, cell);
	}
}

static struct str kernel_language(const json_t *root)
{
	const json_t *metadata = json_object_get(root, "metadata");
	struct str language = json_get_str(json_object_get(metadata, "kernelspec"), "language");

	if (language.len == 0)
		language = json_get_str(json_object_get(metadata, "language_info"), "name");
	return language.len && language.len <= LANGUAGE_MAX ? language : STR("python");
}

/*
 * Viewers of notebooks give headings their own text as id, with dashes for spaces; lines of the file
 * are those of its JSON and mean nothing to a reader.
 */
static enum err_code finish_sections(struct document *out, struct arena *arena, struct err *err)
{
	for (size_t i = 0; i < out->section_count; i++) {
		struct section *section = &out->sections[i];
		struct str id;

		section->first_line = section->last_line = 0;
		if (section->level == 0)
			continue;
		id = arena_str(arena, section->heading);
		if (!id.ptr)
			return arena_fail(arena, err);
		for (size_t k = 0; k < id.len; k++)
			if (id.ptr[k] == ' ')
				((char *)id.ptr)[k] = '-';
		section->anchor = id;
	}
	return ERR_OK;
}

enum err_code parse_notebook(struct str text, struct arena *arena, struct document *out,
			     struct err *err)
{
	struct notebook nb;
	json_t *root = NULL;
	size_t i;
	enum err_code code;

	document_init(out);
	if (text.len > NOTEBOOK_MAX)
		return err_set(err, ERR_LIMIT,
			       "notebook of %zu bytes is too large, at most %d are read", text.len,
			       NOTEBOOK_MAX);
	code = json_parse(text, &root, err);
	if (code == ERR_NOMEM)
		return code;
	if (code != ERR_OK)
		return err_set(err, ERR_FORMAT, "is no notebook: its JSON is damaged");
	buf_init(&nb.source, arena->alloc, text.len + 64);
	buf_init(&nb.output, arena->alloc, text.len + 4096);
	builder_init(&nb.b, arena, out, text.len * 4 + 4096, err);
	nb.language = kernel_language(root);
	add_cells(&nb, json_object_get(root, "cells"));
	const json_t *sheets = json_object_get(root, "worksheets");
	for (i = 0; i < json_array_size(sheets); i++)
		add_cells(&nb, json_object_get(json_array_get(sheets, i), "cells"));
	code = builder_finish(&nb.b);
	if (code == ERR_OK)
		code = finish_sections(out, arena, err);
	builder_release(&nb.b);
	buf_release(&nb.output);
	buf_release(&nb.source);
	json_decref(root);
	return code;
}
