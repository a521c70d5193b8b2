#include "parse/mdx.h"

#include "base/buf.h"

enum { TAG_MAX = 1000, KIND_MAX = 20 };

struct mdx {
	struct buf out;
	bool components; /* the page imports some */
	bool statement;  /* within an import or export that goes on to an empty line */
	char fence;      /* of an open code block */
};

static bool is_statement(struct str line)
{
	if (str_starts(line, STR("import ")))
		return str_find(line, STR(" from '"), 0) != STR_NPOS ||
		       str_find(line, STR(" from \""), 0) != STR_NPOS ||
		       str_starts(line, STR("import '")) || str_starts(line, STR("import \"")) ||
		       str_ends(str_trim(line), STR("{"));
	return str_starts(line, STR("export default ")) || str_starts(line, STR("export const ")) ||
	       str_starts(line, STR("export function "));
}

static bool begins_with_import(struct str text)
{
	struct str line;

	text = str_trim(text);
	return text.len && str_cut(&text, '\n', &line) && is_statement(line) &&
	       str_starts(line, STR("import "));
}

/* "<TabItem …>" or "</TabItem>" at line[at]: its length; 0 for HTML's own tags and placeholders. */
static size_t component_length(struct str line, size_t at)
{
	size_t name = at + 1, end;

	name += name < line.len && line.ptr[name] == '/';
	if (name + 1 >= line.len || line.ptr[name] < 'A' || line.ptr[name] > 'Z' ||
	    line.ptr[name + 1] < 'a' || line.ptr[name + 1] > 'z')
		return 0;
	end = str_find(str_slice(line, 0, at + TAG_MAX), STR(">"), name);
	return end == STR_NPOS ? 0 : end + 1 - at;
}

static void put_line(struct mdx *m, struct str line)
{
	size_t copied = 0, size;
	bool code = false;

	for (size_t i = 0; m->components && i < line.len; i++) {
		code = code != (line.ptr[i] == '`');
		if (code || line.ptr[i] != '<' || (size = component_length(line, i)) == 0)
			continue;
		buf_append(&m->out, str_slice(line, copied, i));
		copied = i + size;
		i = copied - 1;
	}
	buf_append(&m->out, str_slice(line, copied, line.len));
}

/* ":::note Title", ":::note[Title]" or ":::{note} Title"; the end of one is an empty line. */
static void put_admonition(struct mdx *m, struct str text)
{
	size_t end = 0;
	struct str kind;

	while (text.len && (text.ptr[0] == ':' || text.ptr[0] == ' ' || text.ptr[0] == '{'))
		text = str_slice(text, 1, text.len);
	while (end < text.len && end < KIND_MAX &&
	       (ascii_alnum((unsigned char)text.ptr[end]) || text.ptr[end] == '-'))
		end++;
	kind = str_slice(text, 0, end);
	text = str_slice(text, end, text.len);
	while (text.len && (text.ptr[0] == '[' || text.ptr[0] == '}' || text.ptr[0] == ' '))
		text = str_slice(text, 1, text.len);
	if (text.len && text.ptr[text.len - 1] == ']')
		text.len--;
	if (kind.len == 0)
		return;
	buf_append_byte(&m->out, kind.ptr[0] >= 'a' && kind.ptr[0] <= 'z'
					 ? (char)(kind.ptr[0] - 'a' + 'A')
					 : kind.ptr[0]);
	buf_append(&m->out, str_slice(kind, 1, kind.len));
	buf_append(&m->out, STR(": "));
	buf_append(&m->out, text);
}

static void read_line(struct mdx *m, struct str line)
{
	struct str text = str_trim(line);
	bool fence = str_starts(text, STR("```")) || str_starts(text, STR("~~~"));

	if (fence && (!m->fence || m->fence == text.ptr[0]))
		m->fence = m->fence ? 0 : text.ptr[0];
	if (m->fence || fence) {
		buf_append(&m->out, line);
		return;
	}
	m->statement = text.len && (m->statement || (m->components && is_statement(line)));
	if (m->statement)
		return;
	if (str_starts(text, STR(":::")))
		put_admonition(m, text);
	else
		put_line(m, line);
}

struct str mdx_plain(struct str text, struct arena *arena)
{
	struct mdx m = {.components = begins_with_import(text)};
	struct str rest = text, line, result;

	if (!m.components && str_find(text, STR(":::"), 0) == STR_NPOS)
		return text;
	buf_init(&m.out, arena->alloc, text.len * 2 + 64);
	while (rest.ptr && str_cut(&rest, '\n', &line)) {
		read_line(&m, line);
		if (rest.ptr)
			buf_append_byte(&m.out, '\n');
	}
	result = m.out.failed ? (struct str){NULL, 0} : arena_str(arena, buf_str(&m.out));
	buf_release(&m.out);
	return result;
}
