/*
 * The tokenizer against references made by the `tokenizers` package (golden/make_tokens.py), and
 * on damaged models, hostile texts and failing memory. The published models are compared when
 * they are there (DOCS_BOT_MODELS_DIR); the tiny one, with the same rules, always.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/utf8.h"
#include "embed/inproc/tokenizer.h"
#include "support/fail_alloc.h"
#include "support/temp_dir.h"

#define CONFIG                                                                                     \
	"{\"do_lower_case\": true, \"unk_token\": \"[UNK]\", \"cls_token\": \"[CLS]\","            \
	" \"sep_token\": \"[SEP]\", \"mask_token\": {\"content\": \"[MASK]\", \"lstrip\": true}}"
#define VOCAB "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nkat\n##ib\n##s\npod\ncafe\n.\na\nb\nfoo\n##o\n"

enum { UNK = 1, SEP = 3, MASK = 4, KAT = 5, IB, S, POD, CAFE, DOT, A, B, FOO, O };

struct fixture {
	struct temp_dir dir;
	struct tokenizer *t;
	struct arena arena;
	struct token_list tokens;
	json_t *golden;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	*state = f;
	temp_dir_make(&f->dir);
	arena_init(&f->arena, alloc_default(), SIZE_MAX);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	tokenizer_close(f->t);
	arena_release(&f->arena);
	json_decref(f->golden);
	temp_dir_remove(&f->dir);
	free(f);
	return 0;
}

static void open_small(struct fixture *f, const char *vocab, const char *config)
{
	struct err err = {0};
	tokenizer_close(f->t);
	f->t = NULL;
	temp_dir_write(&f->dir, "vocab.txt", str_c(vocab));
	temp_dir_write(&f->dir, "tokenizer_config.json", str_c(config));
	if (tokenizer_open(f->dir.path, alloc_default(), &f->t, &err))
		fail_msg("%s", err.message);
}

static void encode(struct fixture *f, struct str text)
{
	struct err err = {0};
	if (tokenizer_encode(f->t, text, &f->arena, &f->tokens, &err))
		fail_msg("%s", err.message);
}

static void expect_ids(struct fixture *f, const char *text, const int32_t *ids, size_t count)
{
	encode(f, str_c(text));
	assert_int_equal(f->tokens.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(f->tokens.items[i].id, ids[i]);
}

#define EXPECT(f, text, ...)                                                                       \
	expect_ids(f, text, (const int32_t[]){__VA_ARGS__},                                        \
		   sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

static void load_golden(struct fixture *f)
{
	json_error_t problem;
	f->golden =
		json_load_file(TEST_DATA_DIR "/golden/data/tokens.json", JSON_ALLOW_NUL, &problem);
	if (!f->golden)
		fail_msg("tokens.json: %s", problem.text);
}

/* All texts, ids and offsets of the model `name`. */
static void compare_golden(struct fixture *f, const char *name)
{
	const json_t *texts = json_object_get(f->golden, "texts");
	const json_t *lists = json_object_get(json_object_get(f->golden, "models"), name);
	size_t i, tokens = 0;
	json_t *text;
	assert_true(json_array_size(texts) > 40);
	assert_int_equal(json_array_size(lists), json_array_size(texts));
	json_array_foreach((json_t *)(uintptr_t)texts, i, text)
	{
		const json_t *ids = json_object_get(json_array_get(lists, i), "ids");
		const json_t *offsets = json_object_get(json_array_get(lists, i), "offsets");
		encode(f, (struct str){json_string_value(text), json_string_length(text)});
		if (f->tokens.count != json_array_size(ids))
			fail_msg("%s, text %zu: %zu tokens, expected %zu", name, i, f->tokens.count,
				 json_array_size(ids));
		for (size_t k = 0; k < f->tokens.count; k++, tokens++) {
			const json_t *range = json_array_get(offsets, k);
			long long id = json_integer_value(json_array_get(ids, k));
			long long begin = json_integer_value(json_array_get(range, 0));
			long long end = json_integer_value(json_array_get(range, 1));
			struct token token = f->tokens.items[k];
			if (token.id != id || token.begin != begin || token.end != end)
				fail_msg("%s, text %zu, token %zu: %d [%u,%u), expected %lld "
					 "[%lld,%lld)",
					 name, i, k, token.id, token.begin, token.end, id, begin,
					 end);
		}
	}
	assert_true(tokens > 1000);
}

static void write_tiny(struct fixture *f)
{
	const json_t *vocab = json_object_get(f->golden, "tiny_vocab");
	char *tokenizer =
		json_dumps(json_object_get(f->golden, "tiny_tokenizer"), JSON_ENSURE_ASCII);
	struct buf text;
	size_t i;
	json_t *piece;
	buf_init(&text, alloc_default(), 1 << 20);
	json_array_foreach((json_t *)(uintptr_t)vocab, i, piece)
		buf_printf(&text, "%s\n", json_string_value(piece));
	assert_non_null(tokenizer);
	temp_dir_write(&f->dir, "vocab.txt", buf_str(&text));
	temp_dir_write(&f->dir, "tokenizer.json", str_c(tokenizer));
	free(tokenizer);
	buf_release(&text);
}

static void test_golden_tiny(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};
	load_golden(f);
	write_tiny(f);
	if (tokenizer_open(f->dir.path, alloc_default(), &f->t, &err))
		fail_msg("%s", err.message);
	assert_int_equal(tokenizer_bos(f->t), 0);
	assert_int_equal(tokenizer_eos(f->t), 2);
	assert_int_equal(tokenizer_unk(f->t), 4);
	compare_golden(f, "tiny");
}

static void golden_published(struct fixture *f, const char *name, int32_t bos, int32_t eos)
{
	char path[2048];
	const char *models = getenv("DOCS_BOT_MODELS_DIR");
	const char *home = getenv("HOME");
	struct err err = {0};
	if (models)
		snprintf(path, sizeof(path), "%s/%s", models, name);
	else
		snprintf(path, sizeof(path), "%s/.local/share/docs-bot/models/%s", home ? home : "",
			 name);
	if (access(path, R_OK) != 0)
		skip();
	load_golden(f);
	if (tokenizer_open(path, alloc_default(), &f->t, &err))
		fail_msg("%s", err.message);
	assert_int_equal(tokenizer_bos(f->t), bos);
	assert_int_equal(tokenizer_eos(f->t), eos);
	compare_golden(f, name);
}

static void test_golden_minilm(void **state)
{
	golden_published(*state, "all-MiniLM-L6-v2", 101, 102);
}

static void test_golden_mpnet(void **state)
{
	golden_published(*state, "all-mpnet-base-v2", 0, 2);
}

static void test_words(void **state)
{
	struct fixture *f = *state;
	open_small(f, VOCAB, CONFIG);
	assert_int_equal(tokenizer_vocab_size(f->t), 15);
	assert_int_equal(tokenizer_bos(f->t), 2);
	assert_int_equal(tokenizer_eos(f->t), SEP);
	assert_true(str_eq(tokenizer_piece(f->t, IB), STR("##ib")));
	assert_int_equal(tokenizer_piece(f->t, -1).len, 0);
	assert_int_equal(tokenizer_piece(f->t, 15).len, 0);
	EXPECT(f, "Katib pods.", KAT, IB, POD, S, DOT);
	assert_int_equal(f->tokens.items[1].begin, 3);
	assert_int_equal(f->tokens.items[1].end, 5);
	assert_int_equal(f->tokens.items[3].begin, 9);
	/* Longest match first; one unknown for a whole word, whatever of it is known. */
	EXPECT(f, "foo fooo katx a xpod", FOO, FOO, O, UNK, A, UNK);
	EXPECT(f, "CAF\xc3\x89 a[SEP]b[MASK]", CAFE, A, SEP, B, MASK);
	EXPECT(f, "[sep", UNK, UNK);
}

static void test_settings(void **state)
{
	struct fixture *f = *state;
	open_small(f, VOCAB "caf\xc3\xa9\n\xe6\xbc\xa2\xe5\xad\x97\n",
		   "{\"do_lower_case\": true, \"strip_accents\": false,"
		   " \"tokenize_chinese_chars\": false}");
	EXPECT(f, "Caf\xc3\x89 CAFE \xe6\xbc\xa2\xe5\xad\x97", 15, CAFE, 16);
	open_small(f, VOCAB "\xe6\xbc\xa2\n", "{\"do_lower_case\": false}");
	EXPECT(f, "cafe Cafe caf\xc3\xa9 \xe6\xbc\xa2\xe6\xbc\xa2", CAFE, UNK, UNK, 15, 15);
	/* The alternative names of the special tokens. */
	open_small(f, "<s>\n</s>\n?\na\n",
		   "{\"cls_token\": \"<s>\", \"sep_token\": \"</s>\", \"unk_token\": \"?\"}");
	assert_int_equal(tokenizer_bos(f->t), 0);
	assert_int_equal(tokenizer_eos(f->t), 1);
	EXPECT(f, "a<s>zzz</s>", 3, 0, 2, 1);
}

static void test_line_ends(void **state)
{
	struct fixture *f = *state;
	open_small(f, "[UNK]\r\n[CLS]\r\n[SEP]\r\n\r\na\r\nb", "{}");
	assert_int_equal(tokenizer_vocab_size(f->t), 6);
	EXPECT(f, "b a", 5, 4);
}

static void expect_open_error(struct fixture *f, struct str vocab, const char *config,
			      enum err_code code, const char *part)
{
	struct err err = {0};
	struct tokenizer *t;
	temp_dir_write(&f->dir, "vocab.txt", vocab);
	temp_dir_write(&f->dir, "tokenizer_config.json", str_c(config));
	assert_int_equal(tokenizer_open(f->dir.path, alloc_default(), &t, &err), code);
	assert_null(t);
	if (!strstr(err.message, part))
		fail_msg("'%s' does not say '%s'", err.message, part);
}

static void test_bad_vocab(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};
	struct tokenizer *t;
	assert_int_equal(tokenizer_open(f->dir.path, alloc_default(), &t, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.message, "vocab.txt"));
	expect_open_error(f, STR(""), "{}", ERR_FORMAT, "empty");
	expect_open_error(f, STR("[CLS]\n[SEP]\na\n"), "{}", ERR_FORMAT, "[UNK]");
	expect_open_error(f, STR("[UNK]\n[SEP]\na\n"), "{}", ERR_FORMAT, "[CLS]");
	expect_open_error(f, STR("[UNK]\n[CLS]\na\n"), "{}", ERR_FORMAT, "[SEP]");
	expect_open_error(f, STR("[UNK]\na\nb\na\n"), "{}", ERR_FORMAT, "lines 2 and 4");
	expect_open_error(f, STR("[UNK]\n\xff\n"), "{}", ERR_FORMAT, "UTF-8");
	expect_open_error(f, STR(VOCAB), "{", ERR_FORMAT, "tokenizer_config.json");
	expect_open_error(f, STR(VOCAB), "[]", ERR_FORMAT, "not a JSON object");
	temp_dir_delete(&f->dir, "tokenizer_config.json");
	assert_int_equal(tokenizer_open(f->dir.path, alloc_default(), &t, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.message, "tokenizer_config.json"));
}

#define NORMALIZER "\"normalizer\": {\"type\": \"BertNormalizer\"}, "
#define SPLIT      "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, "
#define MODEL(rest)                                                                                \
	"\"model\": {\"type\": \"WordPiece\", \"continuing_subword_prefix\": \"##\", " rest "}"
#define PIECES                                                                                     \
	"\"vocab\": {\"[UNK]\": 0, \"[CLS]\": 1, \"[SEP]\": 2, \"a\": 3}, \"unk_token\": "         \
	"\"[UNK]\""

static void expect_json_error(struct fixture *f, const char *json, enum err_code code,
			      const char *part)
{
	temp_dir_write(&f->dir, "tokenizer.json", str_c(json));
	expect_open_error(f, STR("[UNK]\n[CLS]\n[SEP]\na\n"), "{}", code, part);
}

static void test_tokenizer_json(void **state)
{
	struct fixture *f = *state;
	expect_json_error(f, "{\"normalizer\": {\"type\": \"NFC\"}}", ERR_UNSUPPORTED, "'NFC'");
	expect_json_error(f, "{" NORMALIZER "\"pre_tokenizer\": {\"type\": \"Metaspace\"}}",
			  ERR_UNSUPPORTED, "'Metaspace'");
	expect_json_error(f, "{" NORMALIZER SPLIT "\"model\": {\"type\": \"BPE\"}}",
			  ERR_UNSUPPORTED, "'BPE'");
	expect_json_error(f, "{" NORMALIZER SPLIT "\"model\": {\"type\": \"WordPiece\"}}",
			  ERR_UNSUPPORTED, "prefix");
	expect_json_error(f, "{" NORMALIZER SPLIT MODEL("\"vocab\": {\"a\": 3}") "}", ERR_FORMAT,
			  "1 pieces, vocab.txt has 4");
	expect_json_error(f,
			  "{" NORMALIZER SPLIT MODEL("\"vocab\": {\"[UNK]\": 0, \"[CLS]\": 1, "
						     "\"[SEP]\": 2, \"b\": 3}") "}",
			  ERR_FORMAT, "disagree about 'b'");
	expect_json_error(
		f, "{" NORMALIZER SPLIT MODEL("\"max_input_chars_per_word\": 100000, " PIECES) "}",
		ERR_UNSUPPORTED, "100000");
	expect_json_error(f,
			  "{" NORMALIZER SPLIT
			  "\"added_tokens\": [{\"id\": 7, \"content\": \"a\"}], " MODEL(PIECES) "}",
			  ERR_FORMAT, "'a' is not line 8");
	expect_json_error(f,
			  "{" NORMALIZER SPLIT "\"added_tokens\": [{\"id\": 3, \"content\": \"a\", "
			  "\"single_word\": true}], " MODEL(PIECES) "}",
			  ERR_UNSUPPORTED, "single_word");
	/* What it says wins over tokenizer_config.json. */
	temp_dir_write(
		&f->dir, "tokenizer.json",
		STR("{\"normalizer\": {\"type\": \"BertNormalizer\", \"lowercase\": false}, " SPLIT
		    "\"added_tokens\": [], \"post_processor\": {\"single\": "
		    "[{\"SpecialToken\": {\"id\": \"[SEP]\"}}, {\"Sequence\": {}}, "
		    "{\"SpecialToken\": {\"id\": \"[CLS]\"}}]}, " MODEL(
			    "\"max_input_chars_per_word\": 3, " PIECES) "}"));
	open_small(f, "[UNK]\n[CLS]\n[SEP]\na\n", CONFIG);
	assert_int_equal(tokenizer_bos(f->t), 2);
	assert_int_equal(tokenizer_eos(f->t), 1);
	EXPECT(f, "a A [SEP]", 3, 0, 0, 0, 0);
}

static void test_bad_text(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};
	open_small(f, VOCAB, CONFIG);
	encode(f, STR(""));
	assert_int_equal(f->tokens.count, 0);
	encode(f, (struct str){NULL, 0});
	assert_int_equal(f->tokens.count, 0);
	assert_int_equal(tokenizer_encode(f->t, STR("a \xc3"), &f->arena, &f->tokens, &err),
			 ERR_INVALID);
	assert_non_null(strstr(err.message, "UTF-8"));
	struct str huge = {"a", ((size_t)64 << 20) + 1}; /* refused before it is looked at */
	assert_int_equal(tokenizer_encode(f->t, huge, &f->arena, &f->tokens, &err), ERR_LIMIT);
}

static void test_long_text(void **state)
{
	struct fixture *f = *state;
	struct buf text;
	enum { MANY = 300000 };
	buf_init(&text, alloc_default(), 1 << 22);
	open_small(f, VOCAB, CONFIG);
	for (size_t i = 0; i < MANY; i++)
		buf_append_byte(&text, 'a');
	encode(f, buf_str(&text));
	assert_int_equal(f->tokens.count, 1);
	assert_int_equal(f->tokens.items[0].id, UNK);
	assert_int_equal(f->tokens.items[0].end, MANY);
	buf_clear(&text);
	for (size_t i = 0; i < MANY; i++)
		buf_append(&text, STR("a."));
	encode(f, buf_str(&text));
	assert_int_equal(f->tokens.count, 2 * MANY);
	assert_int_equal(f->tokens.items[2 * MANY - 1].id, DOT);
	/* Far more combining marks than are put in order at once. */
	buf_clear(&text);
	buf_append(&text, STR("a"));
	for (size_t i = 0; i < MANY / 2; i++)
		buf_append(&text, STR("\xcc\x81\xcc\xa3"));
	buf_append(&text, STR(" b"));
	encode(f, buf_str(&text));
	assert_int_equal(f->tokens.count, 2);
	assert_int_equal(f->tokens.items[0].id, A);
	assert_int_equal(f->tokens.items[0].end, 1);
	assert_int_equal(f->tokens.items[1].id, B);
	buf_release(&text);
}

/* Every code point between two letters: ranges stay in order, on boundaries, inside the text. */
static void test_every_code_point(void **state)
{
	struct fixture *f = *state;
	size_t tokens = 0;
	open_small(f, VOCAB, CONFIG);
	for (int32_t cp = 1; cp <= 0x10ffff; cp++) {
		char text[8] = "a";
		size_t size = utf8_encode(cp, text + 1);
		if (size == 0)
			continue;
		text[1 + size] = 'b';
		encode(f, (struct str){text, size + 2});
		tokens += f->tokens.count;
		assert_in_range(f->tokens.count, 1, 3);
		uint32_t at = 0;
		for (size_t i = 0; i < f->tokens.count; i++) {
			struct token token = f->tokens.items[i];
			assert_true(token.begin >= at && token.begin < token.end);
			assert_true(token.end == 1 || token.end == 1 + size ||
				    token.end == 2 + size);
			at = token.end;
		}
		assert_int_equal(at, 2 + size);
		arena_reset(&f->arena);
	}
	/* The package gives the same total: golden/compare_tokens.py on such a text. */
	assert_true(tokens > 0x10f800);
}

static void test_memory(void **state)
{
	struct fixture *f = *state;
	struct fail_alloc fail;
	struct err err = {0};
	struct str text = STR("Katib pods <unk> \xc3\xa9\xcc\xa3 [SEP] a b. foo.foo.foo");
	load_golden(f);
	write_tiny(f);
	temp_dir_write(&f->dir, "tokenizer_config.json", STR(CONFIG));
	for (size_t n = 1;; n++) {
		struct tokenizer *t;
		struct arena arena;
		assert_true(n < 200);
		fail_alloc_init(&fail, n, false);
		arena_init(&arena, &fail.alloc, 1 << 20);
		enum err_code code = tokenizer_open(f->dir.path, &fail.alloc, &t, &err);
		if (!code)
			code = tokenizer_encode(t, text, &arena, &f->tokens, &err);
		size_t count = f->tokens.count;
		tokenizer_close(t);
		arena_release(&arena);
		assert_int_equal(fail.live, 0);
		if (!fail.failures) {
			assert_int_equal(code, ERR_OK);
			assert_true(count > 10);
			assert_true(n > 8);
			return;
		}
		assert_int_equal(code, ERR_NOMEM);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_golden_tiny), TEST(test_golden_minilm),    TEST(test_golden_mpnet),
		TEST(test_words),       TEST(test_settings),         TEST(test_line_ends),
		TEST(test_bad_vocab),   TEST(test_tokenizer_json),   TEST(test_bad_text),
		TEST(test_long_text),   TEST(test_every_code_point), TEST(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
