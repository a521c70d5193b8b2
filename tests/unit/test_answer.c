/* answer: questions over a small index, from the query to the cited text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "answer/answer.h"
#include "answer/passage.h"
#include "base/utf8.h"
#include "support/mini_site.h"

struct fixture {
	struct mini_site site;
	struct arena arena;
	struct store *store;
	struct err err;
	struct buf heard;
	size_t stages, pieces;
	size_t leave_at_stage, leave_at_piece; /* from 1; 0: never */
	atomic_bool cancelled;
	struct answer_result out;
};

/* One index for all tests of this file: they only read it. */
static int setup_group(void **state)
{
	static const char *const folders[] = {"site"};
	struct fixture *f = calloc(1, sizeof(*f));
	struct index_report report;
	if (!f)
		return -1;
	*state = f;
	mini_site_make(&f->site);
	arena_init(&f->arena, alloc_default(), 64 << 20);
	buf_init(&f->heard, alloc_default(), 1 << 20);
	mini_site_write(&f->site, "code.md",
			STR("# Fenced\n\nNested fences of zirconium:\n\n"
			    "````markdown\n```sh\necho zirconium\n```\n````\n"));
	if (mini_site_index(&f->site, folders, 1, alloc_default(), &f->arena, &report, &f->err) ||
	    mini_site_store(&f->site, alloc_default(), &f->store, &f->err)) {
		print_error("%s\n", f->err.message);
		return -1;
	}
	return 0;
}

static int teardown_group(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	buf_release(&f->heard);
	arena_release(&f->arena);
	mini_site_remove(&f->site);
	free(f);
	return 0;
}

static bool hear_stage(void *ctx, const char *stage)
{
	struct fixture *f = ctx;
	assert_string_equal(stage, f->stages == 0 ? "retrieving" : "generating");
	return ++f->stages != f->leave_at_stage;
}

static bool hear_text(void *ctx, struct str piece)
{
	struct fixture *f = ctx;
	assert_true(utf8_valid(piece));
	assert_true(buf_append(&f->heard, piece));
	return ++f->pieces != f->leave_at_piece;
}

static enum err_code ask(struct fixture *f, struct str question)
{
	const struct answer_deps deps = {.store = f->store,
					 .embedder = &f->site.fake.embedder,
					 .clock = clock_system(),
					 .cancelled = &f->cancelled};
	const struct answer_sink sink = {.ctx = f, .status = hear_stage, .text = hear_text};
	arena_reset(&f->arena);
	buf_clear(&f->heard);
	f->stages = f->pieces = 0;
	f->err = (struct err){ERR_OK, ""};
	return answer_run(&deps, &(struct answer_request){.question = question}, &sink, &f->arena,
			  &f->out, &f->err);
}

static void must_ask(struct fixture *f, const char *question)
{
	if (ask(f, str_c(question)))
		fail_msg("%s", f->err.message);
	assert_true(str_eq(buf_str(&f->heard), f->out.text));
	assert_int_equal(f->stages, f->out.sources ? 2 : 0);
}

/* Every line of prose stands word for word in the section that its citation names. */
static void assert_verbatim(const struct fixture *f)
{
	const struct answer_result *a = &f->out;
	struct str rest = a->text, paragraph;
	bool code = false;
	size_t checked = 0;
	while (str_cut(&rest, '\n', &paragraph)) {
		if (str_starts(paragraph, STR("```"))) {
			code = !code;
			continue;
		}
		size_t mark = str_find(paragraph, STR(" ["), 0);
		if (code || mark == STR_NPOS || !str_ends(paragraph, STR("]")))
			continue;
		uint64_t n = 0;
		assert_true(str_to_u64(str_slice(paragraph, mark + 2, paragraph.len - 1), &n));
		assert_in_range(n, 1, a->citation_count);
		struct str words = str_slice(paragraph, 0, mark), url = a->citations[n - 1].url;
		if (str_starts(words, STR("- ")))
			words = str_slice(words, 2, words.len);
		bool found = false;
		for (size_t i = 0; i < a->retrieved.count; i++) {
			const struct retrieve_result *r = &a->retrieved.items[i];
			if (!str_eq(r->url, url))
				continue;
			/* sentences of a paragraph may be left out between others */
			found = true;
			while (words.len) {
				size_t len = passage_sentence(words);
				if (str_find(r->passage.text, str_slice(words, 0, len), 0) ==
				    STR_NPOS)
					fail_msg("not in the source: '%.*s'", STR_ARG(words));
				words = str_trim(str_slice(words, len, words.len));
			}
		}
		assert_true(found);
		checked++;
	}
	assert_true(checked > 0);
}

static void a_question_is_answered_from_the_right_page(void **state)
{
	struct fixture *f = *state;
	must_ask(f, "How do I keep the pods of finished trials in Katib?");
	assert_int_equal(f->out.route, ROUTE_DOCS);
	assert_true(f->out.grounded);
	assert_false(f->out.abstained);
	assert_true(f->out.citation_count >= 1);
	assert_true(str_eq(f->out.citations[0].title, STR("Trial pods")));
	assert_true(str_eq(f->out.citations[0].section, STR("Keep finished pods")));
	assert_true(str_eq(f->out.citations[0].url,
			   STR("https://docs.example.org/docs/katib/trials/#keep-finished-pods")));
	assert_true(f->out.citations[0].quote.len > 0);
	assert_true(str_find(f->out.text, STR("Katib deletes the pods of finished trials."), 0) !=
		    STR_NPOS);
	assert_true(str_find(f->out.text,
			     STR("```yaml\nspec:\n  trialTemplate:\n    retain: true\n```"),
			     0) != STR_NPOS);
	assert_verbatim(f);
	assert_true(f->out.total_us >= f->out.first_token_us);
	assert_true(f->out.first_token_us >= f->out.retrieval_us);
}

static void custom_anchors_are_cited(void **state)
{
	struct fixture *f = *state;
	must_ask(f, "Where does the launcher read access keys, from a Kubernetes secret?");
	assert_true(str_eq(f->out.citations[0].url,
			   STR("https://docs.example.org/docs/pipelines/storage/#secret-keys")));
	assert_verbatim(f);
	must_ask(f, "Which environment variable names the token file, "
		    "KF_PIPELINES_SA_TOKEN_PATH from the launcher secret?");
	assert_true(str_find(f->out.text, STR("KF_PIPELINES_SA_TOKEN_PATH"), 0) != STR_NPOS);
}

static void list_items_are_quoted_as_items(void **state)
{
	struct fixture *f = *state;
	must_ask(f, "Is caching enabled by default, and is a cached step executed again?");
	assert_true(str_find(f->out.text, STR("\n- Caching is enabled by default. [1]\n- A cached"),
			     0) != STR_NPOS);
	assert_verbatim(f);
}

static void fenced_code_survives_whole(void **state)
{
	struct fixture *f = *state;
	must_ask(f, "Nested fences of zirconium?");
	assert_int_equal(f->out.route, ROUTE_DOCS);
	assert_true(str_find(f->out.text, STR("````markdown\n```sh\necho zirconium\n```\n````"),
			     0) != STR_NPOS);
}

static void nonsense_is_not_answered(void **state)
{
	struct fixture *f = *state;
	static const char *const questions[] = {"zebra quokka wombat platypus?",
						"How is it?",
						"qwertyuiop asdfghjkl zxcvbnm",
						"???",
						"\xf0\x9f\x98\x80",
						"\" OR 1=1 -- *)(",
						"\xe6\x98\x8e\xe6\x97\xa5"};
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		must_ask(f, questions[i]);
		if (f->out.route == ROUTE_DOCS)
			fail_msg("'%s' is answered: %.*s", questions[i], STR_ARG(f->out.text));
		if (!f->out.sources) /* the router has seen enough */
			continue;
		assert_int_equal(f->out.route, ROUTE_ABSTAINED);
		assert_true(f->out.abstained);
		assert_true(str_starts(f->out.text, STR("I did not find an answer")));
		assert_true(f->out.citation_count <= 3);
	}
}

static void bad_questions_are_refused(void **state)
{
	struct fixture *f = *state;
	char *text = malloc(RETRIEVE_MAX_QUERY + 1);
	assert_non_null(text);
	for (size_t i = 0; i <= RETRIEVE_MAX_QUERY; i++)
		text[i] = i % 6 == 5 ? ' ' : (char)('a' + i / 6 % 26);
	assert_int_equal(ask(f, STR("")), ERR_INVALID);
	assert_non_null(strstr(f->err.message, "empty"));
	assert_int_equal(ask(f, STR(" \n\t ")), ERR_INVALID);
	assert_int_equal(ask(f, (struct str){NULL, 0}), ERR_INVALID);
	assert_int_equal(ask(f, (struct str){text, RETRIEVE_MAX_QUERY + 1}), ERR_INVALID);
	assert_non_null(strstr(f->err.message, "100001"));
	assert_non_null(strstr(f->err.message, "shorten"));
	assert_int_equal(ask(f, STR("caf\xe9")), ERR_INVALID);
	assert_non_null(strstr(f->err.message, "UTF-8"));
	assert_int_equal(f->heard.len, 0);
	/* the longest that is allowed is answered, in parts of the model's length */
	if (ask(f, (struct str){text, RETRIEVE_MAX_QUERY}))
		fail_msg("%s", f->err.message);
	free(text);
}

/* A pasted log with the question at its end. */
static void long_questions_are_embedded_in_parts(void **state)
{
	struct fixture *f = *state;
	struct buf text;
	buf_init(&text, alloc_default(), 1 << 20);
	for (int i = 0; i < 400; i++)
		assert_true(buf_printf(&text, "%d keep pods finished trials katib\n", i));
	assert_true(buf_append(&text, STR("How do I keep the pods of finished trials?")));
	if (ask(f, buf_str(&text)))
		fail_msg("%s", f->err.message);
	assert_true(f->out.retrieved.count > 0);
	assert_true(str_eq(f->out.retrieved.items[0].passage.path,
			   STR("content/en/docs/katib/trials.md")));
	buf_release(&text);
}

static void a_reader_who_leaves_cancels(void **state)
{
	struct fixture *f = *state;
	struct str question = STR("How do I keep the pods of finished trials in Katib?");
	for (f->leave_at_stage = 1; f->leave_at_stage <= 2; f->leave_at_stage++) {
		assert_int_equal(ask(f, question), ERR_CANCELLED);
		assert_int_equal(f->heard.len, 0);
	}
	f->leave_at_stage = 0;
	f->leave_at_piece = 1;
	assert_int_equal(ask(f, question), ERR_CANCELLED);
	assert_int_equal(f->pieces, 1);
	f->leave_at_piece = 0;
	atomic_store(&f->cancelled, true);
	size_t before = atomic_load(&f->site.fake.embedded);
	assert_int_equal(ask(f, question), ERR_CANCELLED);
	assert_int_equal(atomic_load(&f->site.fake.embedded), before); /* no work for nobody */
	atomic_store(&f->cancelled, false);
	assert_int_equal(ask(f, question), ERR_OK);
}

static void errors_of_the_embedder_come_up(void **state)
{
	struct fixture *f = *state;
	f->site.fake.fail_after = 0;
	assert_int_equal(ask(f, STR("How do I keep pods?")), ERR_UNAVAILABLE);
	f->site.fake.fail_after = SIZE_MAX;
}

static void retrieval_ranks_and_limits(void **state)
{
	struct fixture *f = *state;
	struct retrieve_results results;
	struct retrieve_options options = {.top_k = 3};
	arena_reset(&f->arena);
	if (retrieve(f->store, &f->site.fake.embedder, clock_system(), STR("cached steps"),
		     &options, &f->arena, &results, &f->err))
		fail_msg("%s", f->err.message);
	assert_int_equal(results.count, 3);
	assert_true(
		str_eq(results.items[0].passage.path, STR("content/en/docs/pipelines/caching.md")));
	for (size_t i = 0; i < results.count; i++) {
		assert_int_equal(results.items[i].rank, i + 1);
		if (i)
			assert_true(results.items[i].score <= results.items[i - 1].score);
		assert_true(results.items[i].passage.text.len >
			    results.items[i].passage.heading.len);
	}
	static const size_t bad[] = {0, RETRIEVE_MAX_TOP_K + 1, SIZE_MAX};
	for (size_t i = 0; i < 3; i++) {
		options.top_k = bad[i];
		assert_int_equal(retrieve(f->store, &f->site.fake.embedder, clock_system(),
					  STR("cached steps"), &options, &f->arena, &results,
					  &f->err),
				 ERR_INVALID);
	}
}

static void an_empty_index_is_no_crash(void **state)
{
	struct mini_site site;
	struct store *store = NULL;
	struct arena arena;
	struct answer_result out;
	struct err err = {ERR_OK, ""};
	const struct answer_sink silent = {0};
	mini_site_make(&site);
	arena_init(&arena, alloc_default(), 64 << 20);
	if (mini_site_store(&site, alloc_default(), &store, &err))
		fail_msg("%s", err.message);
	const struct answer_deps deps = {
		.store = store, .embedder = &site.fake.embedder, .clock = clock_system()};
	enum err_code code =
		answer_run(&deps, &(struct answer_request){.question = STR("How do I keep pods?")},
			   &silent, &arena, &out, &err);
	if (code == ERR_OK)
		assert_int_equal(out.route, ROUTE_ABSTAINED);
	else
		assert_true(err.message[0] != '\0');
	store_close(store);
	arena_release(&arena);
	mini_site_remove(&site);
}

/* Published as text, not embedded yet: words alone must do, and still know what is not there. */
static void words_answer_while_vectors_are_missing(void **state)
{
	static const char *const folders[] = {"site"};
	struct fixture f = {0};
	struct index_report report;
	mini_site_make(&f.site);
	f.site.options.text_only = true;
	arena_init(&f.arena, alloc_default(), 64 << 20);
	buf_init(&f.heard, alloc_default(), 1 << 20);
	if (mini_site_index(&f.site, folders, 1, alloc_default(), &f.arena, &report, &f.err) ||
	    mini_site_store(&f.site, alloc_default(), &f.store, &f.err))
		fail_msg("%s", f.err.message);
	assert_int_equal(report.pending_chunks, report.total_chunks);
	must_ask(&f, "How do I turn off caching for a pipeline step?");
	assert_int_equal(f.out.route, ROUTE_DOCS);
	assert_true(f.out.retrieved.partial);
	assert_true(retrieve_best_cosine(&f.out.retrieved) <= 0);
	assert_true(str_ends(f.out.retrieved.items[0].passage.path, STR("caching.md")));
	assert_true(f.out.citation_count > 0);
	assert_verbatim(&f);
	must_ask(&f, "zebra quokka wombat platypus?");
	assert_int_equal(f.out.route, ROUTE_ABSTAINED);
	store_close(f.store);
	buf_release(&f.heard);
	arena_release(&f.arena);
	mini_site_remove(&f.site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_is_answered_from_the_right_page),
		cmocka_unit_test(custom_anchors_are_cited),
		cmocka_unit_test(list_items_are_quoted_as_items),
		cmocka_unit_test(fenced_code_survives_whole),
		cmocka_unit_test(nonsense_is_not_answered),
		cmocka_unit_test(bad_questions_are_refused),
		cmocka_unit_test(long_questions_are_embedded_in_parts),
		cmocka_unit_test(words_answer_while_vectors_are_missing),
		cmocka_unit_test(a_reader_who_leaves_cancels),
		cmocka_unit_test(errors_of_the_embedder_come_up),
		cmocka_unit_test(retrieval_ranks_and_limits),
		cmocka_unit_test(an_empty_index_is_no_crash),
	};
	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
