#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"
#include "parse/rst.h"

enum { SPAN_MAX = 2000, ROLE_MAX = 64 };

/* Letters that docutils spells out and that have no decomposition. */
static const char *spelled(int32_t cp)
{
	switch (cp) {
	case 0xDF:
		return "sz";
	case 0xE6:
		return "ae";
	case 0x153:
		return "oe";
	case 0xF8:
		return "o";
	case 0x111:
		return "d";
	case 0x142:
		return "l";
	case 0x131:
		return "i";
	default:
		return NULL;
	}
}

static void add_id_char(struct buf *out, int32_t cp)
{
	if (cp < 0x80 && ascii_alnum(cp))
		buf_append_byte(out, ascii_lower((char)cp));
	else if (cp < 0x80 && out->len && out->ptr[out->len - 1] != '-')
		buf_append_byte(out, '-');
}

struct str rst_id(struct str name, struct arena *arena)
{
	struct buf out;
	struct str id;
	size_t at = 0, size;
	int32_t cp;

	buf_init(&out, arena->alloc, name.len * 4 + 16);
	while (at < name.len && (size = utf8_decode(name, at, &cp)) != 0) {
		utf8proc_int32_t parts[18];
		const char *letters;
		utf8proc_ssize_t count;

		at += size;
		cp = utf8proc_tolower(cp);
		letters = spelled(cp);
		if (letters)
			buf_append(&out, str_c(letters));
		if (cp < 0x80) {
			add_id_char(&out, cp);
			continue;
		}
		count = utf8proc_decompose_char(cp, parts, 18, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT,
						NULL);
		for (utf8proc_ssize_t i = 0; i < count && i < 18; i++)
			add_id_char(&out, parts[i]);
	}
	id = buf_str(&out);
	while (id.len && (id.ptr[0] == '-' || ascii_digit((unsigned char)id.ptr[0])))
		id = str_slice(id, 1, id.len);
	while (id.len && id.ptr[id.len - 1] == '-')
		id.len--;
	id = out.failed ? (struct str){NULL, 0} : arena_str(arena, id);
	buf_release(&out);
	return id;
}

/* Text with backslashes taken out; one in front of white space goes with it. */
static void put_text(struct rst *r, struct str text)
{
	size_t copied = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] != '\\')
			continue;
		builder_text(&r->b, str_slice(text, copied, i));
		copied = i + 1;
		if (copied < text.len && ascii_space((unsigned char)text.ptr[copied]))
			copied++;
		i = copied < text.len ? copied : text.len;
	}
	builder_text(&r->b, str_slice(text, copied < text.len ? copied : text.len, text.len));
}

/* "text <target>" is text, "~a.b" is b, "!x" is x. */
static struct str shown(struct str text)
{
	size_t open;

	if (text.len && text.ptr[text.len - 1] == '>') {
		for (open = text.len; open > 0 && text.ptr[open - 1] != '<'; open--)
			;
		if (open > 1)
			return str_trim(str_slice(text, 0, open - 1));
		if (open == 1)
			return str_slice(text, 1, text.len - 1);
	}
	if (text.len && text.ptr[0] == '!')
		return str_slice(text, 1, text.len);
	if (text.len && text.ptr[0] == '~') {
		size_t from = text.len;

		while (from > 1 && text.ptr[from - 1] != '.')
			from--;
		return str_slice(text, from, text.len);
	}
	return text;
}

/* Where the mark occurs again behind `from`, not behind white space and near enough; or NPOS. */
static size_t find_close(struct str text, size_t from, struct str mark)
{
	struct str near = str_slice(text, 0, from + SPAN_MAX);
	size_t at = from;

	while ((at = str_find(near, mark, at)) != STR_NPOS) {
		if (at > from && !ascii_space((unsigned char)text.ptr[at - 1]) &&
		    (text.ptr[at - 1] != '\\' || mark.len == 2))
			return at;
		at++;
	}
	return STR_NPOS;
}

/* A role's name in front of a backquote: ":py:func:`"; its length with both colons, else 0. */
static size_t role_length(struct str text, size_t at)
{
	size_t end = at + 1;

	while (end < text.len && end - at < ROLE_MAX &&
	       (ascii_alnum((unsigned char)text.ptr[end]) || strchr(":-_.+", text.ptr[end])))
		end++;
	return end > at + 2 && end < text.len && text.ptr[end] == '`' && text.ptr[end - 1] == ':'
		       ? end - at
		       : 0;
}

/* Behind a reference: the underscores that make it one. */
static size_t skip_underscores(struct str text, size_t at)
{
	while (at < text.len && text.ptr[at] == '_')
		at++;
	return at;
}

/* A substitution "|name|" at `at`; returns what is behind it, or `at`. */
static size_t put_substitution(struct rst *r, struct str text, size_t at)
{
	size_t end = find_close(str_slice(text, 0, at + ROLE_MAX), at + 1, STR("|"));
	struct str name;

	if (end == STR_NPOS || ascii_space((unsigned char)text.ptr[at + 1]))
		return at;
	name = str_slice(text, at + 1, end);
	for (size_t i = 0; i < r->substitution_count; i++) {
		if (!str_eq_nocase(r->substitutions[i].name, name))
			continue;
		/* their texts have no substitutions of their own: none can grow without end */
		if (r->substituting)
			break;
		r->substituting = true;
		rst_inline(r, r->substitutions[i].text);
		r->substituting = false;
		return skip_underscores(text, end + 1);
	}
	/* one that is defined elsewhere: its name is the best that is known */
	put_text(r, name);
	return skip_underscores(text, end + 1);
}

/* Handles markup at `at`; returns what is behind it, or `at` when there is none. */
static size_t put_markup(struct rst *r, struct str text, size_t at)
{
	struct str rest = str_slice(text, at, at + 2);
	size_t end, from = at;

	if (str_eq(rest, STR("``"))) {
		end = find_close(text, at + 2, STR("``"));
		if (end == STR_NPOS)
			return at;
		/* titles are names and have no marks */
		if (r->in_title)
			builder_text(&r->b, str_slice(text, at + 2, end));
		else
			builder_code_span(&r->b, str_slice(text, at + 2, end));
		return end + 2;
	}
	if (text.ptr[at] == ':')
		from = at + role_length(text, at);
	if (text.ptr[from] == '`') {
		end = find_close(text, from + 1, STR("`"));
		if (end == STR_NPOS)
			return at;
		put_text(r, shown(str_slice(text, from + 1, end)));
		return skip_underscores(text, end + 1);
	}
	if (text.ptr[at] == '*') {
		size_t size = str_eq(rest, STR("**")) ? 2 : 1;

		end = find_close(text, at + size, str_slice(text, at, at + size));
		if (end == STR_NPOS || ascii_space((unsigned char)text.ptr[at + size]))
			return at;
		put_text(r, str_slice(text, at + size, end));
		return end + size;
	}
	return text.ptr[at] == '|' && at + 1 < text.len ? put_substitution(r, text, at) : at;
}

/* Whether "word_" at the underscore `at` is a reference: its mark is not part of the text. */
static bool ends_reference(struct str text, size_t at)
{
	size_t end = skip_underscores(text, at), begin = at;

	while (begin > 0 && at - begin < ROLE_MAX &&
	       (ascii_alnum((unsigned char)text.ptr[begin - 1]) || text.ptr[begin - 1] == '_'))
		begin--;
	/* "__init__" is a name */
	if (begin < at && text.ptr[begin] == '_')
		return false;
	return at > 0 && end - at <= 2 &&
	       (ascii_alnum((unsigned char)text.ptr[at - 1]) || text.ptr[at - 1] == ']') &&
	       (end == text.len || ascii_space((unsigned char)text.ptr[end]) ||
		strchr(".,;:!?)'\"", text.ptr[end]));
}

void rst_inline(struct rst *r, struct str text)
{
	size_t copied = 0, at = 0;

	while (at < text.len) {
		char c = text.ptr[at];
		bool inside = at > 0 && (ascii_alnum((unsigned char)text.ptr[at - 1]) ||
					 text.ptr[at - 1] == '\\');
		size_t next;

		if (c == '_' && ends_reference(text, at)) {
			put_text(r, str_slice(text, copied, at));
			at = copied = skip_underscores(text, at);
			continue;
		}
		if (inside || (c != '`' && c != '*' && c != '|' && c != ':')) {
			at++;
			continue;
		}
		put_text(r, str_slice(text, copied, at));
		copied = at;
		next = put_markup(r, text, at);
		if (next != at)
			copied = next;
		at = next != at ? next : at + 1;
	}
	put_text(r, str_slice(text, copied < text.len ? copied : text.len, text.len));
}
