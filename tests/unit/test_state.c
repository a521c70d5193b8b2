/* What the service remembers: conversations and gaps, within their limits, whatever happens to the file. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "state/sqlite/internal.h"
#include "support/fail_alloc.h"
#include "support/temp_dir.h"

#define MINUTE INT64_C(60000)

static const struct state_limits limits = {
	.session_turns = 4, .session_bytes = 100, .session_ms = MINUTE, .sessions = 3, .gaps = 3};

struct fixture {
	struct temp_dir dir; /* first: the state of a test is its folder, too */
	struct arena arena;
	struct clock clock;
	int64_t now_ms;
	struct state *state;
	struct logger log;
	char *log_text;
	size_t log_len;
	struct err err;
};

static int64_t clock_us(void *ctx)
{
	return ((const struct fixture *)ctx)->now_ms * 1000;
}

static int64_t clock_ms(void *ctx)
{
	return ((const struct fixture *)ctx)->now_ms;
}

static struct state *open_state(struct fixture *f, const struct state_limits *kept, bool create,
				const struct alloc *alloc)
{
	struct state *state = NULL;
	const struct state_sqlite_options options = {.data_dir = f->dir.path,
						     .create = create,
						     .limits = *kept,
						     .clock = &f->clock,
						     .log = &f->log};
	if (state_sqlite_open(&options, alloc, &state, &f->err))
		assert_int_equal(f->err.code, ERR_NOMEM);
	return state;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f)
		return -1;
	temp_dir_make(&f->dir);
	arena_init(&f->arena, alloc_default(), 64 << 20);
	f->now_ms = 1700000000000;
	f->clock = (struct clock){clock_us, clock_ms, f};
	f->log = (struct logger){open_memstream(&f->log_text, &f->log_len), LOG_INFO, false,
				 &f->clock};
	if (!f->log.stream)
		return -1;
	f->state = open_state(f, &limits, true, alloc_default());
	*state = f;
	return f->state ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	state_close(f->state);
	(void)fclose(f->log.stream);
	free(f->log_text);
	arena_release(&f->arena);
	temp_dir_remove(&f->dir);
	free(f);
	return 0;
}

static void say(struct fixture *f, const char *session, enum state_role role, const char *text)
{
	if (state_append_turn(f->state, str_c(session), role, str_c(text), &f->err))
		fail_msg("%s", f->err.message);
}

/* The texts of a conversation, joined by '|'. */
static const char *told(struct fixture *f, const char *session)
{
	struct state_history history;
	struct str text = STR("");
	if (state_history(f->state, str_c(session), &f->arena, &history, &f->err))
		fail_msg("%s", f->err.message);
	for (size_t i = 0; i < history.count; i++)
		text = arena_printf(&f->arena, "%.*s%s%s%.*s", STR_ARG(text), i ? "|" : "",
				    history.turns[i].role == STATE_USER ? "" : "> ",
				    STR_ARG(history.turns[i].text));
	return text.ptr;
}

/* How many lines of the log hold `word`. */
static size_t logged(struct fixture *f, const char *word)
{
	size_t count = 0;
	struct str line;
	(void)fflush(f->log.stream);
	struct str rest = {f->log_text, f->log_len};
	while (str_cut(&rest, '\n', &line))
		count += str_find(line, str_c(word), 0) != STR_NPOS;
	return count;
}

static int64_t number(struct fixture *f, const char *sql)
{
	struct sqldb db = {0};
	char path[512];
	int64_t value = -1;
	db.path = (char *)(uintptr_t)temp_dir_path(&f->dir, STATE_FILE, path);
	assert_int_equal(sqlite3_open(db.path, &db.handle), SQLITE_OK);
	if (sqldb_int(&db, sql, &value, &f->err))
		fail_msg("%s", f->err.message);
	(void)sqlite3_close(db.handle);
	return value;
}

static void test_conversation(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(told(f, "a"), "");
	say(f, "a", STATE_USER, "What is Katib?");
	say(f, "a", STATE_ASSISTANT, "It tunes.");
	say(f, "b", STATE_USER, "Other");
	say(f, "a", STATE_USER, "How?");
	say(f, "a", STATE_USER, "");
	assert_string_equal(told(f, "a"), "What is Katib?|> It tunes.|How?");
	assert_string_equal(told(f, "b"), "Other");
	/* It is in the file, for its owner alone. */
	char path[512];
	struct stat info;
	assert_int_equal(stat(temp_dir_path(&f->dir, STATE_FILE, path), &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	state_close(f->state);
	f->state = open_state(f, &limits, true, alloc_default());
	assert_string_equal(told(f, "b"), "Other");
}

static void test_turns_are_limited(void **state)
{
	struct fixture *f = *state;
	say(f, "a", STATE_USER, "1");
	say(f, "a", STATE_ASSISTANT, "2");
	say(f, "a", STATE_USER, "3");
	say(f, "a", STATE_ASSISTANT, "4");
	assert_string_equal(told(f, "a"), "1|> 2|3|> 4");
	/* The oldest question goes, and its answer is then not shown. */
	say(f, "a", STATE_USER, "5");
	assert_string_equal(told(f, "a"), "3|> 4|5");
	assert_int_equal(number(f, "SELECT count(*) FROM turns"), 4);
}

static void test_bytes_are_limited(void **state)
{
	struct fixture *f = *state;
	char text[81];
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	say(f, "a", STATE_USER, "one");
	say(f, "a", STATE_USER, text);
	assert_int_equal(strlen(told(f, "a")), 3 + 1 + 50);
	/* 53 bytes and 50 more are too many. */
	say(f, "a", STATE_ASSISTANT, text);
	assert_int_equal(strlen(told(f, "a")), 50 + 1 + 2 + 50);
	assert_int_equal(number(f, "SELECT sum(bytes) FROM turns"), 100);
	/* Cut at a character: 51 bytes of three-byte characters would be too many. */
	say(f, "b", STATE_USER, "ああああああああああああああああああ");
	assert_int_equal(strlen(told(f, "b")), 48);
	/* A smaller limit than it was written under. */
	struct state_limits few = limits;
	few.session_bytes = 60;
	state_close(f->state);
	f->state = open_state(f, &few, true, alloc_default());
	assert_string_equal(told(f, "a"), "");
	few.session_bytes = 100;
	few.session_turns = 2;
	state_close(f->state);
	f->state = open_state(f, &few, true, alloc_default());
	assert_int_equal(strlen(told(f, "a")), 50 + 1 + 2 + 50);
}

static void test_bad_arguments(void **state)
{
	struct fixture *f = *state;
	char longest[STATE_SESSION_BYTES + 2];
	struct state_history history;
	static const char *const bad[] = {"", " ", "a b", "a\n", "é", "\x7f", "a\x01"};
	memset(longest, 'a', sizeof(longest));
	struct str id = {longest, STATE_SESSION_BYTES};
	assert_true(state_session_valid(id));
	assert_false(state_session_valid((struct str){longest, STATE_SESSION_BYTES + 1}));
	assert_false(state_session_valid((struct str){"a\0b", 3}));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct str session = str_c(bad[i]);
		assert_int_equal(
			state_append_turn(f->state, session, STATE_USER, STR("x"), &f->err),
			ERR_INVALID);
		assert_int_equal(state_history(f->state, session, &f->arena, &history, &f->err),
				 ERR_INVALID);
		assert_int_equal(state_forget(f->state, session, NULL, &f->err), ERR_INVALID);
	}
	assert_int_equal(state_append_turn(f->state, STR("a"), STATE_USER, STR("\xff"), &f->err),
			 ERR_INVALID);
	const struct state_gap empty = {.question = STR(" \n")}, broken = {.question = STR("\xff")};
	assert_int_equal(state_record_gap(f->state, &empty, &f->err), ERR_INVALID);
	assert_int_equal(state_record_gap(f->state, &broken, &f->err), ERR_INVALID);
	assert_int_equal(logged(f, ""), 1); /* nothing but the empty rest */
}

static void test_lifetime(void **state)
{
	struct fixture *f = *state;
	say(f, "a", STATE_USER, "old");
	f->now_ms += MINUTE;
	assert_string_equal(told(f, "a"), "old");
	f->now_ms++;
	assert_string_equal(told(f, "a"), "");
	/* The same id begins anew. */
	say(f, "a", STATE_USER, "new");
	assert_string_equal(told(f, "a"), "new");
	/* Others that are over go when somebody writes. */
	say(f, "b", STATE_USER, "b");
	f->now_ms += 2 * MINUTE;
	say(f, "c", STATE_USER, "c");
	assert_int_equal(number(f, "SELECT count(*) FROM sessions"), 1);
	assert_int_equal(number(f, "SELECT count(*) FROM turns"), 1);
}

static void test_sessions_are_limited(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"a", "b", "c", "d"};
	for (size_t i = 0; i < 4; i++) {
		f->now_ms++;
		say(f, names[i], STATE_USER, names[i]);
		if (i == 2) {
			f->now_ms++;
			say(f, "a", STATE_USER, "again");
		}
	}
	assert_string_equal(told(f, "a"), "a|again");
	assert_string_equal(told(f, "b"), "");
	assert_string_equal(told(f, "d"), "d");
	assert_int_equal(number(f, "SELECT count(*) FROM turns"), 4);
}

static void test_forget(void **state)
{
	struct fixture *f = *state;
	bool found = true;
	assert_int_equal(state_forget(f->state, STR("a"), &found, &f->err), ERR_OK);
	assert_false(found);
	say(f, "a", STATE_USER, "secret");
	assert_int_equal(state_forget(f->state, STR("a"), &found, &f->err), ERR_OK);
	assert_true(found);
	assert_string_equal(told(f, "a"), "");
	assert_int_equal(number(f, "SELECT count(*) FROM turns"), 0);
}

static void note_gap(struct fixture *f, const char *question, const char *reason, const char *page)
{
	const struct state_page pages[] = {{str_c(page), STR("https://example.org/x")}};
	const struct state_gap gap = {.question = str_c(question),
				      .reason = str_c(reason),
				      .pages = pages,
				      .page_count = 1};
	f->now_ms++;
	if (state_record_gap(f->state, &gap, &f->err))
		fail_msg("%s", f->err.message);
}

static struct state_gaps all_gaps(struct fixture *f)
{
	struct state_gaps gaps;
	if (state_gaps(f->state, 100, &f->arena, &gaps, &f->err))
		fail_msg("%s", f->err.message);
	return gaps;
}

static void test_gaps_are_counted(void **state)
{
	struct fixture *f = *state;
	note_gap(f, "Is Straße supported?", "first", "A");
	int64_t first = f->now_ms;
	note_gap(f, "Other", "x", "B");
	note_gap(f, "  is\t STRAßE   supported ", "second", "C \"q\"");
	struct state_gaps gaps = all_gaps(f);
	assert_int_equal(gaps.count, 2);
	const struct state_gap *gap = &gaps.items[0];
	assert_true(str_eq(gap->question, STR("is\t STRAßE   supported")));
	assert_true(str_eq(gap->reason, STR("second")));
	assert_int_equal(gap->count, 2);
	assert_int_equal(gap->first_ms, first);
	assert_int_equal(gap->last_ms, f->now_ms);
	assert_int_equal(gap->page_count, 1);
	assert_true(str_eq(gap->pages[0].title, STR("C \"q\"")));
	assert_true(str_eq(gap->pages[0].url, STR("https://example.org/x")));
	/* Punctuation within is part of the question. */
	note_gap(f, "a-b", "", "");
	note_gap(f, "a b", "", "");
	assert_int_equal(all_gaps(f).count, 3); /* the limit; "Other" was the oldest */
	struct state_gaps one;
	assert_int_equal(state_gaps(f->state, 1, &f->arena, &one, &f->err), ERR_OK);
	assert_int_equal(one.count, 1);
	assert_int_equal(one.items[0].count, 2);
}

static void test_gaps_are_bounded(void **state)
{
	struct fixture *f = *state;
	char question[16], huge[4 * STATE_QUESTION_BYTES];
	for (int i = 0; i < 5; i++) {
		(void)snprintf(question, sizeof(question), "q%d", i);
		note_gap(f, question, "", "");
	}
	struct state_gaps gaps = all_gaps(f);
	assert_int_equal(gaps.count, 3);
	assert_true(str_eq(gaps.items[0].question, STR("q4")));
	assert_true(str_eq(gaps.items[2].question, STR("q2")));
	/* Long texts are cut, too many pages left out, and questions of signs alone are questions. */
	memset(huge, 'x', sizeof(huge));
	struct state_page pages[STATE_GAP_PAGES + 2];
	for (size_t i = 0; i < STATE_GAP_PAGES + 2; i++)
		pages[i] = (struct state_page){{huge, sizeof(huge)}, {huge, sizeof(huge)}};
	const struct state_gap gap = {.question = {huge, sizeof(huge)},
				      .reason = {huge, sizeof(huge)},
				      .pages = pages,
				      .page_count = STATE_GAP_PAGES + 2};
	f->now_ms++;
	assert_int_equal(state_record_gap(f->state, &gap, &f->err), ERR_OK);
	gaps = all_gaps(f);
	assert_int_equal(gaps.items[0].question.len, STATE_QUESTION_BYTES);
	assert_int_equal(gaps.items[0].page_count, STATE_GAP_PAGES);
	assert_int_equal(gaps.items[0].pages[0].title.len, STATE_PAGE_BYTES);
	assert_int_equal(gaps.items[0].pages[0].url.len, 0);
	note_gap(f, "???", "", "");
	assert_true(str_eq(all_gaps(f).items[0].question, STR("???")));
}

static struct str hide_digits(struct str text, struct arena *arena)
{
	struct str copy = arena_str(arena, text);
	char *at = (char *)(uintptr_t)copy.ptr;
	for (size_t i = 0; at && i < copy.len; i++)
		if (ascii_digit(at[i]))
			at[i] = '#';
	return copy;
}

static void test_texts_are_masked(void **state)
{
	struct fixture *f = *state;
	f->state->mask = hide_digits;
	say(f, "a", STATE_USER, "token 123");
	note_gap(f, "number 42", "", "");
	assert_string_equal(told(f, "a"), "token ###");
	assert_true(str_eq(all_gaps(f).items[0].question, STR("number ##")));
	assert_int_equal(number(f, "SELECT count(*) FROM gaps WHERE key GLOB '*[0-9]*'"), 0);
}

static void test_no_state(void **state)
{
	struct fixture *f = *state;
	struct state_history history;
	struct state_gaps gaps;
	bool found = true;
	const struct state_gap gap = {.question = STR("x")};
	assert_int_equal(state_append_turn(NULL, STR("a"), STATE_USER, STR("x"), &f->err), ERR_OK);
	assert_int_equal(state_history(NULL, STR("a"), &f->arena, &history, &f->err), ERR_OK);
	assert_int_equal(history.count, 0);
	assert_int_equal(state_forget(NULL, STR("a"), &found, &f->err), ERR_OK);
	assert_false(found);
	assert_int_equal(state_record_gap(NULL, &gap, &f->err), ERR_OK);
	assert_int_equal(state_gaps(NULL, 1, &f->arena, &gaps, &f->err), ERR_OK);
	assert_int_equal(gaps.count, 0);
	state_close(NULL);
}

static void test_reading_makes_no_file(void **state)
{
	struct fixture *f = *state;
	struct state_gaps gaps;
	state_close(f->state);
	f->state = open_state(f, &limits, false, alloc_default());
	assert_int_equal(state_gaps(f->state, 1, &f->arena, &gaps, &f->err), ERR_NOTFOUND);
	assert_false(temp_dir_exists(&f->dir, STATE_FILE));
	assert_int_equal(logged(f, "without memory"), 0);
}

/* --- the file --- */

static void overwrite(struct fixture *f, long at, size_t bytes)
{
	char path[512];
	int file = open(temp_dir_path(&f->dir, STATE_FILE, path), O_RDWR);
	assert_true(file >= 0);
	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(pwrite(file, "\xa5", 1, at + (long)i), 1);
	(void)close(file);
}

/* Closing the last connection moves everything into the main file. */
static void reopen_after_damage(struct fixture *f, long at, size_t bytes)
{
	say(f, "a", STATE_USER, "before");
	state_close(f->state);
	overwrite(f, at, bytes);
	f->state = open_state(f, &limits, true, alloc_default());
	say(f, "a", STATE_USER, "after");
	assert_string_equal(told(f, "a"), "after");
	assert_int_equal(logged(f, "set aside"), 1);
	assert_true(temp_dir_exists(&f->dir, STATE_DAMAGED_FILE));
	assert_int_equal(logged(f, "without memory"), 0);
}

static void test_damaged_header(void **state)
{
	reopen_after_damage(*state, 0, 16);
}

static void test_damaged_page(void **state)
{
	/* The header of the b-tree of page 2; the schema itself can be read. */
	reopen_after_damage(*state, 4096, 64);
}

/* Other bytes altogether, more than one page of them. */
static void test_not_a_database(void **state)
{
	struct fixture *f = *state;
	char noise[20000];
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(i * 37 + i / 251);
	temp_dir_write(&f->dir, STATE_FILE, (struct str){noise, sizeof(noise)});
	say(f, "a", STATE_USER, "after");
	assert_string_equal(told(f, "a"), "after");
	assert_int_equal(logged(f, "set aside"), 1);
	char path[512];
	struct buf kept;
	buf_init(&kept, alloc_default(), 1 << 20);
	assert_int_equal(file_read(temp_dir_path(&f->dir, STATE_DAMAGED_FILE, path), 1 << 20, &kept,
				   &f->err),
			 ERR_OK);
	assert_true(str_eq(buf_str(&kept), (struct str){noise, sizeof(noise)}));
	buf_release(&kept);
}

static void test_damaged_for_a_reader(void **state)
{
	struct fixture *f = *state;
	struct state_gaps gaps;
	say(f, "a", STATE_USER, "before");
	state_close(f->state);
	overwrite(f, 0, 16);
	f->state = open_state(f, &limits, false, alloc_default());
	assert_int_equal(state_gaps(f->state, 1, &f->arena, &gaps, &f->err), ERR_FORMAT);
	assert_false(temp_dir_exists(&f->dir, STATE_DAMAGED_FILE));
}

static void test_damaged_while_open(void **state)
{
	struct fixture *f = *state;
	struct state_sqlite *s = (struct state_sqlite *)f->state;
	say(f, "a", STATE_USER, "before");
	/* Everything into the main file, the cache empty, then every page after the first is noise. */
	assert_int_equal(sqlite3_wal_checkpoint_v2(s->db.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE,
						   NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_db_release_memory(s->db.handle), SQLITE_OK);
	overwrite(f, 4096, 6 * 4096);
	say(f, "a", STATE_USER, "after");
	assert_string_equal(told(f, "a"), "after");
	assert_int_equal(logged(f, "set aside"), 1);
}

static void test_replaced_while_open(void **state)
{
	struct fixture *f = *state;
	say(f, "a", STATE_USER, "before");
	temp_dir_delete(&f->dir, STATE_FILE);
	say(f, "a", STATE_USER, "after");
	assert_string_equal(told(f, "a"), "after");
	assert_true(temp_dir_exists(&f->dir, STATE_FILE));
}

static void change_file(struct fixture *f, const char *sql)
{
	char path[512];
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(temp_dir_path(&f->dir, STATE_FILE, path), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
}

/* Refused, untouched, one line, and tried again only after a while. */
static void refuses(struct fixture *f, const char *word)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			state_append_turn(f->state, STR("a"), STATE_USER, STR("x"), &f->err),
			ERR_UNSUPPORTED);
	assert_non_null(strstr(f->err.message, word));
	assert_int_equal(logged(f, "without memory"), 1);
	assert_false(temp_dir_exists(&f->dir, STATE_DAMAGED_FILE));
}

static void test_newer_schema(void **state)
{
	struct fixture *f = *state;
	say(f, "a", STATE_USER, "kept");
	state_close(f->state);
	change_file(f, "PRAGMA user_version = 99");
	f->state = open_state(f, &limits, true, alloc_default());
	refuses(f, "newer docs-bot");
	/* As when somebody has put it right meanwhile. */
	change_file(f, "PRAGMA user_version = 1");
	f->now_ms += 6000;
	assert_string_equal(told(f, "a"), "kept");
	say(f, "a", STATE_USER, "more");
	assert_int_equal(logged(f, "remembering again"), 1);
}

static void test_other_programs_file(void **state)
{
	struct fixture *f = *state;
	change_file(f, "CREATE TABLE recipes(name TEXT)");
	refuses(f, "another program");
	assert_int_equal(number(f, "SELECT count(*) FROM recipes"), 0);
}

static void test_full_disk(void **state)
{
	struct fixture *f = *state;
	struct state_sqlite *s = (struct state_sqlite *)f->state;
	char text[50];
	struct state_limits many = limits;
	many.session_bytes = 100000;
	many.session_turns = 1000;
	f->state->limits = many;
	memset(text, 'x', sizeof(text));
	say(f, "a", STATE_USER, "before");
	/* The page limit gives the same SQLITE_FULL as a full disk. */
	assert_int_equal(sqlite3_exec(s->db.handle, "PRAGMA max_page_count = 1", NULL, NULL, NULL),
			 SQLITE_OK);
	enum err_code code = ERR_OK;
	for (int i = 0; i < 2000 && !code; i++)
		code = state_append_turn(f->state, STR("a"), STATE_USER,
					 (struct str){text, sizeof(text)}, &f->err);
	assert_int_equal(code, ERR_FULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(state_append_turn(f->state, STR("a"), STATE_USER,
						   (struct str){text, sizeof(text)}, &f->err),
				 ERR_FULL);
	assert_int_equal(logged(f, "without memory"), 1);
	assert_int_equal(
		sqlite3_exec(s->db.handle, "PRAGMA max_page_count = 100000", NULL, NULL, NULL),
		SQLITE_OK);
	say(f, "a", STATE_USER, "last");
	assert_int_equal(logged(f, "remembering again"), 1);
}

static void test_folder_that_cannot_be(void **state)
{
	struct fixture *f = *state;
	struct temp_dir dir = f->dir;
	temp_dir_write(&f->dir, "file", STR("x"));
	state_close(f->state);
	(void)snprintf(f->dir.path, sizeof(f->dir.path), "%.100s/file", dir.path);
	f->state = open_state(f, &limits, true, alloc_default());
	f->dir = dir;
	for (int i = 0; i < 3; i++)
		assert_int_not_equal(
			state_append_turn(f->state, STR("a"), STATE_USER, STR("x"), &f->err),
			ERR_OK);
	assert_int_equal(logged(f, "without memory"), 1);
}

/* --- many at once --- */

enum { WRITERS = 4, ROUNDS = 50 };

static const struct state_limits wide = {.session_turns = 1000,
					 .session_bytes = 1 << 20,
					 .session_ms = MINUTE,
					 .sessions = 100,
					 .gaps = 100};

/* Turns of its own session, and a gap that all of them count. */
static int write_rounds(struct state *state, int writer)
{
	const struct state_gap gap = {.question = STR("asked by all")};
	char session[16];
	int failures = 0;
	(void)snprintf(session, sizeof(session), "s%d", writer);
	for (int i = 0; i < ROUNDS; i++) {
		failures += state_append_turn(state, str_c(session), STATE_USER, STR("x"), NULL) !=
			    ERR_OK;
		failures += state_record_gap(state, &gap, NULL) != ERR_OK;
	}
	return failures;
}

struct writer {
	struct state *state;
	int number, failures;
	pthread_t thread;
};

static void *writer_main(void *ctx)
{
	struct writer *w = ctx;
	w->failures = write_rounds(w->state, w->number);
	return NULL;
}

static void check_rounds(struct fixture *f)
{
	assert_int_equal(number(f, "SELECT count(*) FROM turns"), WRITERS * ROUNDS);
	assert_int_equal(number(f, "SELECT count FROM gaps"), WRITERS * ROUNDS);
	assert_int_equal(number(f, "SELECT count(DISTINCT session_id) FROM turns"), WRITERS);
}

static void test_threads(void **state)
{
	struct fixture *f = *state;
	struct writer writers[WRITERS];
	f->state->limits = wide;
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.state = f->state, .number = i};
		assert_int_equal(pthread_create(&writers[i].thread, NULL, writer_main, &writers[i]),
				 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
		assert_int_equal(writers[i].failures, 0);
	}
	check_rounds(f);
}

static void in_processes(struct fixture *f, int (*work)(struct fixture *f, int number))
{
	pid_t children[WRITERS];
	(void)fflush(NULL);
	for (int i = 0; i < WRITERS; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0)
			_exit(work(f, i));
	}
	for (int i = 0; i < WRITERS; i++) {
		int status = -1;
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static int process_main(struct fixture *f, int number)
{
	struct state *state = open_state(f, &wide, true, alloc_default());
	int failures = state ? write_rounds(state, number) : 1;
	state_close(state);
	return failures > 100 ? 100 : failures;
}

static void test_processes(void **state)
{
	struct fixture *f = *state;
	in_processes(f, process_main);
	check_rounds(f);
}

static int process_on_damage(struct fixture *f, int number)
{
	struct state *state = open_state(f, &wide, true, alloc_default());
	char session[16];
	(void)snprintf(session, sizeof(session), "s%d", number);
	bool ok = state &&
		  state_append_turn(state, str_c(session), STATE_USER, STR("x"), NULL) == ERR_OK;
	state_close(state);
	return !ok;
}

/* The one that sets the file aside first must be the only one: nobody's turn is lost with it. */
static void test_processes_find_damage(void **state)
{
	struct fixture *f = *state;
	say(f, "a", STATE_USER, "before");
	state_close(f->state);
	f->state = NULL;
	overwrite(f, 0, 16);
	in_processes(f, process_on_damage);
	assert_int_equal(number(f, "SELECT count(*) FROM turns"), WRITERS);
}

/* --- memory that runs out --- */

static struct {
	sqlite3_mem_methods real;
	long countdown; /* the call that fails; negative: none */
	bool failed;
} memory = {.countdown = -1};

static bool memory_fails(void)
{
	if (memory.countdown < 0 || memory.countdown-- > 0)
		return false;
	memory.failed = true;
	return true;
}

static void *memory_malloc(int size)
{
	return memory_fails() ? NULL : memory.real.xMalloc(size);
}

static void *memory_realloc(void *ptr, int size)
{
	return memory_fails() ? NULL : memory.real.xRealloc(ptr, size);
}

/* Each step is all or nothing: what it did not report as done is not there. */
static void run_all(struct fixture *f, struct state *state, const struct alloc *alloc)
{
	const struct state_page page = {STR("title"), STR("https://example.org")};
	const struct state_gap gap = {
		.question = STR("Why?"), .reason = STR("r"), .pages = &page, .page_count = 1};
	struct state_history history;
	struct state_gaps gaps;
	struct arena arena;
	size_t turns = 0;
	arena_init(&arena, alloc, 1 << 20);
	turns += !state_append_turn(state, STR("a"), STATE_USER, STR("one"), &f->err);
	turns += !state_append_turn(state, STR("a"), STATE_USER, STR("two"), &f->err);
	bool noted = !state_record_gap(state, &gap, &f->err);
	if (!state_history(state, STR("a"), &arena, &history, &f->err))
		assert_int_equal(history.count, turns);
	else
		assert_int_equal(history.count, 0);
	if (!state_gaps(state, 10, &arena, &gaps, &f->err))
		assert_int_equal(gaps.count, noted);
	else
		assert_int_equal(gaps.count, 0);
	if (!state_forget(state, STR("a"), NULL, &f->err) &&
	    !state_history(state, STR("a"), &arena, &history, &f->err))
		assert_int_equal(history.count, 0);
	arena_release(&arena);
}

static void fresh_file(struct fixture *f)
{
	char path[512];
	(void)unlink(temp_dir_path(&f->dir, STATE_FILE, path));
	(void)unlink(temp_dir_path(&f->dir, STATE_FILE "-wal", path));
	(void)unlink(temp_dir_path(&f->dir, STATE_FILE "-shm", path));
	f->now_ms += 10000;
}

static void test_allocations_fail(void **state)
{
	struct fixture *f = *state;
	size_t n = 0, failures;
	do {
		struct fail_alloc fail;
		fail_alloc_init(&fail, ++n, false);
		fresh_file(f);
		struct state *failing = open_state(f, &limits, true, &fail.alloc);
		if (failing)
			run_all(f, failing, &fail.alloc);
		state_close(failing);
		failures = atomic_load(&fail.failures);
		assert_int_equal(atomic_load(&fail.live), 0);
	} while (failures);
	assert_true(n > 8);
}

static void test_sqlite_memory_fails(void **state)
{
	struct fixture *f = *state;
	long n = 0;
	do {
		fresh_file(f);
		struct state *failing = open_state(f, &limits, true, alloc_default());
		memory.failed = false;
		memory.countdown = n;
		run_all(f, failing, alloc_default());
		memory.countdown = -1;
		state_close(failing);
		/* Every one of the first calls, then every seventh: opening takes most of them. */
		n += n < 200 ? 1 : 7;
	} while (memory.failed);
	assert_true(n > 100);
	assert_false(temp_dir_exists(&f->dir, STATE_DAMAGED_FILE));
}

static int set_up_memory(void **state)
{
	(void)state;
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory.real) != SQLITE_OK)
		return -1;
	sqlite3_mem_methods failing = memory.real;
	failing.xMalloc = memory_malloc;
	failing.xRealloc = memory_realloc;
	return sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) == SQLITE_OK ? 0 : -1;
}

#define STATE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STATE_TEST(test_conversation),
		STATE_TEST(test_turns_are_limited),
		STATE_TEST(test_bytes_are_limited),
		STATE_TEST(test_bad_arguments),
		STATE_TEST(test_lifetime),
		STATE_TEST(test_sessions_are_limited),
		STATE_TEST(test_forget),
		STATE_TEST(test_gaps_are_counted),
		STATE_TEST(test_gaps_are_bounded),
		STATE_TEST(test_texts_are_masked),
		STATE_TEST(test_no_state),
		STATE_TEST(test_reading_makes_no_file),
		STATE_TEST(test_damaged_header),
		STATE_TEST(test_damaged_page),
		STATE_TEST(test_not_a_database),
		STATE_TEST(test_damaged_for_a_reader),
		STATE_TEST(test_damaged_while_open),
		STATE_TEST(test_replaced_while_open),
		STATE_TEST(test_newer_schema),
		STATE_TEST(test_other_programs_file),
		STATE_TEST(test_full_disk),
		STATE_TEST(test_folder_that_cannot_be),
		STATE_TEST(test_threads),
		STATE_TEST(test_processes),
		STATE_TEST(test_processes_find_damage),
		STATE_TEST(test_allocations_fail),
		STATE_TEST(test_sqlite_memory_fails),
	};
	return cmocka_run_group_tests(tests, set_up_memory, NULL);
}
