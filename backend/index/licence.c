#include "index/licence.h"

/* Licences end soon; a comment as long as a file is text. */
#define LICENCE_MAX ((size_t)16384)

static size_t line_end(struct str text, size_t at)
{
	size_t end = str_find(text, STR("\n"), at);
	return end == STR_NPOS ? text.len : end + 1;
}

static struct str line_at(struct str text, size_t at)
{
	return str_trim(str_slice(text, at, line_end(text, at)));
}

/* Behind the comment lines that begin so at `at`. */
static size_t skip_lines(struct str text, size_t at, struct str sign)
{
	while (at < text.len && str_starts(line_at(text, at), sign))
		at = line_end(text, at);
	return at;
}

/* Behind the line on which a comment with an end ends; `at` when it never does. */
static size_t skip_block(struct str text, size_t at, struct str close)
{
	size_t end = str_find(text, close, at);
	return end == STR_NPOS ? at : end + close.len;
}

/* Behind the comment at `at`; `at` when there is none. */
static size_t skip_comment(struct str text, size_t at)
{
	struct str line = line_at(text, at);
	if (str_starts(line, STR("/*")))
		return skip_block(text, at, STR("*/"));
	if (str_starts(line, STR("//")))
		return skip_lines(text, at, STR("//"));
	if (str_starts(line, STR("#")) && !str_starts(line, STR("#!")))
		return skip_lines(text, at, STR("#"));
	return at;
}

static bool is_licence(struct str comment)
{
	static const char *const words[] = {"copyright", "licensed under",
					    "spdx-license-identifier", "all rights reserved"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_find_nocase(comment, str_c(words[i]), 0) != STR_NPOS)
			return true;
	return false;
}

void licence_blank(char *text, size_t len)
{
	struct str head = {text, len < LICENCE_MAX ? len : LICENCE_MAX};
	size_t from = 0;
	if (str_starts(head, STR("#!")))
		from = line_end(head, 0);
	while (from < head.len && (ascii_space(head.ptr[from])))
		from++;
	size_t to = skip_comment(head, from);
	if (!is_licence(str_slice(head, from, to)))
		return;
	for (size_t i = from; i < to; i++)
		if (text[i] != '\n' && text[i] != '\r')
			text[i] = ' ';
}
