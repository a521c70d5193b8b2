/* base/json and base/log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/log.h"

/* --- json --- */

static void parses_one_document(void **state)
{
	json_t *value = NULL;
	struct err err = {ERR_OK, ""};
	assert_int_equal(json_parse(STR(" {\"a\": \"b\\u00e9\", \"n\": 3} \n"), &value, &err),
			 ERR_OK);
	assert_true(str_eq(json_get_str(value, "a"), STR("b\xc3\xa9")));
	assert_int_equal(json_get_int(value, "n", -1), 3);
	json_decref(value);
}

static void bad_json_is_refused_with_its_place(void **state)
{
	static const char *const bad[] = {"",
					  " ",
					  "{",
					  "{\"a\":1}x",
					  "{\"a\":1,\"a\":2}",
					  "\"only a string\"",
					  "3",
					  "{\"a\":\"\xff\"}",
					  "{'a':1}",
					  "[1,]",
					  "{\"a\":1e999}",
					  "{\"a\":\"\\u0000\"}", /* would cut C strings */
					  "{\"a\":\"\\ud800\"}"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *value = NULL;
		struct err err = {ERR_OK, ""};
		if (json_parse(str_c(bad[i]), &value, &err) != ERR_INVALID)
			fail_msg("'%s' is taken", bad[i]);
		assert_null(value);
		assert_non_null(strstr(err.message, "not valid JSON"));
	}
	json_t *value = NULL;
	struct err err;
	assert_int_equal(json_parse(STR("{\n\"a\": ?}"), &value, &err), ERR_INVALID);
	assert_non_null(strstr(err.message, "line 2"));
	assert_int_equal(json_parse((struct str){NULL, 0}, &value, &err), ERR_INVALID);
}

static void deep_nesting_does_not_overflow_the_stack(void **state)
{
	size_t depth = 1000000;
	char *text = malloc(depth);
	json_t *value = NULL;
	struct err err;
	assert_non_null(text);
	memset(text, '[', depth);
	assert_int_equal(json_parse((struct str){text, depth}, &value, &err), ERR_INVALID);
	free(text);
}

static void members_of_another_type_count_as_absent(void **state)
{
	json_t *value = NULL;
	struct err err;
	assert_int_equal(json_parse(STR("{\"s\":1,\"i\":\"x\",\"r\":1.5}"), &value, &err), ERR_OK);
	assert_int_equal(json_get_str(value, "s").len, 0);
	assert_int_equal(json_get_str(value, "none").len, 0);
	assert_non_null(json_get_str(value, "none").ptr);
	assert_int_equal(json_get_int(value, "i", 7), 7);
	assert_int_equal(json_get_int(value, "r", 7), 7);
	assert_int_equal(json_get_int(value, "none", 7), 7);
	json_decref(value);
	json_t *list = json_array();
	assert_int_equal(json_get_str(list, "a").len, 0);
	assert_int_equal(json_get_str(NULL, "a").len, 0);
	json_decref(list);
}

static void strings_and_writing(void **state)
{
	struct buf out;
	struct err err = {ERR_OK, ""};
	buf_init(&out, alloc_default(), 1000);
	json_t *value = json_pack("{s:o, s:o}", "good", json_from_str(STR("a\"\n\xc3\xa9")), "bad",
				  json_from_str(STR("\xff")));
	assert_non_null(value);
	assert_true(json_is_null(json_object_get(value, "bad")));
	assert_int_equal(json_write(value, &out, &err), ERR_OK);
	assert_string_equal(out.ptr, "{\"good\":\"a\\\"\\n\xc3\xa9\",\"bad\":null}");
	json_decref(value);
	buf_clear(&out);
	json_t *empty = json_from_str((struct str){NULL, 0});
	assert_int_equal(json_write(empty, &out, &err), ERR_OK);
	assert_string_equal(out.ptr, "\"\"");
	json_decref(empty);
	assert_int_equal(json_write(NULL, &out, &err), ERR_NOMEM);
	buf_release(&out);
}

static void writing_stops_at_the_buffers_limit(void **state)
{
	struct buf out;
	struct err err = {ERR_OK, ""};
	buf_init(&out, alloc_default(), 10);
	json_t *value = json_pack("{s:s}", "key", "much longer than ten bytes");
	assert_int_equal(json_write(value, &out, &err), ERR_LIMIT);
	assert_non_null(strstr(err.message, "10 bytes"));
	json_decref(value);
	buf_release(&out);
}

/* --- log --- */

struct sink {
	char *text;
	size_t len;
	FILE *stream;
};

static int64_t fixed_wall(void *ctx)
{
	return 1709210096789;
}

static int64_t fixed_monotonic(void *ctx)
{
	return 0;
}

static const struct clock fixed = {fixed_monotonic, fixed_wall, NULL};

static struct logger open_log(struct sink *sink, enum log_level level, bool json)
{
	sink->stream = open_memstream(&sink->text, &sink->len);
	assert_non_null(sink->stream);
	return (struct logger){sink->stream, level, json, &fixed};
}

static void close_log(struct sink *sink)
{
	fclose(sink->stream);
	free(sink->text);
}

static void levels_have_names(void **state)
{
	enum log_level level = LOG_DEBUG;
	assert_true(log_level_parse("error", &level));
	assert_int_equal(level, LOG_ERROR);
	assert_true(log_level_parse("debug", &level));
	assert_int_equal(level, LOG_DEBUG);
	assert_false(log_level_parse("Error", &level));
	assert_false(log_level_parse("", &level));
	assert_int_equal(level, LOG_DEBUG);
}

static void text_lines(void **state)
{
	struct sink sink = {0};
	struct logger log = open_log(&sink, LOG_INFO, false);
	log_info(&log, "index", "documents=%d", 3);
	log_debug(&log, "index", "not shown");
	log_error(&log, "store", "two\nlines\ttab\x7f and \xff raw");
	log_info(NULL, "x", "dropped");
	fflush(sink.stream);
	assert_string_equal(sink.text,
			    "2024-02-29T12:34:56.789Z info  index: documents=3\n"
			    "2024-02-29T12:34:56.789Z error store: two lines tab  and ? raw\n");
	close_log(&sink);
}

static void secrets_are_masked(void **state)
{
	static const struct {
		const char *message, *shown;
	} lines[] = {
		{"url=https://bot:hunter2x9Q@git.test-host.org/x",
		 "url=https://bot:[masked: password]@git.test-host.org/x"},
		{"sent Bearer ghp_16C7e42F292c6912E7710c838347Ae178B4a end",
		 "sent Bearer [masked: token] end"},
		{"authorization: Bearer Zk3x9Qw81LmT5rY7pQ",
		 "authorization: Bearer [masked: credentials]"},
		{"jwt=eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzZXNzaW9uIn0.c2lnbmF0dXJlLWJ5dGVz",
		 "jwt=[masked: JSON web token]"},
		{"key AKIAQ4JXWN7ZTB2LDVEM used", "key [masked: AWS access key] used"},
		{"from jo.doe+x@mail.test-host.org, git@github.com:a/b, @dsl.pipeline",
		 "from [masked: e-mail], git@github.com:a/b, @dsl.pipeline"},
		{"a@b.co", "[masked: e-mail]"},
		{"answer=a1b2c3 route=docs took_ms=12 sha=9b74c9897bac770ffc029102a200c5de",
		 "answer=a1b2c3 route=docs took_ms=12 sha=9b74c9897bac770ffc029102a200c5de"},
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct sink sink = {0};
		struct logger log = open_log(&sink, LOG_INFO, false);
		char expected[512];
		log_info(&log, "x", "%s", lines[i].message);
		fflush(sink.stream);
		(void)snprintf(expected, sizeof(expected), "2024-02-29T12:34:56.789Z info  x: %s\n",
			       lines[i].shown);
		assert_string_equal(sink.text, expected);
		close_log(&sink);
	}
}

static json_t *one_json_line(struct sink *sink)
{
	json_t *value = NULL;
	struct err err = {ERR_OK, ""};
	fflush(sink->stream);
	assert_true(sink->len > 0);
	assert_int_equal(sink->text[sink->len - 1], '\n');
	assert_null(memchr(sink->text, '\n', sink->len - 1));
	if (json_parse((struct str){sink->text, sink->len}, &value, &err))
		fail_msg("%s", err.message);
	return value;
}

/* A secret that the longest line would cut in two is masked before it is cut. */
static void a_secret_at_the_end_is_masked(void **state)
{
	char filler[2048];
	struct sink sink = {0};
	struct logger log = open_log(&sink, LOG_INFO, true);
	memset(filler, '.', sizeof(filler));
	log_info(&log, "x", "%.*s ghp_16C7e42F292c6912E7710c838347Ae178B4a", 2030, filler);
	json_t *line = one_json_line(&sink);
	const char *message = json_string_value(json_object_get(line, "message"));
	assert_non_null(message);
	assert_null(strstr(message, "ghp_"));
	assert_true(strlen(message) < 2048);
	json_decref(line);
	close_log(&sink);
}

static void json_lines(void **state)
{
	struct sink sink = {0};
	struct logger log = open_log(&sink, LOG_DEBUG, true);
	log_warn(&log, "serve", "a \"quoted\" %s", "word\nline");
	json_t *line = one_json_line(&sink);
	assert_string_equal(json_string_value(json_object_get(line, "time")),
			    "2024-02-29T12:34:56.789Z");
	assert_string_equal(json_string_value(json_object_get(line, "level")), "warn");
	assert_string_equal(json_string_value(json_object_get(line, "component")), "serve");
	assert_string_equal(json_string_value(json_object_get(line, "message")),
			    "a \"quoted\" word line");
	json_decref(line);
	close_log(&sink);
}

/* Bytes that are not UTF-8 (file names), and a cut in the middle of a character. */
static void json_messages_survive_bad_bytes(void **state)
{
	char text[5001];
	for (size_t i = 0; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	text[sizeof(text) - 1] = '\0';
	for (int shift = 0; shift < 2; shift++) {
		struct sink sink = {0};
		struct logger log = open_log(&sink, LOG_INFO, true);
		log_info(&log, "index", "%.*s\xff%s", shift, "x", text);
		json_t *line = one_json_line(&sink);
		const char *message = json_string_value(json_object_get(line, "message"));
		assert_non_null(message);
		assert_true(strlen(message) > 2000);
		json_decref(line);
		close_log(&sink);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_one_document),
		cmocka_unit_test(bad_json_is_refused_with_its_place),
		cmocka_unit_test(deep_nesting_does_not_overflow_the_stack),
		cmocka_unit_test(members_of_another_type_count_as_absent),
		cmocka_unit_test(strings_and_writing),
		cmocka_unit_test(writing_stops_at_the_buffers_limit),
		cmocka_unit_test(levels_have_names),
		cmocka_unit_test(secrets_are_masked),
		cmocka_unit_test(a_secret_at_the_end_is_masked),
		cmocka_unit_test(text_lines),
		cmocka_unit_test(json_lines),
		cmocka_unit_test(json_messages_survive_bad_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
