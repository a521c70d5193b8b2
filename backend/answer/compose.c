#include "answer/compose.h"

#include "answer/present.h"
#include "base/utf8.h"

enum { ANSWER_MAX = 64 * 1024, QUOTE_MAX = 160, HEADING_MAX = 300, LANGUAGE_MAX = 40 };

void compose_begin(struct composer *c, const struct answer_sink *sink, const struct clock *clock,
		   int64_t started_us, struct arena *arena, struct answer_result *out)
{
	*c = (struct composer){
		.sink = sink, .clock = clock, .started_us = started_us, .arena = arena, .out = out};
	buf_init(&c->text, arena->alloc, ANSWER_MAX);
}

void compose_release(struct composer *c)
{
	buf_release(&c->text);
}

/* Hands everything that is new to the sink. */
static enum err_code send(struct composer *c, struct err *err)
{
	enum err_code code = buf_ok(&c->text, "the answer", err);
	if (code || c->sent == c->text.len)
		return code;
	struct str piece = str_slice(buf_str(&c->text), c->sent, c->text.len);
	if (c->sent == 0)
		c->out->first_token_us = clock_monotonic_us(c->clock) - c->started_us;
	c->sent = c->text.len;
	if (c->sink->text && !c->sink->text(c->sink->ctx, piece))
		return err_set(err, ERR_CANCELLED, "the reader has left");
	return ERR_OK;
}

static enum err_code add_citation(struct composer *c, const struct retrieve_result *source,
				  struct str quote, struct err *err)
{
	struct answer_result *out = c->out;
	struct answer_citation *citation = &out->citations[out->citation_count];
	*citation = (struct answer_citation){.index = (int)out->citation_count + 1,
					     .title = source->passage.title,
					     .section = source->passage.section_path,
					     .url = source->url,
					     .quote = present_one_line(quote, QUOTE_MAX, c->arena)};
	if (!citation->quote.ptr)
		return arena_fail(c->arena, err);
	out->citation_count++;
	return ERR_OK;
}

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

static struct str source_heading(const struct retrieve_result *source)
{
	struct str heading =
		source->passage.heading.len ? source->passage.heading : source->passage.title;
	return utf8_prefix(heading, HEADING_MAX);
}

enum err_code compose_quotes(struct composer *c, const struct extract *extract, struct err *err)
{
	enum err_code code = ERR_OK;
	c->out->route = ROUTE_DOCS;
	c->out->grounded = true;
	c->out->citations =
		arena_array(c->arena, extract->source_count, sizeof(*c->out->citations));
	if (!c->out->citations)
		return arena_fail(c->arena, err);
	for (size_t i = 0; i < extract->count && !code; i++) {
		const struct quote *q = &extract->quotes[i];
		const struct retrieve_result *source = extract->sources[q->source];
		bool first = i == 0 || extract->quotes[i - 1].source != q->source;
		if (first)
			code = add_citation(c, source, q->text, err);
		if (q->same_paragraph)
			buf_append_byte(&c->text, ' ');
		else if (i > 0)
			buf_append(&c->text,
				   q->kind == UNIT_LIST_ITEM && !first &&
						   extract->quotes[i - 1].kind == UNIT_LIST_ITEM
					   ? STR("\n")
					   : STR("\n\n"));
		if (q->kind == UNIT_CODE) {
			if (first)
				buf_printf(&c->text, "%.*s [%zu]:\n\n",
					   STR_ARG(source_heading(source)), q->source + 1);
			append_code(&c->text, q);
		} else {
			buf_append(&c->text, q->kind == UNIT_LIST_ITEM ? STR("- ") : STR(""));
			buf_append(&c->text, q->text);
			bool more = i + 1 < extract->count && extract->quotes[i + 1].same_paragraph;
			if (!more)
				buf_printf(&c->text, " [%zu]", q->source + 1);
		}
		if (!code)
			code = send(c, err);
	}
	return code;
}

enum err_code compose_abstention(struct composer *c, size_t nearest, struct err *err)
{
	const struct retrieve_results *found = &c->out->retrieved;
	enum err_code code = ERR_OK;
	c->out->route = ROUTE_ABSTAINED;
	c->out->abstained = true;
	c->out->citations = arena_array(c->arena, nearest, sizeof(*c->out->citations));
	if (!c->out->citations)
		return arena_fail(c->arena, err);
	buf_append(&c->text, STR("I did not find an answer to this in the documentation."));
	for (size_t i = 0; i < found->count && c->out->citation_count < nearest && !code; i++) {
		const struct retrieve_result *r = &found->items[i];
		bool seen = false;
		for (size_t j = 0; j < i; j++)
			seen = seen ||
			       found->items[j].passage.document_id == r->passage.document_id;
		if (seen)
			continue;
		if (c->out->citation_count == 0)
			buf_append(&c->text, STR(" The pages that come nearest:\n"));
		code = add_citation(c, r, r->passage.text, err);
		buf_printf(&c->text, "\n- %.*s%s%.*s [%zu]",
			   STR_ARG(utf8_prefix(r->passage.title, HEADING_MAX)),
			   r->passage.section_path.len ? ": " : "",
			   STR_ARG(utf8_prefix(r->passage.section_path, HEADING_MAX)),
			   c->out->citation_count);
	}
	return code ? code : send(c, err);
}

enum err_code compose_end(struct composer *c, struct err *err)
{
	c->out->text = arena_str(c->arena, buf_str(&c->text));
	return c->out->text.ptr ? ERR_OK : arena_fail(c->arena, err);
}
