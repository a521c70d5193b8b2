/*
 * Any bytes as a text: tokens of the vocabulary in the order of the text, whose ranges are whole
 * characters. The first byte chooses the model and its settings.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "embed/inproc/tokenizer.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { KINDS = 3 };

static struct tokenizer *tokenizers[KINDS];

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_tokenizer: %s\n", what);
	abort();
}

/* BERT and MPNet as published, and BERT with case and accents. */
static void make_tokenizer(int kind)
{
	struct temp_dir dir;
	struct err err = {ERR_OK, ""};
	temp_dir_make(&dir);
	require(tiny_model_write(dir.path, kind == 1 ? TINY_MPNET : TINY_BERT), "cannot write");
	if (kind == 2)
		temp_dir_write(&dir, "tokenizer_config.json",
			       STR("{\"do_lower_case\": false, \"strip_accents\": false, "
				   "\"tokenize_chinese_chars\": false, "
				   "\"tokenizer_class\": \"BertTokenizer\"}"));
	enum err_code code = tokenizer_open(dir.path, alloc_default(), &tokenizers[kind], &err);
	temp_dir_remove(&dir);
	require(code == ERR_OK, err.message);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	for (int kind = 0; kind < KINDS; kind++)
		make_tokenizer(kind);
	return 0;
}

static bool at_character(struct str text, size_t at)
{
	return at == text.len || ((unsigned char)text.ptr[at] & 0xc0) != 0x80;
}

static void check_tokens(const struct tokenizer *t, struct str text, const struct token_list *list)
{
	size_t before = 0;
	for (size_t i = 0; i < list->count; i++) {
		const struct token *token = &list->items[i];
		require(token->id >= 0 && (size_t)token->id < tokenizer_vocab_size(t),
			"an id that the vocabulary does not have");
		require(token->begin <= token->end && token->end <= text.len,
			"a range outside of the text");
		require(at_character(text, token->begin) && at_character(text, token->end),
			"a range that cuts a character");
		require(token->begin >= before, "tokens out of order");
		before = token->begin;
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct arena arena;
	struct token_list list;
	struct err err = {ERR_OK, ""};
	if (size == 0)
		return 0;
	const struct tokenizer *t = tokenizers[data[0] % KINDS];
	struct str raw = {(const char *)data + 1, size - 1};
	arena_init(&arena, alloc_default(), (size_t)256 << 20);
	enum err_code code = tokenizer_encode(t, raw, &arena, &list, &err);
	require((code == ERR_OK) == utf8_valid(raw), "valid text is refused, or the other way");
	struct str text = utf8_repair(&arena, raw, NULL);
	require(text.ptr != NULL, "out of memory");
	code = tokenizer_encode(t, text, &arena, &list, &err);
	require(code == ERR_OK, err.message);
	check_tokens(t, text, &list);
	arena_release(&arena);
	return 0;
}
