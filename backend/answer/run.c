#include "answer/answer.h"

#include "answer/ground.h"
#include "answer/guard.h"
#include "answer/rewrite.h"
#include "answer/turn.h"

enum { NEAREST_PAGES = 3, REWRITE_TOKENS = 64, REWRITE_MS = 1500 };

struct answer_settings answer_settings_default(void)
{
	return (struct answer_settings){.mode = ANSWER_AUTO,
					.project = "Kubeflow",
					.max_searches = 3,
					.reply_tokens = 700,
					.context_tokens = 3000};
}

enum err_code turn_check(const struct turn *turn, struct err *err)
{
	if (turn->deps->cancelled && atomic_load(turn->deps->cancelled))
		return err_set(err, ERR_CANCELLED, "the reader has left");
	return ERR_OK;
}

enum err_code turn_stage(const struct turn *turn, const char *stage, struct err *err)
{
	if (turn->sink->status && !turn->sink->status(turn->sink->ctx, stage))
		return err_set(err, ERR_CANCELLED, "the reader has left");
	return turn_check(turn, err);
}

static bool has_model(const struct turn *turn)
{
	return turn->deps->llm && turn->settings->mode != ANSWER_EXTRACTIVE;
}

/* A model knows better than rules what a follow-up leans on; rules check what it says. */
static enum err_code rewrite_by_model(struct turn *turn, struct err *err)
{
	struct llm_message messages[2];
	struct llm_reply reply;
	struct err ignored = {ERR_OK, ""};
	const struct llm_request request = {.messages = messages,
					    .message_count = 2,
					    .max_tokens = REWRITE_TOKENS,
					    .first_token_ms = REWRITE_MS,
					    .total_ms = REWRITE_MS,
					    .cancelled = turn->deps->cancelled};
	enum err_code code = prompt_rewrite(turn->question, &turn->history,
					    atomic_load(&turn->deps->llm->context_tokens),
					    turn->arena, messages, err);
	if (code)
		return code;
	if (llm_chat(turn->deps->llm, &request, NULL, turn->arena, &reply, &ignored))
		return turn_check(turn, err); /* the query by rules stands */
	return rewrite_accept(turn->question, &turn->history, reply.text, turn->arena, &turn->query,
			      err);
}

/* What the question is, and what to search for. */
static enum err_code understand(struct turn *turn, struct str question, struct err *err)
{
	struct answer_result *out = turn->out;
	struct route route;
	enum err_code code = retrieve_check_query(question, err);
	if (!code)
		code = guard_question(question, turn->arena, &turn->question, err);
	if (!code)
		code = route_decide(turn->question, &turn->history, turn->arena, &route, err);
	if (code)
		return code;
	out->route = route.route;
	out->sources = route.sources;
	out->reason = route.reason;
	turn->query = route.search_query;
	if (!route.sources)
		return compose_text(&turn->composer, route.reply, err);
	if (has_model(turn) && rewrite_is_follow_up(turn->question, &turn->history))
		code = rewrite_by_model(turn, err);
	out->search_query = turn->query;
	return code;
}

/* ---- the ways to answer ---- */

static enum err_code quote(struct turn *turn, struct err *err)
{
	turn->out->route = ROUTE_DOCS;
	turn->out->writer = WRITER_QUOTES;
	turn->out->grounded = true;
	return compose_quotes(&turn->composer, &turn->extract, err);
}

/* What was held back is not what the reader gets. */
static void drop_held(struct turn *turn)
{
	if (turn->composer.hold)
		compose_discard(&turn->composer);
	turn->composer.hold = false;
}

static enum err_code abstain(struct turn *turn, struct err *err)
{
	drop_held(turn);
	turn->out->route = ROUTE_ABSTAINED;
	turn->out->writer = WRITER_FIXED;
	turn->out->abstained = true;
	turn_nearest(turn, NEAREST_PAGES);
	return compose_abstention(&turn->composer, turn->judgement.missing, err);
}

/* The documents speak for themselves, if they have something to say. `instead` of what, for the reader. */
static enum err_code fall_back(struct turn *turn, struct str instead, struct err *err)
{
	turn->out->fell_back = true;
	drop_held(turn);
	if (!turn->judgement.sufficient && !compose_began(&turn->composer))
		return abstain(turn, err);
	turn_number_sources(turn); /* a prompt may have had no room for some */
	enum err_code code = compose_fallback(&turn->composer, instead, err);
	return code ? code : quote(turn, err);
}

static enum err_code from_knowledge(struct turn *turn, struct err *err)
{
	enum generated generated;
	if (!has_model(turn))
		return abstain(turn, err);
	turn->sources.count = 0;
	turn->composer.hold = true; /* until it is known that there is an answer */
	enum err_code code = compose_text(&turn->composer,
					  STR("*This is general knowledge of the language model, "
					      "not from the documentation:*\n\n"),
					  err);
	if (!code)
		code = generate(turn, PROMPT_KNOWLEDGE, &generated, err);
	if (code)
		return code;
	if (generated != GENERATED)
		return abstain(turn, err);
	turn->out->writer = WRITER_MODEL;
	return compose_unhold(&turn->composer, err);
}

/* After a model has written: does it stand in the sources? */
static enum err_code verify(struct turn *turn, struct err *err)
{
	struct composer *c = &turn->composer;
	struct ground ground;
	enum err_code code = compose_close_code(c, err);
	if (!code)
		code = compose_flush(c, err);
	if (!code)
		code = ground_check(turn->deps->embedder, buf_str(&c->text), &turn->out->retrieved,
				    turn->arena, &ground, err);
	if (code)
		return code;
	turn->out->writer = WRITER_MODEL;
	turn->out->grounded = ground.grounded;
	if (ground.grounded)
		return compose_unhold(c, err);
	if (turn->settings->replace_unsupported) {
		turn->out->failure = STR("the sources do not support what the model wrote");
		return fall_back(turn,
				 STR("The documentation does not support what the language model "
				     "answered."),
				 err);
	}
	return compose_text(c,
			    STR("\n\n*Not everything in this answer is supported by the sources "
				"below. Please check it there before you rely on it.*"),
			    err);
}

static enum err_code from_model(struct turn *turn, struct err *err)
{
	enum generated generated = GENERATED_SKIPPED;
	enum answer_mode mode = turn->settings->mode;
	bool sufficient = turn->judgement.sufficient;
	enum err_code code = ERR_OK;
	turn->composer.hold = turn->settings->replace_unsupported;
	if (mode == ANSWER_TOOLS || (mode == ANSWER_AUTO && !sufficient))
		code = agent_run(turn, &generated, err);
	if (!code && generated == GENERATED_SKIPPED && sufficient)
		code = generate(turn, PROMPT_ANSWER, &generated, err);
	if (code)
		return code;
	switch (generated) {
	case GENERATED:
		return verify(turn, err);
	case GENERATED_NOTHING:
		return fall_back(turn, STR("The language model does not answer at the moment."),
				 err);
	case GENERATED_UNKNOWN:
	case GENERATED_SKIPPED:
		break;
	}
	return abstain(turn, err);
}

static enum err_code answer_from_documents(struct turn *turn, struct err *err)
{
	bool sufficient = turn->judgement.sufficient;
	if (turn->out->route == ROUTE_KNOWLEDGE && !sufficient)
		return from_knowledge(turn, err);
	turn->out->route = ROUTE_DOCS;
	if (turn->judgement.missing.len || (!sufficient && !has_model(turn)))
		return abstain(turn, err);
	return has_model(turn) ? from_model(turn, err) : quote(turn, err);
}

enum err_code answer_run(const struct answer_deps *deps, const struct answer_request *request,
			 const struct answer_sink *sink, struct arena *arena,
			 struct answer_result *out, struct err *err)
{
	const struct answer_settings fallback = answer_settings_default();
	struct turn turn = {.deps = deps,
			    .settings = deps->settings ? deps->settings : &fallback,
			    .sink = sink,
			    .arena = arena,
			    .out = out,
			    .history = request->history,
			    .started_us = clock_monotonic_us(deps->clock)};
	*out = (struct answer_result){.writer = WRITER_FIXED};
	compose_begin(&turn.composer, deps, sink, turn.started_us, &turn.sources, arena, out);

	enum err_code code = turn_check(&turn, err);
	if (!code)
		code = understand(&turn, request->question, err);
	if (!code && out->sources) {
		code = turn_stage(&turn, "retrieving", err);
		if (!code)
			code = turn_search(&turn, err);
		if (!code)
			code = turn_stage(&turn, "generating", err);
		if (!code)
			code = answer_from_documents(&turn, err);
	}
	if (!code)
		code = compose_end(&turn.composer, &turn.extract, out->writer == WRITER_MODEL, err);
	compose_release(&turn.composer);
	out->total_us = clock_monotonic_us(deps->clock) - turn.started_us;
	return code;
}
