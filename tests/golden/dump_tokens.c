/*
 * Prints the tokens of files as JSON lines, for compare_tokens.py:
 *   dump_tokens MODEL_DIR FILE…
 * One line per file: {"file": …, "ids": […], "offsets": [[begin, end], …]}, offsets in bytes, or
 * {"file": …, "error": …}.
 */
#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "embed/inproc/tokenizer.h"

enum { TEXT_MAX = 64 << 20 };

static json_t *tokens_of(const struct tokenizer *t, const char *path)
{
	struct err err = {0};
	struct buf text;
	struct arena arena;
	struct token_list tokens = {0};
	json_t *ids = json_array(), *offsets = json_array();
	buf_init(&text, alloc_default(), TEXT_MAX + 1);
	arena_init(&arena, alloc_default(), SIZE_MAX);
	enum err_code code = file_read(path, TEXT_MAX, &text, &err);
	if (!code)
		code = tokenizer_encode(t, buf_str(&text), &arena, &tokens, &err);
	for (size_t i = 0; i < tokens.count; i++) {
		const struct token *token = &tokens.items[i];
		json_array_append_new(ids, json_integer(token->id));
		json_array_append_new(offsets,
				      json_pack("[ii]", (int)token->begin, (int)token->end));
	}
	arena_release(&arena);
	buf_release(&text);
	if (!code)
		return json_pack("{s:s, s:o, s:o}", "file", path, "ids", ids, "offsets", offsets);
	json_decref(ids);
	json_decref(offsets);
	return json_pack("{s:s, s:s}", "file", path, "error", err.message);
}

int main(int argc, char **argv)
{
	struct err err;
	struct tokenizer *t;
	if (argc < 3) {
		fprintf(stderr, "usage: dump_tokens MODEL_DIR FILE...\n");
		return 2;
	}
	if (tokenizer_open(argv[1], alloc_default(), &t, &err)) {
		fprintf(stderr, "dump_tokens: %s\n", err.message);
		return 1;
	}
	for (int i = 2; i < argc; i++) {
		json_t *line = tokens_of(t, argv[i]);
		json_dumpf(line, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(line);
	}
	tokenizer_close(t);
	return 0;
}
