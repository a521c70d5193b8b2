#include "support/fuzz_parsed.h"

#include <stdlib.h>

#include "base/utf8.h"

static void check(struct str text)
{
	if (!text.ptr || !utf8_valid(text))
		abort();
}

static void check_section(const struct section *section, struct arena *arena)
{
	check(section->heading);
	check(section->anchor);
	check(section->path);
	check(section_text(section, arena));
	if (section->level < 0 || section->level > 6 || section->first_line > section->last_line)
		abort();
	for (size_t i = 0; i < section->block_count; i++)
		check(section->blocks[i].language);
}

void fuzz_parsed(enum parse_format format, const unsigned char *data, size_t size)
{
	struct arena arena;
	struct document document;
	struct err err = {ERR_OK, ""};
	struct str text;
	enum err_code code;

	arena_init(&arena, alloc_default(), (size_t)256 << 20);
	text = utf8_repair(&arena, (struct str){(const char *)data, size}, NULL);
	if (text.ptr) {
		code = parse_document(format, text, &arena, &document, &err);
		if (code != ERR_OK && code != ERR_LIMIT && code != ERR_FORMAT)
			abort();
		if (code == ERR_OK) {
			check(document.title);
			check(document.description);
			check(document.url);
			check(document.slug);
		}
		for (size_t i = 0; code == ERR_OK && i < document.section_count; i++)
			check_section(&document.sections[i], &arena);
	}
	arena_release(&arena);
}
