/* base/config: where values come from and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/config.h"
#include "support/fail_alloc.h"
#include "support/temp_dir.h"

enum { NAME, COUNT, SHARE, QUIET, FORM, TOKEN, SETTINGS };

static const struct config_setting table[SETTINGS] = {
	{"data_dir", CONFIG_STRING, "somewhere", "T_DATA_DIR", 0, 0, NULL, ""},
	{"max_files", CONFIG_INT, "10", "T_MAX_FILES", 1, 1000, NULL, ""},
	{"chunk_overlap", CONFIG_FLOAT, "0.5", NULL, 0, 0.9, NULL, ""},
	{"quiet", CONFIG_BOOL, "false", "T_QUIET", 0, 0, NULL, ""},
	{"log_format", CONFIG_STRING, "text", "T_FORM", 0, 0, "text|json", ""},
	{"token", CONFIG_SECRET, "", "T_TOKEN", 0, 0, NULL, ""},
};

struct fixture {
	struct temp_dir dir;
	struct arena arena;
	struct config config;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f)
		return -1;
	*state = f;
	temp_dir_make(&f->dir);
	arena_init(&f->arena, alloc_default(), 8 << 20);
	assert_int_equal(config_init(&f->config, table, SETTINGS, &f->arena, &f->err), ERR_OK);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	arena_release(&f->arena);
	temp_dir_remove(&f->dir);
	free(f);
	return 0;
}

static enum err_code read_file(struct fixture *f, struct str text)
{
	char path[512];
	temp_dir_write(&f->dir, "config.yaml", text);
	return config_read_file(&f->config, temp_dir_path(&f->dir, "config.yaml", path), &f->err);
}

static const char *no_env(const char *name)
{
	return NULL;
}

static const char *some_env(const char *name)
{
	if (strcmp(name, "T_MAX_FILES") == 0)
		return "30";
	if (strcmp(name, "T_QUIET") == 0)
		return "YES";
	return strcmp(name, "T_DATA_DIR") == 0 ? "" : NULL;
}

static const char *bad_env(const char *name)
{
	return strcmp(name, "T_MAX_FILES") == 0 ? "many" : NULL;
}

static void defaults(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(config_string(&f->config, NAME), "somewhere");
	assert_int_equal(config_int(&f->config, COUNT), 10);
	assert_true(config_float(&f->config, SHARE) == 0.5);
	assert_false(config_bool(&f->config, QUIET));
	assert_int_equal(f->config.values[COUNT].origin, CONFIG_DEFAULT);
	assert_string_equal(config_origin_name(CONFIG_DEFAULT), "default");
	assert_string_equal(config_origin_name(CONFIG_FILE), "file");
	assert_string_equal(config_origin_name(CONFIG_ENV), "environment");
	assert_string_equal(config_origin_name(CONFIG_FLAG), "flag");
}

static void flag_beats_environment_beats_file(void **state)
{
	struct fixture *f = *state;
	/* in the order of a program start: flags first */
	assert_int_equal(config_set(&f->config, COUNT, STR("40"), CONFIG_FLAG, &f->err), ERR_OK);
	assert_int_equal(config_read_env(&f->config, some_env, &f->err), ERR_OK);
	if (read_file(f, STR("max_files: 20\nquiet: false\ndata_dir: /srv/x\nlog-format: json\n")))
		fail_msg("%s", f->err.message);
	assert_int_equal(config_int(&f->config, COUNT), 40);
	assert_int_equal(f->config.values[COUNT].origin, CONFIG_FLAG);
	assert_true(config_bool(&f->config, QUIET));
	assert_int_equal(f->config.values[QUIET].origin, CONFIG_ENV);
	/* an empty environment variable counts as not set */
	assert_string_equal(config_string(&f->config, NAME), "/srv/x");
	assert_int_equal(f->config.values[NAME].origin, CONFIG_FILE);
	assert_string_equal(config_string(&f->config, FORM), "json");
	assert_true(config_float(&f->config, SHARE) == 0.5);
	/* and in the other order */
	assert_int_equal(config_read_env(&f->config, no_env, &f->err), ERR_OK);
	assert_int_equal(config_set(&f->config, NAME, STR("flag"), CONFIG_FLAG, &f->err), ERR_OK);
	assert_string_equal(config_string(&f->config, NAME), "flag");
}

static void yaml_scalars(void **state)
{
	struct fixture *f = *state;
	if (read_file(f, STR("# comment\n---\ndata_dir: \"a: b # c\"\nchunk-overlap: 0.25\n"
			     "quiet: Yes\ntoken: 's3cret'\n...\n")))
		fail_msg("%s", f->err.message);
	assert_string_equal(config_string(&f->config, NAME), "a: b # c");
	assert_true(config_float(&f->config, SHARE) == 0.25);
	assert_true(config_bool(&f->config, QUIET));
	assert_string_equal(config_string(&f->config, TOKEN), "s3cret");
	assert_int_equal(read_file(f, STR("")), ERR_OK);
	assert_int_equal(read_file(f, STR("# nothing\n")), ERR_OK);
	assert_int_equal(read_file(f, STR("---\n")), ERR_OK);
	assert_int_equal(read_file(f, STR("{quiet: no, max_files: 7}")), ERR_OK);
	assert_int_equal(config_int(&f->config, COUNT), 7);
}

#define TEXT(literal)                                                                              \
	{                                                                                          \
		literal, sizeof(literal) - 1                                                       \
	}

struct refusal {
	struct str text;
	const char *says[3];
};

static void bad_files_name_the_line(void **state)
{
	static const struct refusal cases[] = {
		{TEXT("quiet: true\nmax_fles: 3\n"),
		 {"config.yaml: line 2: unknown key 'max_fles'", "did you mean 'max_files'?", ""}},
		{TEXT("\n\nzzzzzzzz: 1\n"), {"line 3", "unknown key 'zzzzzzzz'", "config show"}},
		{TEXT("max_files: many\n"), {"line 1", "max_files", "whole number from 1 to 1000"}},
		{TEXT("max_files: 0\n"), {"line 1", "from 1 to 1000", "not '0'"}},
		{TEXT("max_files: 1001\n"), {"line 1", "from 1 to 1000", "not '1001'"}},
		{TEXT("max_files: -5\n"), {"line 1", "from 1 to 1000", "not '-5'"}},
		{TEXT("max_files: 1.5\n"), {"line 1", "whole number", "not '1.5'"}},
		{TEXT("max_files:\n"), {"line 1", "whole number", "not ''"}},
		{TEXT("chunk_overlap: 0.91\n"), {"line 1", "from 0 to 0.9", ""}},
		{TEXT("quiet: maybe\n"), {"line 1", "true or false", "not 'maybe'"}},
		{TEXT("log_format: xml\n"), {"line 1", "one of text|json", "not 'xml'"}},
		{TEXT("log_format: text|json\n"), {"line 1", "one of text|json", ""}},
		{TEXT("quiet: true\nmax_files: [1, 2]\n"), {"line 2", "expected 'key: value'", ""}},
		{TEXT("max_files: {a: 1}\n"), {"line 1", "expected 'key: value'", ""}},
		{TEXT("a: &x 1\nquiet: *x\n"), {"line 1", "unknown key 'a'", ""}},
		{TEXT("quiet: &x true\ntoken: *x\n"), {"line 2", "expected 'key: value'", ""}},
		{TEXT("- quiet\n"), {"line 1", "expected 'key: value'", ""}},
		{TEXT("just words\n"), {"line 1", "expected 'key: value'", ""}},
		{TEXT("quiet: 'true'\n  max_files: 3\n"), {"line 2", "not valid YAML", ""}},
		{TEXT("quiet: true\ndata_dir: \"open\n"), {"not valid YAML", "", ""}},
		{TEXT("quiet: true\n\ndata_dir: \xff\n"), {"line 3", "not valid YAML", ""}},
		{TEXT("data_dir: \"a\\0b\"\n"), {"line 1", "NUL", ""}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f = *state;
		enum err_code code = read_file(f, cases[i].text);
		if (code != ERR_INVALID)
			fail_msg("case %zu: code %d", i, (int)code);
		for (size_t j = 0; j < 3; j++)
			if (!strstr(f->err.message, cases[i].says[j]))
				fail_msg("case %zu: '%s' does not say '%s'", i, f->err.message,
					 cases[i].says[j]);
	}
}

enum { ITEM_NAME, ITEM_DEPTH, ITEM_PATHS, ITEM_SETTINGS };

static const struct config_setting item_table[ITEM_SETTINGS] = {
	{"name", CONFIG_STRING, "", NULL, 0, 0, NULL, ""},
	{"depth", CONFIG_INT, "1", NULL, 0, 10, NULL, ""},
	{"paths", CONFIG_LIST, "", NULL, 0, 0, NULL, ""},
};

static void a_section_is_a_list_of_mappings(void **state)
{
	struct fixture *f = *state;
	struct buf many;
	config_add_section(&f->config, "sources", item_table, ITEM_SETTINGS);
	if (read_file(f, STR("max_files: 3\nsources:\n- name: a\n  paths:\n  - docs/x y\n"
			     "  - 'sdk/**'\n- depth: 2\n  paths: one\n- {}\nquiet: yes\n")))
		fail_msg("%s", f->err.message);
	const struct config_section *section = &f->config.section;
	assert_int_equal(section->item_count, 3);
	assert_string_equal(config_string(&section->items[0].config, ITEM_NAME), "a");
	assert_int_equal(config_int(&section->items[0].config, ITEM_DEPTH), 1);
	struct str rest = section->items[0].config.values[ITEM_PATHS].text, path;
	assert_true(config_next(&rest, &path) && str_eq(path, STR("docs/x y")));
	assert_true(config_next(&rest, &path) && str_eq(path, STR("sdk/**")));
	assert_false(config_next(&rest, &path));
	rest = section->items[1].config.values[ITEM_PATHS].text;
	assert_true(config_next(&rest, &path) && str_eq(path, STR("one")));
	rest = section->items[2].config.values[ITEM_PATHS].text;
	assert_false(config_next(&rest, &path));
	assert_int_equal(section->items[1].line, 7);
	assert_true(config_bool(&f->config, QUIET));
	assert_int_equal(config_int(&f->config, COUNT), 3);
	assert_int_equal(read_file(f, STR("sources:\n")), ERR_OK);
	assert_int_equal(read_file(f, STR("sources: []\n")), ERR_OK);
	buf_init(&many, alloc_default(), 1 << 20);
	buf_append(&many, STR("sources:\n"));
	for (int i = 0; i < 10001; i++)
		buf_append(&many, STR("- {}\n"));
	assert_int_equal(read_file(f, buf_str(&many)), ERR_LIMIT);
	buf_release(&many);
}

static void bad_sections_name_the_line(void **state)
{
	static const struct refusal cases[] = {
		{TEXT("sources:\n- name: a\n  pahts: [x]\n"),
		 {"line 3: unknown key 'pahts'", "did you mean 'paths'?", ""}},
		{TEXT("sorces: []\n"), {"line 1", "did you mean 'sources'?", ""}},
		{TEXT("sources:\n- depth: 11\n"), {"line 2", "depth", "from 0 to 10"}},
		{TEXT("sources:\n- paths: [x, [y]]\n"), {"line 2", "a list of words", ""}},
		{TEXT("sources:\n- paths: [\"x\\ny\"]\n"), {"line 2", "one line", ""}},
		{TEXT("sources:\n- name: [x]\n"), {"line 2", "'key: value'", ""}},
		{TEXT("sources: x\n"), {"line 1", "expected a list", ""}},
		{TEXT("sources: {name: a}\n"), {"line 1", "expected a list", ""}},
		{TEXT("sources:\n- x\n"), {"line 2", "an entry of", ""}},
		{TEXT("sources:\n- sources: []\n"), {"line 2", "unknown key 'sources'", ""}},
		{TEXT("sources:\n- name: &x a\n- name: *x\n"), {"line 3", "'key: value'", ""}},
		{TEXT("sources:\n- name: a\n  - b\n"), {"not valid YAML", "", ""}},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		config_add_section(&f->config, "sources", item_table, ITEM_SETTINGS);
		enum err_code code = read_file(f, cases[i].text);
		if (code != ERR_INVALID)
			fail_msg("case %zu: code %d", i, (int)code);
		for (size_t j = 0; j < 3; j++)
			if (!strstr(f->err.message, cases[i].says[j]))
				fail_msg("case %zu: '%s' does not say '%s'", i, f->err.message,
					 cases[i].says[j]);
	}
}

static void missing_and_large_files(void **state)
{
	struct fixture *f = *state;
	char path[512];
	assert_int_equal(
		config_read_file(&f->config, temp_dir_path(&f->dir, "none", path), &f->err),
		ERR_NOTFOUND);
	size_t limit = 1 << 20;
	char *text = malloc(limit + 1);
	assert_non_null(text);
	memset(text, '\n', limit + 1);
	memcpy(text, "max_files: 3", 12);
	assert_int_equal(read_file(f, (struct str){text, limit}), ERR_OK);
	assert_int_equal(config_int(&f->config, COUNT), 3);
	assert_int_equal(read_file(f, (struct str){text, limit + 1}), ERR_LIMIT);
	assert_non_null(strstr(f->err.message, "config.yaml"));
	free(text);
}

static void bad_environment_names_the_variable(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(config_read_env(&f->config, bad_env, &f->err), ERR_INVALID);
	assert_non_null(strstr(f->err.message, "environment variable T_MAX_FILES"));
	assert_int_equal(config_int(&f->config, COUNT), 10);
}

static void finding_by_name(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(config_find(&f->config, STR("data_dir")), NAME);
	assert_int_equal(config_find(&f->config, STR("data-dir")), NAME);
	assert_int_equal(config_find(&f->config, STR("data_di")), SETTINGS);
	assert_int_equal(config_find(&f->config, STR("data_dirs")), SETTINGS);
	assert_int_equal(config_find(&f->config, STR("")), SETTINGS);
}

static const char *word(const void *ctx, size_t i)
{
	return ((const char *const *)ctx)[i];
}

static void nearest_word(void **state)
{
	static const char *const words[] = {"search", "serve", "ask"};
	char longest[100];
	memset(longest, 'a', sizeof(longest));
	assert_string_equal(config_nearest(STR("serch"), word, words, 3), "search");
	assert_string_equal(config_nearest(STR("serv"), word, words, 3), "serve");
	assert_null(config_nearest(STR("xyzzy"), word, words, 3));
	assert_null(config_nearest(STR(""), word, words, 3));
	assert_null(config_nearest((struct str){longest, sizeof(longest)}, word, words, 3));
	assert_null(config_nearest(STR("ask"), word, words, 0));
}

static void out_of_memory(void **state)
{
	struct fixture *f = *state;
	char path[512];
	temp_dir_write(&f->dir, "c.yaml", STR("data_dir: /elsewhere\n"));
	temp_dir_path(&f->dir, "c.yaml", path);
	for (size_t n = 1;; n++) {
		struct fail_alloc fail;
		struct arena arena;
		struct config config;
		fail_alloc_init(&fail, n, false);
		arena_init(&arena, &fail.alloc, 1 << 20);
		enum err_code code = config_init(&config, table, SETTINGS, &arena, &f->err);
		if (!code)
			code = config_read_file(&config, path, &f->err);
		bool failed = atomic_load(&fail.failures) > 0;
		if (failed)
			assert_int_equal(code, ERR_NOMEM);
		else
			assert_string_equal(config_string(&config, NAME), "/elsewhere");
		arena_release(&arena);
		assert_int_equal(atomic_load(&fail.live), 0);
		if (!failed) {
			assert_int_equal(code, ERR_OK);
			assert_true(n >= 2);
			break;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(flag_beats_environment_beats_file, setup, teardown),
		cmocka_unit_test_setup_teardown(yaml_scalars, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_files_name_the_line, setup, teardown),
		cmocka_unit_test_setup_teardown(a_section_is_a_list_of_mappings, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_sections_name_the_line, setup, teardown),
		cmocka_unit_test_setup_teardown(missing_and_large_files, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_environment_names_the_variable, setup,
						teardown),
		cmocka_unit_test_setup_teardown(finding_by_name, setup, teardown),
		cmocka_unit_test(nearest_word),
		cmocka_unit_test_setup_teardown(out_of_memory, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
