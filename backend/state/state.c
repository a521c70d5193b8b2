/* Checks arguments once for every backend, masks and bounds texts, and logs failures once. */
#include "state/state.h"

#include <utf8proc.h>

#include "base/buf.h"
#include "base/utf8.h"

/* Scratch of one call, for the masked copy of a text. */
#define SCRATCH_BYTES(len) ((size_t)65536 + 8 * (len))

bool state_session_valid(struct str session)
{
	if (!session.len || session.len > STATE_SESSION_BYTES)
		return false;
	for (size_t i = 0; i < session.len; i++)
		if (session.ptr[i] <= ' ' || session.ptr[i] > '~')
			return false;
	return true;
}

static enum err_code check_session(struct str session, struct err *err)
{
	if (!state_session_valid(session))
		return err_set(err, ERR_INVALID,
			       "a session's id is 1 to %d visible ASCII characters",
			       STATE_SESSION_BYTES);
	return ERR_OK;
}

static enum err_code check_text(struct str text, const char *what, struct err *err)
{
	if (!utf8_valid(text))
		return err_set(err, ERR_INVALID, "%s is not valid UTF-8", what);
	return ERR_OK;
}

enum kind { READS, WRITES };

/*
 * Logs the change from working to failing and back, so that a full disk is one line, not thousands.
 * Back is when something could be written again: reading works on a full disk.
 */
static enum err_code note(struct state *s, enum kind kind, enum err_code code,
			  const struct err *why, struct err *err)
{
	if (code == ERR_INVALID || code == ERR_NOTFOUND) {
		/* The caller's mistake, or nothing there to read: memory itself works. */
	} else if (code) {
		if (!atomic_exchange(&s->failing, true))
			log_warn(s->log, "state", "going on without memory: %s", why->message);
	} else if (kind == WRITES && atomic_exchange(&s->failing, false)) {
		log_info(s->log, "state", "remembering again");
	}
	if (code && err)
		*err = *why;
	return code;
}

/* The text as it may be stored: masked, then cut, so that a secret is not cut in two and kept. */
static enum err_code clean(const struct state *s, struct str text, size_t max,
			   struct arena *scratch, struct str *out, struct err *err)
{
	*out = s->mask ? s->mask(text, scratch) : text;
	if (!out->ptr)
		return arena_fail(scratch, err);
	*out = utf8_prefix(*out, max);
	return ERR_OK;
}

enum err_code state_append_turn(struct state *s, struct str session, enum state_role role,
				struct str text, struct err *err)
{
	struct err why = {ERR_OK, ""};
	struct arena scratch;
	struct str kept;
	enum err_code code = check_session(session, err);
	if (!code)
		code = check_text(text, "a turn", err);
	if (code || !s || !text.len)
		return code;
	arena_init(&scratch, s->alloc, SCRATCH_BYTES(text.len));
	code = clean(s, text, s->limits.session_bytes / 2, &scratch, &kept, &why);
	if (!code && kept.len)
		code = s->ops->append_turn(s, session, role, kept, &why);
	arena_release(&scratch);
	return note(s, WRITES, code, &why, err);
}

enum err_code state_history(struct state *s, struct str session, struct arena *arena,
			    struct state_history *out, struct err *err)
{
	struct err why = {ERR_OK, ""};
	*out = (struct state_history){0};
	enum err_code code = check_session(session, err);
	if (code || !s)
		return code;
	code = s->ops->history(s, session, arena, out, &why);
	if (code)
		*out = (struct state_history){0};
	/* An answer whose question is gone says nothing, and models want the user's turn first. */
	while (out->count && out->turns[0].role != STATE_USER) {
		out->turns++;
		out->count--;
	}
	return note(s, READS, code, &why, err);
}

enum err_code state_forget(struct state *s, struct str session, bool *found, struct err *err)
{
	struct err why = {ERR_OK, ""};
	bool was_there = false;
	enum err_code code = check_session(session, err);
	if (!code && s)
		code = note(s, WRITES, s->ops->forget(s, session, &was_there, &why), &why, err);
	if (found)
		*found = was_there;
	return code;
}

/* Code points that a question may begin or end with and not be another one. */
static bool is_edge(int32_t cp)
{
	utf8proc_category_t category = utf8proc_category(cp);
	return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

static bool is_space(int32_t cp)
{
	utf8proc_category_t category = utf8proc_category(cp);
	return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_CC ||
	       category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

/* What equal questions have in common: lower case, single spaces, no punctuation at the ends. */
static enum err_code gap_key(struct str question, struct buf *key, struct err *err)
{
	bool space = false;
	size_t end = 0; /* of what is kept when only punctuation follows */
	int32_t cp = 0;
	for (size_t at = 0, bytes; (bytes = utf8_decode(question, at, &cp)); at += bytes) {
		if (is_space(cp)) {
			space = key->len > 0;
			continue;
		}
		if (!key->len && is_edge(cp))
			continue;
		if (space)
			buf_append_byte(key, ' ');
		space = false;
		buf_append_codepoint(key, utf8proc_tolower(cp));
		if (!is_edge(cp))
			end = key->len;
	}
	enum err_code code = buf_ok(key, "a question's key", err);
	if (!code)
		key->len = end;
	return code;
}

static enum err_code check_gap(const struct state_gap *gap, struct err *err)
{
	enum err_code code = check_text(gap->question, "a question", err);
	if (!code && !str_trim(gap->question).len)
		code = err_set(err, ERR_INVALID, "an empty question is no gap");
	if (!code)
		code = check_text(gap->reason, "the reason of a gap", err);
	for (size_t i = 0; i < gap->page_count && i < STATE_GAP_PAGES && !code; i++) {
		code = check_text(gap->pages[i].title, "a page's title", err);
		if (!code)
			code = check_text(gap->pages[i].url, "a page's address", err);
	}
	return code;
}

static enum err_code record(struct state *s, const struct state_gap *gap, struct buf *key,
			    struct arena *scratch, struct err *err)
{
	struct state_page pages[STATE_GAP_PAGES];
	struct state_gap kept = {.reason = utf8_prefix(gap->reason, STATE_PAGE_BYTES),
				 .pages = pages,
				 .page_count = gap->page_count};
	if (kept.page_count > STATE_GAP_PAGES)
		kept.page_count = STATE_GAP_PAGES;
	for (size_t i = 0; i < kept.page_count; i++) {
		pages[i].title = utf8_prefix(gap->pages[i].title, STATE_PAGE_BYTES);
		/* Half an address leads nowhere. */
		pages[i].url =
			gap->pages[i].url.len > STATE_PAGE_BYTES ? STR("") : gap->pages[i].url;
	}
	enum err_code code = clean(s, str_trim(gap->question), STATE_QUESTION_BYTES, scratch,
				   &kept.question, err);
	if (!code)
		code = gap_key(kept.question, key, err);
	if (code)
		return code;
	return s->ops->record_gap(s, key->len ? buf_str(key) : kept.question, &kept, err);
}

enum err_code state_record_gap(struct state *s, const struct state_gap *gap, struct err *err)
{
	struct err why = {ERR_OK, ""};
	struct arena scratch;
	struct buf key;
	enum err_code code = check_gap(gap, err);
	if (code || !s)
		return code;
	arena_init(&scratch, s->alloc, SCRATCH_BYTES(gap->question.len));
	/* A character in lower case takes at most four bytes, one more than it had. */
	buf_init(&key, s->alloc, 4 * STATE_QUESTION_BYTES);
	code = record(s, gap, &key, &scratch, &why);
	buf_release(&key);
	arena_release(&scratch);
	return note(s, WRITES, code, &why, err);
}

enum err_code state_gaps(struct state *s, size_t max, struct arena *arena, struct state_gaps *out,
			 struct err *err)
{
	struct err why = {ERR_OK, ""};
	*out = (struct state_gaps){0};
	if (!s)
		return ERR_OK;
	enum err_code code = s->ops->gaps(s, max, arena, out, &why);
	if (code)
		*out = (struct state_gaps){0};
	return note(s, READS, code, &why, err);
}

void state_close(struct state *s)
{
	if (s)
		s->ops->close(s);
}
