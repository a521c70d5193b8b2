/*
 * The filter works on text without hidden characters (guard_text.h), in units: a line of code, a code
 * span, a blank, or a run: the characters up to the next blank or backtick. Within a run, what must
 * vanish is taken out of the text that waits and the run is looked at anew from its beginning, so that
 * nothing can be put together of what is left ("java<b>script:"). Only then is it searched for
 * addresses and passed on.
 *
 * A step reads through a view that notices when it is read past its end. Then nothing is decided
 * before more text has come, unless GUARD_HOLD bytes wait or the text is over: decisions thus depend
 * on the text alone, not on its pieces.
 */
#include <string.h>
#include <utf8proc.h>

#include "answer/guard_command.h"
#include "answer/guard_host.h"
#include "answer/guard_markup.h"
#include "answer/guard_text.h"
#include "base/utf8.h"

enum {
	SLICE = 1024,            /* bytes that are taken in at once */
	WAITING_MAX = 4 * 65536, /* more than GUARD_HOLD and what decoding a slice can add */
	TWIN_MAX = 2 * GUARD_HOLD,
	CITATIONS_IN_ONE = 8, /* "[1, 2, 3]" */
	LABEL_LINE_MAX = 3000,
};

static const struct str link_note = {"(link removed)", 14};
static const struct str command_note = {"(command removed)", 17};

struct guard_filter {
	const struct alloc *alloc;
	struct guard_policy policy;
	struct guard_cleaner cleaner;
	struct buf waiting; /* clean text that no decision was made on */
	struct guard_view view;
	struct buf *out;
	struct guard_report report;
	char behind;      /* the last byte that came out */
	bool last;        /* nothing follows what waits */
	bool line_begins; /* only blanks and markers of lists and quotes stand before in this line */
	bool code_begins;  /* in a fence: this is the begin of a line */
	char fence;        /* '`' or '~' within a fence, else 0 */
	size_t fence_size; /* how many */
	unsigned char *cited;
};

enum err_code guard_open(const struct guard_policy *policy, const struct alloc *alloc,
			 struct guard_filter **out, struct err *err)
{
	struct guard_filter *f = alloc_get(alloc, sizeof(*f));
	unsigned char *cited = alloc_get(alloc, policy->citation_count + 1);
	*out = NULL;
	if (!f || !cited) {
		alloc_free(alloc, f);
		alloc_free(alloc, cited);
		return err_set(err, ERR_NOMEM, "out of memory for the answer's filter");
	}
	memset(cited, 0, policy->citation_count + 1);
	*f = (struct guard_filter){
		.alloc = alloc, .policy = *policy, .cited = cited, .line_begins = true};
	buf_init(&f->waiting, alloc, WAITING_MAX);
	*out = f;
	return ERR_OK;
}

void guard_close(struct guard_filter *f)
{
	if (!f)
		return;
	buf_release(&f->waiting);
	alloc_free(f->alloc, f->cited);
	alloc_free(f->alloc, f);
}

struct guard_report guard_report(const struct guard_filter *f)
{
	struct guard_report report = f->report;
	report.hidden_removed = f->cleaner.removed;
	return report;
}

bool guard_cited(const struct guard_filter *f, size_t n)
{
	return n > 0 && n <= f->policy.citation_count && f->cited[n];
}

/* ---- the text that waits ---- */

static int peek(struct guard_filter *f, size_t at)
{
	return guard_peek(&f->view, at);
}

/* Whether there will never be more text than the view has. */
static bool complete(const struct guard_filter *f)
{
	return f->last || f->waiting.len >= GUARD_HOLD;
}

/* Whether what was read decides, or the step must be made again with more text. */
static bool must_wait(const struct guard_filter *f)
{
	return f->view.past && !complete(f);
}

static void refresh(struct guard_filter *f)
{
	f->view.text = str_slice(buf_str(&f->waiting), 0, GUARD_HOLD);
}

/* Puts `with`, which is no longer, in the place of what waits from `from` to `to`. */
static void replace(struct guard_filter *f, size_t from, size_t to, struct str with)
{
	char *text = f->waiting.ptr;
	size_t shrink = to - from - with.len;
	if (with.len)
		memmove(text + from, with.ptr, with.len);
	memmove(text + from + with.len, text + to, f->waiting.len - to + 1);
	f->waiting.len -= shrink;
	refresh(f);
}

static void emit(struct guard_filter *f, struct str text)
{
	buf_append(f->out, text);
	if (text.len)
		f->behind = text.ptr[text.len - 1];
}

/* Not directly behind a ']', where its parentheses would seem to be a link's. */
static void emit_note(struct guard_filter *f, struct str note)
{
	if (f->behind == ']')
		emit(f, STR(" "));
	emit(f, note);
}

static void consume(struct guard_filter *f, size_t count)
{
	buf_consume(&f->waiting, count);
	refresh(f);
}

/* ---- addresses ---- */

/* Appends without what hides an address from the eye of a program, but not from that of a browser. */
static struct str make_twin(struct str text, char *out, size_t size)
{
	size_t n = 0;
	for (size_t at = 0; at < text.len && n + 32 < size;) {
		int32_t cp;
		char c = text.ptr[at];
		char next = at + 1 < text.len ? text.ptr[at + 1] : '\0';
		if ((c == '\\' && next && strchr(".:/@\\-_", next)) || c == '*') {
			at++;
			continue;
		}
		if (c == '%' && at + 2 < text.len) {
			static const char digits[] = "0123456789abcdef";
			const char *high = strchr(digits, ascii_lower(next));
			const char *low = strchr(digits, ascii_lower(text.ptr[at + 2]));
			if (high && low && *high && *low) {
				int byte = (int)((high - digits) * 16 + (low - digits));
				out[n++] = byte > ' ' && byte < 0x7f ? (char)byte : '?';
				at += 3;
				continue;
			}
		}
		size_t length = utf8_decode(text, at, &cp);
		if (length <= 1) {
			out[n++] = c;
			at++;
			continue;
		}
		utf8proc_int32_t folded[8];
		int boundary = UTF8PROC_BOUNDCLASS_START;
		utf8proc_ssize_t count = utf8proc_decompose_char(
			cp, folded, 8,
			UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE,
			&boundary);
		for (utf8proc_ssize_t i = 0; i < count && i < 8 && n + 4 < size; i++) {
			/* dots and slashes that only look different */
			int32_t like = folded[i] == 0x3002 || folded[i] == 0x2024 ? '.' : folded[i];
			like = like == 0x2044 || like == 0x2215 ? '/' : like;
			n += utf8_encode(like, out + n);
		}
		at += length;
	}
	return (struct str){out, n};
}

/* "hxxps%3A%2F%2F…", "https\://…", "ｅｖｉｌ．ｃｏｍ": whether the text is one in disguise. */
static bool is_disguised(struct guard_filter *f, struct str text)
{
	char twin[TWIN_MAX];
	struct guard_address address;
	bool plain = true;
	for (size_t i = 0; i < text.len; i++)
		plain = plain && text.ptr[i] != '%' && text.ptr[i] != '\\' && text.ptr[i] != '*' &&
			(unsigned char)text.ptr[i] < 0x80;
	/* one that is plainly there was judged already; what it holds as a parameter goes there */
	if (plain || guard_find_address(&f->policy, text, 0, GUARD_PROSE, &address))
		return false;
	struct str clear = make_twin(text, twin, sizeof(twin));
	if (!guard_find_address(&f->policy, clear, 0, GUARD_PROSE, &address))
		return false;
	return address.verdict == GUARD_FOREIGN;
}

static void emit_without_links(struct guard_filter *f, struct str text, enum guard_context context)
{
	struct guard_address address;
	size_t copied = 0, at = 0;
	while (guard_find_address(&f->policy, text, at, context, &address)) {
		at = address.to > at ? address.to : at + 1;
		if (address.verdict != GUARD_FOREIGN)
			continue;
		emit(f, str_slice(text, copied, address.from));
		struct str found = str_slice(text, address.from, address.to);
		/* "JavaScript:" with nothing behind it is a word */
		if (address.script && found.len && found.ptr[found.len - 1] == ':')
			emit(f, str_slice(found, 0, found.len - 1));
		else if (address.script && found.len && str_find(found, STR(":"), 0) == STR_NPOS)
			emit(f, found);
		else
			emit_note(f, link_note);
		copied = address.to;
		if (address.script && copied < text.len && text.ptr[copied] == ':')
			copied++;
		f->report.links_removed++;
	}
	emit(f, str_slice(text, copied, text.len));
}

/* ---- code ---- */

/* "![x](y)" is an image to whoever does not see that it stands in code. */
static bool is_image_at(struct str text, size_t at)
{
	struct str line = str_slice(text, at, str_find(text, STR("\n"), at));
	return str_find(line, STR("]("), 0) != STR_NPOS || str_find(line, STR("]["), 0) != STR_NPOS;
}

/* Code as it is, but for addresses, and elements and images in the eyes of another renderer. */
static void emit_code(struct guard_filter *f, struct str text, enum guard_context context)
{
	size_t from = 0;
	for (size_t i = 0; i < text.len; i++) {
		bool tag = text.ptr[i] == '<' && guard_is_live_tag(text, i);
		bool image = text.ptr[i] == '!' && i + 1 < text.len && text.ptr[i + 1] == '[' &&
			     is_image_at(text, i);
		if (!tag && !image)
			continue;
		emit_without_links(f, str_slice(text, from, i + 1), context);
		emit(f, STR(" "));
		f->report.html_removed += tag;
		f->report.images_removed += image;
		from = i + 1;
	}
	emit_without_links(f, str_slice(text, from, text.len), context);
}

static size_t fence_run(struct str line, size_t at, char mark)
{
	size_t n = at;
	while (n < line.len && line.ptr[n] == mark)
		n++;
	return n - at;
}

static bool closes_fence(const struct guard_filter *f, struct str line)
{
	struct str text = str_trim(line);
	return text.len >= f->fence_size && fence_run(text, 0, f->fence) == text.len;
}

/* The end of the line at `at`, behind its newline or at the end of what there is. */
static size_t line_end(struct guard_filter *f, size_t at)
{
	int c;
	while ((c = peek(f, at)) >= 0)
		if (at++, c == '\n')
			break;
	return at;
}

static bool step_code(struct guard_filter *f)
{
	size_t end = line_end(f, 0);
	struct str line = str_slice(f->view.text, 0, end);
	if (f->code_begins && !must_wait(f) && closes_fence(f, line)) {
		emit(f, line);
		f->fence = 0;
		f->line_begins = true;
		consume(f, end);
		return true;
	}
	/* a line that goes on behind a backslash is one command */
	while (!must_wait(f) && end >= 2 && end < f->view.text.len &&
	       f->view.text.ptr[end - 1] == '\n' && f->view.text.ptr[end - 2] == '\\')
		end = line_end(f, end);
	bool goes_on = end >= 2 && end == f->view.text.len && f->view.text.ptr[end - 1] == '\n' &&
		       f->view.text.ptr[end - 2] == '\\';
	if (goes_on)
		(void)peek(f, end);
	if (must_wait(f))
		return false;
	line = str_slice(f->view.text, 0, end);
	bool whole = line.len && line.ptr[line.len - 1] == '\n';
	if (guard_is_foreign_command(&f->policy, line)) {
		emit(f, STR("# "));
		emit_note(f, command_note);
		emit(f, whole ? STR("\n") : STR(""));
		f->report.commands_removed++;
	} else {
		emit_code(f, line, GUARD_CODE);
		/* nothing is put together across the cut */
		if (!whole && f->waiting.len >= GUARD_HOLD)
			emit(f, STR(" "));
	}
	f->code_begins = whole;
	consume(f, end);
	return true;
}

/* A line that opens a fence, with its info string. */
static bool step_fence(struct guard_filter *f, bool *waits)
{
	size_t at = 0, size = 0;
	while (peek(f, at) == ' ' || peek(f, at) == '\t')
		at++;
	int mark = peek(f, at);
	if (mark == '`' || mark == '~')
		while (peek(f, at + size) == mark)
			size++;
	size_t end = size >= 3 ? line_end(f, at) : 0;
	*waits = must_wait(f);
	if (*waits || size < 3)
		return false;
	struct str info = str_slice(f->view.text, at + size, end);
	if (mark == '`' && str_find(info, STR("`"), 0) != STR_NPOS)
		return false;
	bool whole = info.len && info.ptr[info.len - 1] == '\n';
	if (!whole && complete(f) && f->waiting.len >= GUARD_HOLD)
		return false;
	emit(f, str_slice(f->view.text, 0, at + size));
	emit_code(f, info, GUARD_CODE);
	f->fence = (char)mark;
	f->fence_size = size;
	f->code_begins = true;
	consume(f, end);
	return true;
}

static bool step_span(struct guard_filter *f)
{
	size_t count = 1;
	while (peek(f, count) == '`')
		count++;
	size_t end = guard_span(&f->view, count, count);
	if (must_wait(f))
		return false;
	f->line_begins = false;
	if (!end) {
		emit(f, str_slice(f->view.text, 0, count));
		consume(f, count);
		return true;
	}
	struct str code = str_slice(f->view.text, count, end - count);
	if (guard_is_foreign_command(&f->policy, code)) {
		emit_note(f, command_note);
		f->report.commands_removed++;
	} else {
		emit(f, str_slice(f->view.text, 0, count));
		emit_code(f, code, GUARD_SPAN);
		emit(f, str_slice(f->view.text, end - count, end));
	}
	consume(f, end);
	return true;
}

/* ---- prose ---- */

/* "[1]", "[1, 2]": behind the ']', and the numbers; 0 when it is none. */
static size_t read_citation(struct guard_filter *f, size_t at, size_t numbers[CITATIONS_IN_ONE],
			    size_t *count)
{
	size_t i = at + 1;
	*count = 0;
	for (;;) {
		size_t digits = 0, value = 0;
		while (peek(f, i) == ' ')
			i++;
		for (int c = peek(f, i); c >= '0' && c <= '9' && digits < 4; c = peek(f, i)) {
			value = value * 10 + (size_t)(c - '0');
			digits++;
			i++;
		}
		if (digits == 0 || digits > 3 || *count == CITATIONS_IN_ONE)
			return 0;
		numbers[(*count)++] = value;
		while (peek(f, i) == ' ')
			i++;
		int c = peek(f, i++);
		if (c == ']')
			return i;
		if (c != ',' && c != ';')
			return 0;
	}
}

static bool is_source(const struct guard_filter *f, size_t n)
{
	return n > 0 && n <= f->policy.citation_count;
}

enum found { GOES_ON, ENDS_RUN, REWRITTEN, PASSES_ON };

/* Takes a construct out: its words stay. */
static enum found unlink_text(struct guard_filter *f, size_t from, size_t to, struct str words)
{
	if (must_wait(f))
		return ENDS_RUN;
	replace(f, from, to, words);
	return REWRITTEN;
}

static bool destination_allowed(struct guard_filter *f, size_t from, size_t to)
{
	char clear[GUARD_HOLD];
	struct str text = guard_unescape(str_slice(f->view.text, from, to), clear, sizeof(clear));
	return guard_link_allowed(&f->policy, text);
}

/* At '[': a citation, a link that must go, or the begin of one that may stay. */
static enum found at_bracket(struct guard_filter *f, size_t at, size_t *end)
{
	size_t numbers[CITATIONS_IN_ONE], count, from, to;
	size_t citation = read_citation(f, at, numbers, &count);
	size_t close = guard_bracket(&f->view, at);
	size_t link =
		close && peek(f, close) == '(' ? guard_destination(&f->view, close, &from, &to) : 0;
	if (must_wait(f))
		return ENDS_RUN;
	if (link && !destination_allowed(f, from, to)) {
		f->report.links_removed++;
		/* the text of "[1](…)" stays a citation */
		size_t inner = citation == close ? 0 : 1;
		return unlink_text(f, at, link, str_slice(f->view.text, at + inner, close - inner));
	}
	if (citation && !link) {
		bool all = true, any = false;
		for (size_t i = 0; i < count; i++) {
			all = all && is_source(f, numbers[i]);
			any = any || is_source(f, numbers[i]);
		}
		if (!any) {
			f->report.citations_removed++;
			return unlink_text(f, at, citation, STR(""));
		}
		if (at > 0)
			return ENDS_RUN;
		for (size_t i = 0; i < count; i++) {
			if (!is_source(f, numbers[i]))
				continue;
			f->cited[numbers[i]] = 1;
			buf_printf(f->out, "[%zu]", numbers[i]);
			f->behind = ']';
		}
		f->report.citations_removed += !all;
		*end = citation;
		return PASSES_ON;
	}
	/* words in between end the run: what is allowed is passed on by itself */
	if (link && at > 0)
		return ENDS_RUN;
	return GOES_ON;
}

/* At "](": the destination by itself, whatever the '[' was. */
static enum found at_destination(struct guard_filter *f, size_t at, size_t *end)
{
	size_t from, to;
	size_t link = guard_destination(&f->view, at + 1, &from, &to);
	if (must_wait(f))
		return ENDS_RUN;
	if (!link)
		return GOES_ON;
	if (!destination_allowed(f, from, to)) {
		f->report.links_removed++;
		return unlink_text(f, at + 1, link, STR(" "));
	}
	if (at > 0)
		return ENDS_RUN;
	emit(f, STR("]("));
	emit(f, str_slice(f->view.text, from, to));
	emit(f, STR(")"));
	*end = link;
	return PASSES_ON;
}

/* At "![": an image becomes the words that describe it. */
static enum found at_image(struct guard_filter *f, size_t at, size_t *passed)
{
	size_t numbers[CITATIONS_IN_ONE], count, from, to;
	size_t open = at + 1, close = guard_bracket(&f->view, open), end = close;
	size_t citation = read_citation(f, open, numbers, &count);
	int next = close ? peek(f, close) : -1;
	if (next == '(')
		end = guard_destination(&f->view, close, &from, &to);
	else if (next == '[')
		end = guard_bracket(&f->view, close);
	if (must_wait(f))
		return ENDS_RUN;
	if (citation && next != '(' && next != '[' && is_source(f, numbers[0])) {
		/* "It works![1]" */
		if (at > 0)
			return ENDS_RUN;
		emit(f, STR("! "));
		*passed = open;
		return PASSES_ON;
	}
	f->report.images_removed++;
	if (!end)
		return unlink_text(f, at, open, STR(""));
	/* "[" and "]" go as well, so that no link is left of an image in a link */
	return unlink_text(f, at, end, str_slice(f->view.text, open + 1, close - 1));
}

static enum found at_tag(struct guard_filter *f, size_t at, size_t *end)
{
	size_t to = at;
	enum guard_tag tag = guard_tag(&f->view, at, &to);
	if (must_wait(f))
		return ENDS_RUN;
	if (tag == GUARD_TAG_NONE)
		return GOES_ON;
	if (tag == GUARD_TAG_LINK) {
		if (!destination_allowed(f, at + 1, to - 1)) {
			struct str inner = str_slice(f->view.text, at + 1, to - 1);
			f->report.links_removed++;
			/* the words of "<image:tag>" are judged with their run */
			return unlink_text(f, at, to, inner);
		}
		if (at > 0)
			return ENDS_RUN;
		emit(f, str_slice(f->view.text, 0, to));
		*end = to;
		return PASSES_ON;
	}
	f->report.html_removed++;
	return unlink_text(f, at, to, tag == GUARD_TAG_SPACE ? STR(" ") : STR(""));
}

static enum found at_reference(struct guard_filter *f, size_t at)
{
	int32_t cp;
	char bytes[4];
	size_t length = guard_reference(&f->view, at, &cp);
	if (must_wait(f))
		return ENDS_RUN;
	if (!length)
		return GOES_ON;
	cp = cp == '`' ? '\'' : cp == '\n' || cp == '\t' ? ' ' : cp;
	bool hidden = guard_is_hidden(cp);
	f->report.hidden_removed += hidden;
	return unlink_text(f, at, at + length,
			   (struct str){bytes, hidden ? 0 : utf8_encode(cp, bytes)});
}

static enum found look_at(struct guard_filter *f, size_t at, int c, size_t *end)
{
	switch (c) {
	case '&':
		return at_reference(f, at);
	case '<':
		return at_tag(f, at, end);
	case '!':
		return peek(f, at + 1) == '[' ? at_image(f, at, end) : GOES_ON;
	case '[':
		return at_bracket(f, at, end);
	case ']':
		return peek(f, at + 1) == '(' ? at_destination(f, at, end) : GOES_ON;
	default:
		return GOES_ON;
	}
}

/* "-", "*", "1.", ">": what follows may open a fence as if it began the line. */
static bool is_marker(struct str run)
{
	if (run.len == 1)
		return strchr("-*+>", run.ptr[0]) != NULL;
	for (size_t i = 0; i + 1 < run.len; i++)
		if (!ascii_digit(run.ptr[i]))
			return false;
	char last = run.len ? run.ptr[run.len - 1] : '\0';
	return run.len > 1 && run.len < 5 && (last == '.' || last == ')');
}

/* A command in prose: with the line that it begins, for the rest says what it does. */
static bool withhold_command(struct guard_filter *f, size_t run)
{
	if (!guard_begins_command(str_slice(f->view.text, 0, run)))
		return false;
	size_t end = line_end(f, 0);
	if (must_wait(f) || !guard_is_foreign_command(&f->policy, str_slice(f->view.text, 0, end)))
		return false;
	bool whole = end > 0 && f->view.text.ptr[end - 1] == '\n';
	emit_note(f, command_note);
	f->report.commands_removed++;
	consume(f, end - whole);
	return true;
}

static bool step_run(struct guard_filter *f)
{
	size_t at = 0, passed = 0;
	for (;;) {
		int c = peek(f, at);
		if (c < 0 || c == ' ' || c == '\t' || c == '\n' || c == '`')
			break;
		enum found found = look_at(f, at, c, &passed);
		if (must_wait(f))
			return false;
		if (found == PASSES_ON) {
			f->line_begins = false;
			consume(f, passed);
			return true;
		}
		if (found == REWRITTEN)
			return true; /* from the beginning */
		if (found == ENDS_RUN)
			break;
		at++;
	}
	if (must_wait(f))
		return false;
	struct str run = str_slice(f->view.text, 0, at);
	bool cut = at == f->view.text.len && f->waiting.len >= GUARD_HOLD;
	if (withhold_command(f, at))
		return true;
	if (must_wait(f))
		return false;
	if (is_disguised(f, run)) {
		emit_note(f, link_note);
		f->report.links_removed++;
	} else {
		emit_without_links(f, run, GUARD_PROSE);
	}
	/* nothing is put together across the cut */
	if (cut)
		emit(f, STR(" "));
	f->line_begins = f->line_begins && is_marker(run);
	consume(f, at);
	return true;
}

/* Blanks, and with them a citation behind them that names nothing. */
static bool step_blank(struct guard_filter *f)
{
	size_t at = 0, numbers[CITATIONS_IN_ONE], count, citation = 0;
	while (peek(f, at) == ' ' || peek(f, at) == '\t')
		at++;
	if (peek(f, at) == '[')
		citation = read_citation(f, at, numbers, &count);
	bool named = false;
	for (size_t i = 0; citation && i < count; i++)
		named = named || is_source(f, numbers[i]);
	int next = citation ? peek(f, citation) : -1;
	if (must_wait(f))
		return false;
	if (citation && !named && next != '(' && next != ':') {
		f->report.citations_removed++;
		replace(f, 0, citation, next >= 0 && ascii_alnum((char)next) ? STR(" ") : STR(""));
		return true;
	}
	emit(f, str_slice(f->view.text, 0, at));
	consume(f, at);
	return true;
}

/* "[label]: address" at the begin of a line: a definition that leads elsewhere is no text. */
static bool drop_definition(struct guard_filter *f, bool *waits)
{
	size_t at = 0;
	while (peek(f, at) == ' ' && at < 3)
		at++;
	size_t close = peek(f, at) == '[' ? guard_bracket(&f->view, at) : 0;
	size_t end = close && peek(f, close) == ':' ? line_end(f, close) : 0;
	*waits = must_wait(f);
	if (*waits || !end || end > LABEL_LINE_MAX)
		return false;
	struct str rest = str_trim(str_slice(f->view.text, close + 1, end)), target = rest;
	if (target.len && target.ptr[0] == '<')
		target = str_slice(target, 1, str_find(target, STR(">"), 0));
	size_t n = 0;
	while (n < target.len && !ascii_space(target.ptr[n]))
		n++;
	target.len = n;
	/* "[note]: see below" is a sentence */
	bool words = str_find(rest, STR(" "), n) != STR_NPOS &&
		     !strchr("\"'(", str_trim(str_slice(rest, n, rest.len)).ptr[0]);
	size_t from = (size_t)(target.ptr - f->view.text.ptr);
	if (!target.len || words || destination_allowed(f, from, from + n))
		return false;
	f->report.links_removed++;
	replace(f, 0, end, STR(""));
	return true;
}

/* One unit; false when it needs more text, or there is none. */
static bool step(struct guard_filter *f)
{
	bool waits = false;
	f->view.past = false;
	refresh(f);
	if (f->waiting.len == 0 || f->waiting.failed || f->out->failed)
		return false;
	if (f->fence)
		return step_code(f);
	if (f->line_begins && (step_fence(f, &waits) || waits))
		return !waits;
	f->view.past = false;
	if (f->line_begins && (drop_definition(f, &waits) || waits))
		return !waits;
	f->view.past = false;
	switch (f->view.text.ptr[0]) {
	case '\n':
		emit(f, STR("\n"));
		f->line_begins = true;
		consume(f, 1);
		return true;
	case ' ':
	case '\t':
		return step_blank(f);
	case '`':
		return step_span(f);
	default:
		return step_run(f);
	}
}

enum err_code guard_push(struct guard_filter *f, struct str piece, struct buf *out, struct err *err)
{
	f->out = out;
	for (size_t at = 0; at < piece.len; at += SLICE) {
		guard_clean(&f->cleaner, str_slice(piece, at, at + SLICE), false, &f->waiting);
		while (step(f))
			;
	}
	enum err_code code = buf_ok(&f->waiting, "the text of the answer", err);
	return code ? code : buf_ok(out, "the answer", err);
}

enum err_code guard_finish(struct guard_filter *f, struct buf *out, struct err *err)
{
	f->out = out;
	f->last = true;
	guard_clean(&f->cleaner, STR(""), true, &f->waiting);
	while (step(f))
		;
	enum err_code code = buf_ok(&f->waiting, "the text of the answer", err);
	return code ? code : buf_ok(out, "the answer", err);
}

enum err_code guard_text(const struct guard_policy *policy, struct str text, struct arena *arena,
			 struct str *out, struct err *err)
{
	struct guard_filter *f;
	struct buf clean;
	*out = STR("(left out)");
	if (guard_is_injection(text))
		return ERR_OK;
	buf_init(&clean, arena->alloc, SIZE_MAX / 4);
	enum err_code code = guard_open(policy, arena->alloc, &f, err);
	if (!code)
		code = guard_push(f, text, &clean, err);
	if (!code)
		code = guard_finish(f, &clean, err);
	if (!code) {
		*out = arena_str(arena, buf_str(&clean));
		code = out->ptr ? ERR_OK : arena_fail(arena, err);
	}
	guard_close(f);
	buf_release(&clean);
	return code;
}
