#include "answer/dump.h"

#include <stdbool.h>

#include "answer/terms.h"
#include "base/buf.h"
#include "base/utf8.h"

enum {
	DUMP_LINES = 4, /* that are worth leaving out */
	DUMP_BYTES = 300,
	CONTENT_WORDS = 3,    /* that a question needs */
	ERROR_LINE_MAX = 200, /* bytes of the line that is kept */
};

/* Counts of one line, from which follows whether it is a sentence. */
struct line_counts {
	size_t tokens;  /* separated by white space */
	size_t common;  /* words such as "the", "how" */
	size_t content; /* other words */
	size_t symbols; /* bytes that are neither letters nor white space */
};

static struct line_counts count_line(struct str line)
{
	struct line_counts counts = {0};
	for (size_t i = 0; i < line.len;) {
		size_t begin = i;
		while (i < line.len && (ascii_alpha((unsigned char)line.ptr[i]) ||
					(unsigned char)line.ptr[i] >= 0x80))
			i++;
		if (i > begin) {
			bool common = terms_stop_word(str_slice(line, begin, i));
			counts.common += common;
			counts.content += !common;
			continue;
		}
		counts.symbols += !ascii_space((unsigned char)line.ptr[i]);
		i++;
	}
	for (size_t i = 0; i < line.len; i++)
		counts.tokens += !ascii_space((unsigned char)line.ptr[i]) &&
				 (i == 0 || ascii_space((unsigned char)line.ptr[i - 1]));
	return counts;
}

static bool names_error(struct str line)
{
	static const char *const words[] = {"error",   "exception", "fail",  "denied",
					    "refused", "cannot",    "panic", "forbidden"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_find_nocase(line, str_c(words[i]), 0) != STR_NPOS)
			return true;
	return false;
}

/* "ERROR: …", "urllib3.exceptions.MaxRetryError: …": a program speaks. */
static bool is_message(struct str line)
{
	size_t end = 0;
	while (end < line.len && !ascii_space((unsigned char)line.ptr[end]))
		end++;
	struct str first = str_slice(line, 0, end);
	return str_ends(first, STR(":")) && names_error(first);
}

/* A fifth of a sentence are common words; code and logs have few, and many signs. */
static bool is_sentence(struct str line)
{
	struct line_counts counts = count_line(line);
	if (line.ptr[0] == '\t' || str_starts(line, STR("  ")) || is_message(line) ||
	    str_find(str_trim(line), STR("   "), 0) != STR_NPOS) /* columns */
		return false;
	struct str trimmed = str_trim(line);
	if (trimmed.len && trimmed.ptr[trimmed.len - 1] == '?' &&
	    counts.symbols * 20 < line.len * 7)
		return true;
	return counts.common >= 2 && counts.common * 5 >= counts.tokens &&
	       counts.symbols * 4 < line.len;
}

struct paragraph {
	struct str text;
	size_t lines;
	bool dump;
};

/* Takes the next paragraph off the text; false at the end. */
static bool next_paragraph(struct str *rest, struct paragraph *out)
{
	size_t sentences = 0;
	struct str line;
	*out = (struct paragraph){0};
	while (str_cut(rest, '\n', &line)) {
		if (!str_trim(line).len) {
			if (out->lines)
				break;
			continue;
		}
		if (!out->lines)
			out->text.ptr = line.ptr;
		out->text.len = (size_t)(line.ptr - out->text.ptr) + line.len;
		out->lines++;
		sentences += is_sentence(line);
	}
	if (!out->lines)
		return false;
	out->dump = out->lines >= 2 && (out->lines - sentences) * 5 >= out->lines * 3;
	return true;
}

static struct str last_error(struct str dump, struct str before)
{
	struct str line;
	while (str_cut(&dump, '\n', &line))
		if (names_error(line))
			before = str_trim(line);
	return before;
}

static void append_line(struct buf *out, struct str line)
{
	if (out->len)
		buf_append_byte(out, '\n');
	buf_append(out, line);
}

struct str dump_strip(struct str question, struct arena *arena)
{
	struct paragraph p;
	struct buf kept;
	size_t lines = 0, bytes = 0, content = 0;
	struct str error = STR("");
	for (struct str rest = question; next_paragraph(&rest, &p);) {
		lines += p.dump ? p.lines : 0;
		bytes += p.dump ? p.text.len : 0;
	}
	if (lines < DUMP_LINES && bytes < DUMP_BYTES)
		return question;
	buf_init(&kept, arena->alloc, question.len + ERROR_LINE_MAX + 2);
	for (struct str rest = question; next_paragraph(&rest, &p);) {
		if (p.dump) {
			error = last_error(p.text, error);
			continue;
		}
		append_line(&kept, p.text);
		content += count_line(p.text).content;
	}
	if (content < CONTENT_WORDS && error.len)
		append_line(&kept, utf8_prefix(error, ERROR_LINE_MAX));
	struct str out = question;
	if (buf_ok(&kept, "the question", NULL))
		out = (struct str){NULL, 0};
	else if (content >= CONTENT_WORDS || (content && error.len))
		out = arena_str(arena, buf_str(&kept));
	buf_release(&kept);
	return out;
}
