#include "parse/document.h"

#include <string.h>

void document_init(struct document *document)
{
	*document = (struct document){
		.title = STR(""), .description = STR(""), .url = STR(""), .slug = STR("")};
}

/* Copies at *at when there is a place to copy to, and counts in any case. */
static void put(char *out, size_t *at, struct str text)
{
	if (out && text.len)
		memcpy(out + *at, text.ptr, text.len);
	*at += text.len;
}

/* A fence longer than any run of backticks in the code, so that the code cannot close it. */
static size_t fence_length(struct str code)
{
	size_t longest = 0, run = 0;

	for (size_t i = 0; i < code.len; i++) {
		run = code.ptr[i] == '`' ? run + 1 : 0;
		if (run > longest)
			longest = run;
	}
	return longest < 3 ? 3 : longest + 1;
}

static void put_code(char *out, size_t *at, const struct block *block)
{
	size_t fence = fence_length(block->text);

	for (size_t i = 0; i < fence; i++)
		put(out, at, STR("`"));
	/* With a backtick (possible after "~~~") it would lengthen the fence. */
	if (str_find(block->language, STR("`"), 0) == STR_NPOS)
		put(out, at, block->language);
	put(out, at, STR("\n"));
	put(out, at, block->text);
	put(out, at, STR("\n"));
	for (size_t i = 0; i < fence; i++)
		put(out, at, STR("`"));
}

static size_t render(const struct section *section, char *out)
{
	size_t at = 0;

	put(out, &at, section->heading);
	for (size_t i = 0; i < section->block_count; i++) {
		const struct block *block = &section->blocks[i];

		if (at)
			put(out, &at, STR("\n"));
		if (block->kind == BLOCK_CODE) {
			put_code(out, &at, block);
			continue;
		}
		if (block->kind == BLOCK_LIST_ITEM)
			put(out, &at, STR("- "));
		put(out, &at, block->text);
	}
	return at;
}

struct str section_text(const struct section *section, struct arena *arena)
{
	size_t len = render(section, NULL);
	char *text = arena_get(arena, len + 1);

	if (!text)
		return (struct str){NULL, 0};
	render(section, text);
	return (struct str){text, len};
}
