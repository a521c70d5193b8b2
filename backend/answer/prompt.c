#include "answer/prompt.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "answer/budget.h"
#include "answer/guard.h"
#include "answer/prompts.h"
#include "base/buf.h"

enum {
	MARGIN_TOKENS = 64, /* for what servers put around messages */
	MESSAGE_TOKENS = 8, /* of that, per message */
	HEADER_TOKENS = 24, /* least rest worth beginning a source with */
	LEAST_WINDOW = 1024,
	PROMPT_BYTES_MAX = 4 << 20,
	REWRITE_TURNS = 4,
	REWRITE_TURN_TOKENS = 200,
};

enum err_code prompt_mark(char mark[PROMPT_MARK_SIZE], struct err *err)
{
	uint64_t random;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return err_set(err, ERR_UNAVAILABLE, "the system gives no random numbers");
	snprintf(mark, PROMPT_MARK_SIZE, "%016" PRIx64, random);
	return ERR_OK;
}

size_t prompt_add_source(struct prompt_sources *sources, const struct retrieve_result *result)
{
	for (size_t i = 0; i < sources->count; i++)
		if (str_eq(sources->items[i]->url, result->url))
			return i + 1;
	if (sources->count == PROMPT_SOURCES_MAX)
		return 0;
	sources->items[sources->count++] = result;
	return sources->count;
}

/* ---- texts ---- */

static struct str file_text(const char *name)
{
	for (size_t i = 0; i < prompt_file_count; i++)
		if (str_eq(str_c(prompt_files[i].name), str_c(name)))
			return (struct str){(const char *)prompt_files[i].data,
					    prompt_files[i].len};
	return (struct str){NULL, 0};
}

/* Appends a prompt file with its {{PLACEHOLDERS}} filled in. */
static void append_file(struct buf *out, const char *name, const struct prompt *prompt)
{
	const struct {
		struct str name, value;
	} values[] = {{STR("PROJECT"), prompt->project},
		      {STR("MARK"), str_c(prompt->mark)},
		      {STR("UNKNOWN"), STR(PROMPT_UNKNOWN)}};
	struct str rest = file_text(name);
	while (rest.len) {
		size_t open = str_find(rest, STR("{{"), 0);
		size_t close = open == STR_NPOS ? STR_NPOS : str_find(rest, STR("}}"), open);
		if (close == STR_NPOS)
			break;
		buf_append(out, str_slice(rest, 0, open));
		struct str key = str_slice(rest, open + 2, close);
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
			if (str_eq(key, values[i].name))
				buf_append(out, values[i].value);
		if (str_eq(key, STR("SEARCHES")))
			buf_printf(out, "%zu", prompt->searches);
		rest = str_slice(rest, close + 2, rest.len);
	}
	buf_append(out, rest);
}

/* Moves a finished buffer into the arena. */
static enum err_code keep(struct buf *text, struct arena *arena, struct str *out, struct err *err)
{
	enum err_code code = buf_ok(text, "a prompt", err);
	if (!code) {
		*out = arena_str(arena, buf_str(text));
		code = out->ptr ? ERR_OK : arena_fail(arena, err);
	}
	buf_release(text);
	return code;
}

static enum err_code system_text(const struct prompt *prompt, struct arena *arena, struct str *out,
				 struct err *err)
{
	struct buf text;
	buf_init(&text, arena->alloc, PROMPT_BYTES_MAX);
	append_file(&text, prompt->kind == PROMPT_KNOWLEDGE ? "knowledge.md" : "system.md", prompt);
	if (prompt->kind == PROMPT_TOOLS)
		append_file(&text, "tools.md", prompt);
	return keep(&text, arena, out, err);
}

/* ---- sources ---- */

/* A name of a page or section, which may be what speaks to an assistant itself. */
static enum err_code clean_name(struct str name, struct arena *arena, struct str *out,
				struct err *err)
{
	return guard_source(guard_is_injection(name) ? STR("") : name, arena, out, err);
}

/* What speaks to an assistant is left out: a reader of the page gains nothing from it either. */
static enum err_code clean_text(struct str text, struct arena *arena, struct str *out,
				struct err *err)
{
	size_t dropped;
	enum err_code code = guard_without_injections(text, arena, out, &dropped, err);
	return code ? code : guard_source(*out, arena, out, err);
}

static enum err_code append_source(struct buf *out, const struct prompt *prompt, size_t number,
				   const struct retrieve_result *source, size_t *tokens,
				   struct arena *arena, struct err *err)
{
	const struct store_passage *p = &source->passage;
	struct str title, section, version, text;
	enum err_code code = clean_name(p->title, arena, &title, err);
	if (!code)
		code = clean_name(p->section_path, arena, &section, err);
	if (!code)
		code = guard_source(p->version, arena, &version, err);
	if (!code)
		code = clean_text(source->text, arena, &text, err);
	if (code)
		return code;
	size_t before = out->len;
	buf_printf(out, "%s [%zu] %.*s%s%.*s%s%.*s\n", prompt->mark, number, STR_ARG(title),
		   section.len ? " > " : "", STR_ARG(section), version.len ? ", version " : "",
		   STR_ARG(version));
	size_t header = budget_tokens(str_slice(buf_str(out), before, out->len)) + HEADER_TOKENS;
	struct str part = budget_cut(text, *tokens > header ? *tokens - header : 0);
	buf_append(out, part);
	buf_append_byte(out, '\n');
	size_t used = budget_tokens(str_slice(buf_str(out), before, out->len));
	*tokens = *tokens > used ? *tokens - used : 0;
	return ERR_OK;
}

enum err_code prompt_sources_text(const struct prompt *prompt, const struct prompt_sources *sources,
				  const size_t *numbers, size_t *count, size_t tokens,
				  struct arena *arena, struct str *out, struct err *err)
{
	struct buf text;
	enum err_code code = ERR_OK;
	size_t fit = 0;
	buf_init(&text, arena->alloc, PROMPT_BYTES_MAX);
	while (fit < *count && !code) {
		size_t number = numbers[fit];
		const struct retrieve_result *source = sources->items[number - 1];
		size_t header = budget_tokens(source->passage.title) +
				budget_tokens(source->passage.section_path) + 3 * HEADER_TOKENS;
		if (header >= tokens)
			break;
		code = append_source(&text, prompt, number, source, &tokens, arena, err);
		fit++;
	}
	*count = fit;
	if (fit)
		buf_printf(&text, "%s end of the sources\n", prompt->mark);
	if (code) {
		buf_release(&text);
		return code;
	}
	return keep(&text, arena, out, err);
}

/* ---- messages ---- */

static size_t less(size_t a, size_t b)
{
	return a > b ? a - b : 0;
}

static void add(struct prompt *prompt, enum llm_role role, struct str content)
{
	prompt->messages[prompt->count++] = (struct llm_message){.role = role, .content = content};
}

/* The newest turns that fit, in their order. */
static enum err_code add_history(struct prompt *prompt, size_t tokens, struct arena *arena,
				 struct err *err)
{
	const struct history *history = prompt->history;
	size_t total = history ? history->count : 0, from = total;
	while (from > 0 && total - from < PROMPT_MESSAGES_MAX / 2) {
		size_t need = budget_tokens(history->turns[from - 1].text) + MESSAGE_TOKENS;
		if (need > tokens)
			break;
		tokens -= need;
		from--;
	}
	/* An answer without its question would be read as one to something else. */
	if (from < total && history->turns[from].role == CHAT_ASSISTANT)
		from++;
	enum err_code code = ERR_OK;
	for (; from < total && !code; from++) {
		const struct chat_turn *turn = &history->turns[from];
		struct str text;
		code = guard_source(turn->text, arena, &text, err);
		add(prompt, turn->role == CHAT_USER ? LLM_USER : LLM_ASSISTANT, text);
	}
	return code;
}

enum err_code prompt_build(struct prompt *prompt, struct prompt_sources *sources,
			   struct arena *arena, struct err *err)
{
	const struct prompt_limits *limits = &prompt->limits;
	struct str system, question, texts = {"", 0}, last;
	prompt->count = 0;
	if (limits->window_tokens < LEAST_WINDOW)
		return err_set(err, ERR_LIMIT,
			       "a model window of %zu tokens is too small: at least %d are needed",
			       limits->window_tokens, LEAST_WINDOW);
	enum err_code code = system_text(prompt, arena, &system, err);
	if (code)
		return code;
	size_t reply = limits->reply_tokens < limits->window_tokens / 2 ? limits->reply_tokens
									: limits->window_tokens / 2;
	size_t room = less(limits->window_tokens,
			   reply + MARGIN_TOKENS + 2 * MESSAGE_TOKENS + budget_tokens(system));
	code = budget_ends(prompt->question, room / 2, arena, &question, err);
	if (code)
		return code;
	room = less(room, budget_tokens(question));
	if (prompt->kind == PROMPT_ANSWER) {
		size_t context = room < limits->context_tokens ? room : limits->context_tokens;
		size_t numbers[PROMPT_SOURCES_MAX];
		for (size_t i = 0; i < sources->count; i++)
			numbers[i] = i + 1;
		code = prompt_sources_text(prompt, sources, numbers, &sources->count, context,
					   arena, &texts, err);
		if (code)
			return code;
		room = less(room, budget_tokens(texts));
	}
	add(prompt, LLM_SYSTEM, system);
	code = add_history(prompt, room, arena, err);
	if (code)
		return code;
	last = texts.len ? arena_printf(arena, "Sources:\n%.*s\nQuestion: %.*s", STR_ARG(texts),
					STR_ARG(question))
			 : question;
	if (!last.ptr)
		return arena_fail(arena, err);
	add(prompt, LLM_USER, last);
	return ERR_OK;
}

enum err_code prompt_rewrite(struct str question, const struct history *history,
			     size_t window_tokens, struct arena *arena,
			     struct llm_message messages[2], struct err *err)
{
	struct buf text;
	buf_init(&text, arena->alloc, PROMPT_BYTES_MAX);
	size_t from = history->count > REWRITE_TURNS ? history->count - REWRITE_TURNS : 0;
	for (size_t i = from; i < history->count; i++)
		buf_printf(&text, "%s: %.*s\n",
			   history->turns[i].role == CHAT_USER ? "Reader" : "Assistant",
			   STR_ARG(budget_cut(history->turns[i].text, REWRITE_TURN_TOKENS)));
	buf_printf(&text, "\nLast message of the reader: %.*s",
		   STR_ARG(budget_cut(question, window_tokens / 4)));
	messages[0] = (struct llm_message){.role = LLM_SYSTEM, .content = file_text("rewrite.md")};
	messages[1] = (struct llm_message){.role = LLM_USER};
	return keep(&text, arena, &messages[1].content, err);
}
