/* The two pure functions of full-text search: query to MATCH expression, text to identifiers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/sqlite/internal.h"
#include "support/fail_alloc.h"

static void check(enum err_code (*function)(struct str, struct arena *, struct str *, struct err *),
		  struct str text, const char *want)
{
	struct arena arena;
	struct err err;
	struct str got;

	arena_init(&arena, alloc_default(), 1 << 24);
	assert_int_equal(function(text, &arena, &got, &err), ERR_OK);
	if (!str_eq(got, str_c(want)))
		fail_msg("'%.*s' gives\n%.*s, not\n%s", STR_ARG(text), STR_ARG(got), want);
	arena_release(&arena);
}

static void query(const char *text, const char *want)
{
	check(store_text_query, str_c(text), want);
}

static void identifiers(const char *text, const char *want)
{
	check(store_text_identifiers, str_c(text), want);
}

static void test_typing_errors(void **state)
{
	static const char *const near[][2] = {
		{"nest", "nest"}, {"nest", "nesr"}, {"nest", "nst"}, {"nest", "neest"},
		{"nest", "nets"}, {"nest", "ensr"}, {"", "a"},       {"trial", "trail"}};
	static const char *const far[][2] = {{"nest", "nesrt1"}, {"nest", "test2"},
					     {"", "ab"},         {"abcd", "dcba"},
					     {"abcd", "badc"},   {"abcd", "abXY"}};
	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
		bool want = i != 5; /* two errors */
		assert_int_equal(store_spell_near(str_c(near[i][0]), str_c(near[i][1])), want);
		assert_int_equal(store_spell_near(str_c(near[i][1]), str_c(near[i][0])), want);
	}
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		assert_false(store_spell_near(str_c(far[i][0]), str_c(far[i][1])));
}

static void test_words(void **state)

{
	query("", "");
	query(" \t\n", "");
	query("Katib", "\"katib\"");
	query("delete pods", "\"delete\" OR \"pods\"");
	query("pods Pods PODS", "\"pods\"");
	query("How do I stop Katib from deleting the pods of finished trials?",
	      "\"stop\" OR \"katib\" OR \"deleting\" OR \"pods\" OR \"finished\" OR \"trials\"");
	query("what is it", "\"what\" OR \"is\" OR \"it\"");
	query("don't use GPU's", "\"use\" OR \"gpu\"");
	query("caf\xc3\xa9 \xe2\x80\x9cquoted\xe2\x80\x9d", "\"caf\xc3\xa9\" OR \"quoted\"");
	query("...---///", "");
}

static void test_query_syntax_is_never_syntax(void **state)
{
	query("\"", "");
	query("a\"b", "\"b\"");
	query("x AND NOT y OR NEAR(z)", "\"x\" OR \"not\" OR \"y\" OR \"near\" OR \"z\"");
	query("title : word*", "\"title\" OR \"word\"");
	query("^{x}(+y)", "\"x\" OR \"y\"");
	query("x\xff\xfey\xc3", "\"x\" OR \"y\"");
	check(store_text_query, (struct str){"x\0y\0", 4}, "\"x\" OR \"y\"");
}

static void test_identifiers_in_queries(void **state)
{
	query("KF_PIPELINES_SA_TOKEN_PATH",
	      "\"kfpipelinessatokenpath\" OR \"kf\" OR \"pipelines\" OR \"sa\" OR \"token\" OR "
	      "\"path\"");
	query("spec.earlyStopping", "\"specearlystopping\" OR \"spec\" OR \"earlystopping\" OR "
				    "\"early\" OR \"stopping\"");
	query(".set_caching_options(enable_caching=False)",
	      "\"setcachingoptions\" OR \"set\" OR \"caching\" OR \"options\" OR "
	      "\"enablecaching\" OR \"enable\" OR \"false\"");
	query("kubeflow.org/v2beta1", "\"kubefloworgv2beta1\" OR \"kubefloworg\" OR \"kubeflow\" "
				      "OR \"org\" OR \"v2beta1\"");
	query("--flag-name", "\"flagname\" OR \"flag\" OR \"name\"");
	query("PyTorchJob", "\"pytorchjob\" OR \"py\" OR \"pytorch\" OR \"torch\" OR \"torchjob\" "
			    "OR \"job\"");
	query("HTTPServer CRDs KServe", "\"httpserver\" OR \"http\" OR \"server\" OR \"crds\" OR "
					"\"kserve\" OR \"serve\"");
	query("trials.", "\"trials\"");
}

static void test_identifiers_of_texts(void **state)
{
	identifiers("", "");
	identifiers("Plain words, nothing else. And 42 numbers", "");
	identifiers("set spec.earlyStopping or spec.earlyStopping.",
		    "specearlystopping early stopping");
	identifiers("KF_PIPELINES_SA_TOKEN_PATH", "kfpipelinessatokenpath");
	identifiers("kubeflow.org/v2beta1", "kubefloworgv2beta1 kubefloworg");
	identifiers("`--flag-name`", "flagname");
	identifiers("end. --- .start_ _ /", "");
}

static void test_terms_are_bounded(void **state)
{
	struct arena arena;
	struct err err;
	struct str match, again;
	size_t size = 100000, terms = 1;
	char *text = malloc(size);
	char *word = malloc(300);

	assert_non_null(text);
	assert_non_null(word);
	arena_init(&arena, alloc_default(), 1 << 26);
	for (size_t i = 0; i < size; i += 10) /* 10,000 words w00000000 … */
		(void)snprintf(text + i, 10, "w%08zu", i);
	for (size_t i = 9; i < size; i += 10)
		text[i] = ' ';
	memcpy(text + 50000, " spec.earlyStopping ", 20);
	memcpy(text + 70000, " supercalifragilistic ", 22);
	assert_int_equal(store_text_query((struct str){text, size}, &arena, &match, &err), ERR_OK);
	for (size_t at = 0; (at = str_find(match, STR("\" OR \""), at)) != STR_NPOS; at++)
		terms++;
	assert_int_equal(terms, STORE_TEXT_MAX_TERMS);
	/* What tells most stays, in the order of the text, and the choice is always the same. */
	assert_true(str_find(match, STR("\"specearlystopping\""), 0) != STR_NPOS);
	assert_true(str_find(match, STR("\"supercalifragilistic\""), 0) != STR_NPOS);
	assert_true(str_starts(match, STR("\"w00000000\" OR \"w00000010\"")));
	assert_int_equal(store_text_query((struct str){text, size}, &arena, &again, &err), ERR_OK);
	assert_true(str_eq(match, again));

	memset(text, 'x', size); /* one word of 100,000 letters is no word */
	assert_int_equal(store_text_query((struct str){text, size}, &arena, &match, &err), ERR_OK);
	assert_int_equal(match.len, 0);
	for (size_t i = 0; i < size; i++)
		text[i] = "aB_./-:"[i % 7];
	assert_int_equal(store_text_query((struct str){text, size}, &arena, &match, &err), ERR_OK);
	assert_true(match.len > 0);
	memset(word, 'a', 300);
	assert_int_equal(store_text_query((struct str){word, 256}, &arena, &match, &err), ERR_OK);
	assert_int_equal(match.len, 258);
	assert_int_equal(store_text_query((struct str){word, 257}, &arena, &match, &err), ERR_OK);
	assert_int_equal(match.len, 0);
	arena_release(&arena);
	free(word);
	free(text);
}

/* Whatever bytes come in, the expression is quoted words and OR, and SQLite reads it as such. */
static void test_random_bytes(void **state)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	uint32_t random = 1;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE VIRTUAL TABLE t USING fts5(x)", 0, 0, 0),
			 SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT count(*) FROM t WHERE t MATCH ?", -1, &stmt, NULL),
		SQLITE_OK);
	for (int round = 0; round < 2000; round++) {
		struct arena arena;
		struct err err;
		struct str match;
		char bytes[64];
		size_t len;

		arena_init(&arena, alloc_default(), 1 << 20);
		for (len = 0; len < sizeof(bytes); len++) {
			random = random * 1664525U + 1013904223U;
			bytes[len] = round % 2 ? "aB\"*()-:_.^+ \0\xc3\xa9"[random >> 28]
					       : (char)(random >> 24);
		}
		assert_int_equal(store_text_query((struct str){bytes, len}, &arena, &match, &err),
				 ERR_OK);
		if (match.len) {
			sqldb_bind_str(stmt, 1, match);
			assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
			sqldb_done(stmt);
		}
		arena_release(&arena);
	}
	(void)sqlite3_finalize(stmt);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_out_of_memory(void **state)
{
	struct fail_alloc failing;
	struct arena arena;
	struct err err;
	struct str out;
	enum err_code code;
	size_t n = 0;

	do {
		fail_alloc_init(&failing, ++n, false);
		arena_init(&arena, &failing.alloc, 1 << 20);
		code = store_text_query(STR("spec.earlyStopping and more"), &arena, &out, &err);
		assert_true(!code || code == ERR_NOMEM);
		arena_release(&arena);
		assert_int_equal(failing.live, 0);
	} while (code);
	assert_true(n > 1);
	arena_init(&arena, alloc_default(), 16); /* the arena's own limit */
	assert_int_equal(store_text_query(STR("word"), &arena, &out, &err), ERR_LIMIT);
	assert_int_equal(store_text_identifiers(STR("twoWords"), &arena, &out, &err), ERR_LIMIT);
	arena_release(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_typing_errors),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_query_syntax_is_never_syntax),
		cmocka_unit_test(test_identifiers_in_queries),
		cmocka_unit_test(test_identifiers_of_texts),
		cmocka_unit_test(test_terms_are_bounded),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
