/* The model decides what to search for; what it may do is bounded here. */
#include <string.h>

#include "answer/budget.h"
#include "answer/tools.h"
#include "answer/turn.h"
#include "base/utf8.h"

enum {
	STEPS_MAX = 6, /* replies of the model in one turn */
	MESSAGES_MAX = PROMPT_MESSAGES_MAX + STEPS_MAX * (LLM_MAX_TOOL_CALLS + 1),
	SHOWN_BYTES = 400, /* of each hit in what the reader sees of a search */
	SHOWN_MAX = 64 * 1024,
};

struct agent {
	struct turn *turn;
	struct prompt prompt;
	struct llm_message *messages;
	size_t count;
	size_t tokens; /* that sources may still take */
	bool searched;
};

/* What was found, for a reader who watches the model at work; through the guard as all is. */
static enum err_code show_search(struct agent *agent, struct str tool, const size_t *numbers,
				 size_t count, struct err *err)
{
	struct turn *turn = agent->turn;
	struct guard_policy policy = turn->composer.policy;
	struct guard_filter *filter;
	struct str urls[TURN_MORE_TOP_K];
	struct buf raw, shown;
	if (!turn->sink->tool_result)
		return ERR_OK;
	buf_init(&raw, turn->arena->alloc, SHOWN_MAX);
	buf_init(&shown, turn->arena->alloc, SHOWN_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct retrieve_result *r = turn->sources.items[numbers[i] - 1];
		urls[i] = r->url;
		buf_printf(&raw, "File: %.*s\nContent: %.*s%s\nURL: %.*s\nSimilarity: %.3f\n",
			   STR_ARG(r->passage.path), STR_ARG(utf8_prefix(r->text, SHOWN_BYTES)),
			   r->text.len > SHOWN_BYTES ? "..." : "", STR_ARG(r->url),
			   (double)r->cosine);
	}
	if (!count)
		buf_append(&raw, STR("No relevant results found."));
	policy.citations = urls;
	policy.citation_count = count;
	enum err_code code = guard_open(&policy, turn->arena->alloc, &filter, err);
	if (!code)
		code = guard_push(filter, buf_str(&raw), &shown, err);
	if (!code)
		code = guard_finish(filter, &shown, err);
	if (!code) {
		guard_close(filter);
		if (!turn->sink->tool_result(turn->sink->ctx, tool, buf_str(&shown)))
			code = err_set(err, ERR_CANCELLED, "the reader has left");
	}
	buf_release(&raw);
	buf_release(&shown);
	return code;
}

static enum err_code search(struct agent *agent, const struct tool_query *query, struct str tool,
			    struct str *out, struct err *err)
{
	struct turn *turn = agent->turn;
	size_t numbers[TURN_MORE_TOP_K], count;
	enum err_code code =
		turn_search_more(turn, query->query, query->type, numbers, &count, err);
	if (!code)
		code = show_search(agent, tool, numbers, count, err);
	if (code)
		return code;
	agent->searched = true;
	if (count)
		code = prompt_sources_text(&agent->prompt, &turn->sources, numbers, &count,
					   agent->tokens, turn->arena, out, err);
	if (code)
		return code;
	if (!count)
		*out = STR("Nothing was found. Try other words.");
	size_t used = budget_tokens(*out);
	agent->tokens = agent->tokens > used ? agent->tokens - used : 0;
	return ERR_OK;
}

/* Runs one call; whatever the model did wrong is told to the model. */
static enum err_code run_call(struct agent *agent, const struct llm_tool_call *call,
			      struct err *err)
{
	struct turn *turn = agent->turn;
	struct tool_query query;
	struct err mistake = {ERR_OK, ""};
	struct str text;
	enum err_code code = ERR_OK;
	if (turn->out->searches >= turn->settings->max_searches || !agent->tokens) {
		text = STR("No searches are left. Answer from what you have.");
	} else {
		code = tools_read(call, turn->arena, &query, &mistake);
		if (code == ERR_INVALID) {
			text = arena_str(turn->arena, str_c(mistake.message));
			code = text.ptr ? ERR_OK : arena_fail(turn->arena, err);
		} else if (code) {
			return err_set(err, code, "%s", mistake.message);
		} else {
			code = search(agent, &query, call->name, &text, err);
		}
	}
	if (code)
		return code;
	agent->messages[agent->count++] =
		(struct llm_message){.role = LLM_TOOL, .content = text, .call_id = call->id};
	return ERR_OK;
}

static enum err_code run_calls(struct agent *agent, struct str text,
			       const struct llm_tool_call *calls, size_t count, struct err *err)
{
	struct llm_tool_call *kept = arena_array(agent->turn->arena, count, sizeof(*kept));
	if (!kept)
		return arena_fail(agent->turn->arena, err);
	memcpy(kept, calls, count * sizeof(*kept));
	agent->messages[agent->count++] = (struct llm_message){
		.role = LLM_ASSISTANT, .content = text, .calls = kept, .call_count = count};
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < count && !code; i++)
		code = run_call(agent, &kept[i], err);
	return code;
}

static enum err_code begin(struct agent *agent, struct err *err)
{
	struct turn *turn = agent->turn;
	const struct answer_settings *settings = turn->settings;
	size_t window = atomic_load(&turn->deps->llm->context_tokens);
	/* Half of the window is for what is found, so that history and question fit beside it. */
	agent->tokens =
		settings->context_tokens < window / 2 ? settings->context_tokens : window / 2;
	agent->prompt =
		(struct prompt){.kind = PROMPT_TOOLS,
				.project = str_c(settings->project),
				.question = turn->question,
				.history = &turn->history,
				.searches = settings->max_searches - turn->out->searches,
				.limits = {window - agent->tokens, settings->reply_tokens, 0}};
	agent->messages = arena_array(turn->arena, MESSAGES_MAX, sizeof(*agent->messages));
	if (!agent->messages)
		return arena_fail(turn->arena, err);
	enum err_code code = prompt_mark(agent->prompt.mark, err);
	if (!code)
		code = prompt_build(&agent->prompt, &turn->sources, turn->arena, err);
	if (code)
		return code;
	memcpy(agent->messages, agent->prompt.messages,
	       agent->prompt.count * sizeof(*agent->messages));
	agent->count = agent->prompt.count;
	return ERR_OK;
}

/* One reply and what follows from it; *done when the turn needs no further one. */
static enum err_code step(struct agent *agent, bool *done, enum generated *out, struct err *err)
{
	struct turn *turn = agent->turn;
	struct llm_tool_call from_text;
	/* Before it has searched, what a model says about the project is from memory. */
	struct writing writing = {.turn = turn, .quiet = !agent->searched};
	bool may_search = turn->out->searches < turn->settings->max_searches;
	const struct llm_request request = {.messages = agent->messages,
					    .message_count = agent->count,
					    .tools = tools_table(),
					    .tool_count = may_search ? TOOLS_COUNT : 0,
					    .max_tokens = (unsigned)turn->settings->reply_tokens,
					    .cancelled = turn->deps->cancelled};
	enum err_code code = write_reply(&writing, &request, err);
	if (code)
		return code;
	const struct llm_reply *reply = &writing.reply;
	*done = false;
	if (reply->call_count && !write_failed(&writing))
		return run_calls(agent, reply->text, reply->calls, reply->call_count, err);
	if (writing.tool_syntax) {
		code = tools_from_text(reply->text, turn->arena, &from_text, err);
		if (!code)
			return run_calls(agent, STR(""), &from_text, 1, err);
		if (code != ERR_NOTFOUND)
			return code;
		turn->out->failure = STR("the model wrote a tool call as text");
	}
	*done = true;
	/* Servers that were started without support for tools refuse a request that offers some. */
	bool refused = writing.failed && writing.cause == ERR_INVALID && !agent->searched;
	if (writing.unknown)
		*out = GENERATED_UNKNOWN;
	else if (refused || (writing.quiet && !writing.tool_syntax && !write_failed(&writing)))
		*out = GENERATED_SKIPPED;
	else if (writing.tool_syntax || write_failed(&writing))
		*out = GENERATED_NOTHING;
	else
		*out = GENERATED;
	return ERR_OK;
}

enum err_code agent_run(struct turn *turn, enum generated *out, struct err *err)
{
	struct agent agent = {.turn = turn};
	bool done = false;
	enum err_code code = begin(&agent, err);
	for (size_t i = 0; i < STEPS_MAX && !code && !done; i++)
		code = step(&agent, &done, out, err);
	if (!code && !done) {
		turn->out->failure = STR("the model searched and did not answer");
		*out = GENERATED_NOTHING;
	}
	return code;
}
