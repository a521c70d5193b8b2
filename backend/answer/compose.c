#include "answer/compose.h"

#include "answer/present.h"
#include "base/utf8.h"

enum {
	ANSWER_MAX = 64 * 1024,
	QUOTE_MAX = 160,
	HEADING_MAX = 300,
	LANGUAGE_MAX = 40,
	UNCITED_SOURCES = 3,
};

void compose_begin(struct composer *c, const struct answer_deps *deps,
		   const struct answer_sink *sink, int64_t started_us,
		   const struct prompt_sources *sources, struct arena *arena,
		   struct answer_result *out)
{
	*c = (struct composer){.sink = sink,
			       .clock = deps->clock,
			       .started_us = started_us,
			       .arena = arena,
			       .out = out,
			       .sources = sources,
			       .line_start = true,
			       .policy = {.ctx = deps->hosts, .host_allowed = deps->host_allowed}};
	buf_init(&c->raw, arena->alloc, ANSWER_MAX);
	buf_init(&c->text, arena->alloc, ANSWER_MAX);
}

void compose_release(struct composer *c)
{
	guard_close(c->filter);
	buf_release(&c->raw);
	buf_release(&c->text);
}

/* ---- through the guard to the reader ---- */

/* Hands everything that is new to the sink. */
static enum err_code send(struct composer *c, struct err *err)
{
	enum err_code code = buf_ok(&c->text, "the answer", err);
	if (code || c->hold || c->sent == c->text.len)
		return code;
	struct str piece = str_slice(buf_str(&c->text), c->sent, c->text.len);
	if (c->sent == 0)
		c->out->first_token_us = clock_monotonic_us(c->clock) - c->started_us;
	c->sent = c->text.len;
	if (c->sink->text && !c->sink->text(c->sink->ctx, piece))
		return err_set(err, ERR_CANCELLED, "the reader has left");
	return ERR_OK;
}

enum err_code compose_flush(struct composer *c, struct err *err)
{
	if (!c->filter)
		return ERR_OK;
	enum err_code code = guard_finish(c->filter, &c->text, err);
	for (size_t i = 0; i < c->policy.citation_count; i++)
		c->cited[i] = c->cited[i] || guard_cited(c->filter, i + 1);
	guard_close(c->filter);
	c->filter = NULL;
	return code ? code : send(c, err);
}

static enum err_code open_filter(struct composer *c, struct err *err)
{
	/* The sources may have grown by a search in between. */
	if (c->filter && c->policy.citation_count == c->sources->count)
		return ERR_OK;
	enum err_code code = compose_flush(c, err);
	if (code)
		return code;
	for (size_t i = 0; i < c->sources->count; i++)
		c->urls[i] = c->sources->items[i]->url;
	c->policy.citations = c->urls;
	c->policy.citation_count = c->sources->count;
	return guard_open(&c->policy, c->arena->alloc, &c->filter, err);
}

/* Follows fences, so that an answer that breaks off in a block of code can be ended. */
static void follow(struct composer *c, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.ptr[i];
		if (byte == '\n') {
			c->line_start = true;
			c->ticks = 0;
		} else if (c->line_start && byte == '`') {
			if (++c->ticks == 3)
				c->in_code = !c->in_code;
		} else if (byte != ' ') {
			c->line_start = false;
		}
	}
}

enum err_code compose_text(struct composer *c, struct str text, struct err *err)
{
	follow(c, text);
	enum err_code code = open_filter(c, err);
	if (!code)
		code = guard_push(c->filter, text, &c->text, err);
	return code ? code : send(c, err);
}

/* Sends what was put together in c->raw. */
static enum err_code compose_raw(struct composer *c, struct err *err)
{
	enum err_code code = buf_ok(&c->raw, "the answer", err);
	if (!code)
		code = compose_text(c, buf_str(&c->raw), err);
	buf_clear(&c->raw);
	return code;
}

bool compose_began(const struct composer *c)
{
	return c->text.len > 0;
}

void compose_discard(struct composer *c)
{
	guard_close(c->filter);
	c->filter = NULL;
	buf_clear(&c->text);
	c->line_start = true;
	c->in_code = false;
	for (size_t i = 0; i < PROMPT_SOURCES_MAX; i++)
		c->cited[i] = false;
}

enum err_code compose_unhold(struct composer *c, struct err *err)
{
	c->hold = false;
	return send(c, err);
}

/* ---- quotes ---- */

/* A fence longer than any run of backticks in the code, so that the code cannot close it. */
static void append_code(struct buf *text, const struct quote *quote)
{
	size_t longest = 0, run = 0;
	for (size_t i = 0; i < quote->text.len; i++) {
		run = quote->text.ptr[i] == '`' ? run + 1 : 0;
		if (run > longest)
			longest = run;
	}
	size_t fence = longest < 3 ? 3 : longest + 1;
	for (size_t i = 0; i < fence; i++)
		buf_append_byte(text, '`');
	/* A backtick in the info string would make it no fence at all. */
	if (quote->language.len <= LANGUAGE_MAX &&
	    str_find(quote->language, STR("`"), 0) == STR_NPOS)
		buf_append(text, quote->language);
	buf_append_byte(text, '\n');
	/* An excerpt says that it is one: nobody should paste half a statement unawares. */
	if (quote->cut_before)
		buf_append(text, STR("…\n"));
	buf_append(text, quote->text);
	buf_append_byte(text, '\n');
	if (quote->cut_after)
		buf_append(text, STR("…\n"));
	for (size_t i = 0; i < fence; i++)
		buf_append_byte(text, '`');
}

/* A heading or title of a page, on one line of ours; it may be the one that speaks to an assistant. */
static struct str shown_name(struct str name)
{
	return guard_is_injection(name) ? STR("(left out)") : utf8_prefix(name, HEADING_MAX);
}

static struct str source_heading(const struct retrieve_result *source)
{
	return shown_name(source->passage.heading.len ? source->passage.heading
						      : source->passage.title);
}

enum err_code compose_quotes(struct composer *c, const struct extract *extract, struct err *err)
{
	struct buf *text = &c->raw;
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < extract->count && !code; i++) {
		const struct quote *q = &extract->quotes[i];
		bool first = i == 0 || extract->quotes[i - 1].source != q->source;
		if (q->same_paragraph)
			buf_append_byte(text, ' ');
		else if (i > 0)
			buf_append(text,
				   q->kind == UNIT_LIST_ITEM && !first &&
						   extract->quotes[i - 1].kind == UNIT_LIST_ITEM
					   ? STR("\n")
					   : STR("\n\n"));
		if (q->kind == UNIT_CODE) {
			if (first)
				buf_printf(text, "%.*s [%zu]:\n\n",
					   STR_ARG(source_heading(extract->sources[q->source])),
					   q->source + 1);
			append_code(text, q);
		} else {
			buf_append(text, q->kind == UNIT_LIST_ITEM ? STR("- ") : STR(""));
			buf_append(text, q->text);
			bool more = i + 1 < extract->count && extract->quotes[i + 1].same_paragraph;
			if (!more)
				buf_printf(text, " [%zu]", q->source + 1);
		}
		code = compose_raw(c, err);
	}
	return code;
}

/* ---- other texts ---- */

enum err_code compose_close_code(struct composer *c, struct err *err)
{
	return c->in_code ? compose_text(c, STR("\n```"), err) : ERR_OK;
}

enum err_code compose_fallback(struct composer *c, struct str instead, struct err *err)
{
	static const char follows[] = "This is what the documentation says:";
	enum err_code code = compose_close_code(c, err);
	if (!code)
		code = compose_flush(c, err);
	if (code)
		return code;
	if (compose_began(c))
		buf_printf(&c->raw, "\n\n*The language model stopped here. %s*\n\n", follows);
	else
		buf_printf(&c->raw, "*%.*s %s*\n\n", STR_ARG(instead), follows);
	return compose_raw(c, err);
}

enum err_code compose_abstention(struct composer *c, struct str missing, struct err *err)
{
	struct buf *text = &c->raw;
	if (missing.len)
		buf_printf(text,
			   "The documentation that I have does not cover %.*s, so I cannot answer "
			   "this for it.",
			   STR_ARG(utf8_prefix(missing, HEADING_MAX)));
	else
		buf_append(text, STR("I did not find an answer to this in the documentation."));
	if (c->sources->count)
		buf_append(text, STR(" The pages that come nearest:\n"));
	for (size_t i = 0; i < c->sources->count; i++) {
		const struct store_passage *p = &c->sources->items[i]->passage;
		buf_printf(text, "\n- %.*s%s%.*s [%zu]", STR_ARG(shown_name(p->title)),
			   p->section_path.len ? ": " : "", STR_ARG(shown_name(p->section_path)),
			   i + 1);
	}
	return compose_raw(c, err);
}

/* ---- the end ---- */

static enum err_code add_citation(struct composer *c, size_t index, const struct extract *extract,
				  struct err *err)
{
	struct answer_result *out = c->out;
	const struct retrieve_result *source = c->sources->items[index];
	struct str quote = source->match_count ? source->matches[0].text : source->passage.text;
	for (size_t i = extract->count; i > 0; i--)
		if (extract->sources[extract->quotes[i - 1].source] == source)
			quote = extract->quotes[i - 1].text;
	struct answer_citation *citation = &out->citations[out->citation_count];
	quote = present_one_line(quote, QUOTE_MAX, c->arena);
	if (!quote.ptr)
		return arena_fail(c->arena, err);
	*citation = (struct answer_citation){.index = (int)index + 1, .url = source->url};
	/* they reach the reader beside the text, by the same rules */
	enum err_code code =
		guard_text(&c->policy, source->passage.title, c->arena, &citation->title, err);
	if (!code)
		code = guard_text(&c->policy, source->passage.section_path, c->arena,
				  &citation->section, err);
	if (!code)
		code = guard_text(&c->policy, quote, c->arena, &citation->quote, err);
	/* an anchor repeats its heading */
	if (guard_is_injection(source->passage.heading))
		citation->url = str_slice(source->url, 0, str_find(source->url, STR("#"), 0));
	out->citation_count += code == ERR_OK;
	return code;
}

enum err_code compose_end(struct composer *c, const struct extract *extract, bool uncited,
			  struct err *err)
{
	enum err_code code = compose_flush(c, err);
	struct answer_result *out = c->out;
	out->citations = arena_array(c->arena, PROMPT_SOURCES_MAX, sizeof(*out->citations));
	if (!code && !out->citations)
		code = arena_fail(c->arena, err);
	bool any = false;
	for (size_t i = 0; i < c->sources->count; i++)
		any = any || c->cited[i];
	for (size_t i = 0; i < c->sources->count && !code; i++)
		if (any ? c->cited[i] : uncited && i < UNCITED_SOURCES)
			code = add_citation(c, i, extract, err);
	if (code)
		return code;
	out->text = arena_str(c->arena, buf_str(&c->text));
	return out->text.ptr ? ERR_OK : arena_fail(c->arena, err);
}
