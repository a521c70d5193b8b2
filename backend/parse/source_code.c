#include "parse/source_code.h"

enum { SIGNATURE_LINES = 60 };

/* "- x", "* x", "name: text" and "name (type): text" begin a line of their own. */
static bool starts_line(struct str text)
{
	return str_starts(text, STR("- ")) || str_starts(text, STR("* ")) ||
	       str_starts(text, STR(":param")) || str_starts(text, STR(":return")) ||
	       str_starts(text, STR(":raise")) || str_starts(text, STR("@"));
}

/* The least indentation of the lines behind the first, which stands behind the quotes. */
static size_t doc_indent(struct str doc)
{
	struct str line;
	size_t least = SIZE_MAX;

	str_cut(&doc, '\n', &line);
	while (doc.ptr && str_cut(&doc, '\n', &line))
		if (!line_blank(line) && line_indent(line) < least)
			least = line_indent(line);
	return least;
}

void symbol_doc(struct builder *b, struct str doc)
{
	size_t base = doc_indent(doc), indent, before = 0;
	struct str line;

	while (doc.ptr && !builder_failed(b) && str_cut(&doc, '\n', &line)) {
		struct str text = str_trim(line);

		if (text.len == 0) {
			builder_flush(b);
			continue;
		}
		indent = line_indent(line);
		/* arguments, one below the other: "name: text", deeper lines go on with it */
		if (starts_line(text) || (indent > base && base != SIZE_MAX && indent <= before))
			builder_flush(b);
		if (b->text.len == 0 &&
		    (str_starts(text, STR("- ")) || str_starts(text, STR("* ")))) {
			b->kind = BLOCK_LIST_ITEM;
			b->depth = 0;
			text = str_trim(str_slice(text, 2, text.len));
		}
		if (b->text.len == 0)
			before = indent;
		builder_space(b);
		builder_text(b, text);
		/* "Args:" */
		if (text.ptr[text.len - 1] == ':')
			builder_flush(b);
	}
	builder_flush(b);
}

void symbol_section(struct builder *b, const struct lines *lines, const struct symbol *symbol,
		    struct str language)
{
	size_t end = symbol->last + 1;

	builder_flush(b);
	builder_flush_lead(b);
	builder_text(b, symbol->name);
	builder_section(b, symbol->level, STR(""));
	symbol_doc(b, symbol->doc);
	if (end - symbol->first > SIGNATURE_LINES)
		end = symbol->first + SIGNATURE_LINES;
	builder_code(b, lines_join(lines, symbol->first, end), language);
	builder_lines(b, symbol->first + 1, symbol->last + 1);
}
