/* Any bytes, repaired to UTF-8 as the index does it, parse to a document of valid text. */
#include <stdlib.h>

#include "base/utf8.h"
#include "parse/document.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* Nothing of the parser's own placeholders may come out */
static void check(struct str text)
{
	if (!utf8_valid(text) || str_find(text, STR("\xEF\xB7\x90"), 0) != STR_NPOS)
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct arena arena;
	struct document document;
	struct err err;
	struct str text;

	arena_init(&arena, alloc_default(), (size_t)256 << 20);
	text = utf8_repair(&arena, (struct str){(const char *)data, size}, NULL);
	if (text.ptr && parse_markdown(text, &arena, &document, &err) == ERR_OK) {
		if (!utf8_valid(document.title) || !utf8_valid(document.description))
			abort();
		for (size_t i = 0; i < document.section_count; i++) {
			const struct section *section = &document.sections[i];

			check(section->heading);
			check(section->anchor);
			check(section->path);
			check(section_text(section, &arena));
		}
	} else if (text.ptr && err.code != ERR_LIMIT) {
		abort();
	}
	arena_release(&arena);
	return 0;
}
