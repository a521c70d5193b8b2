#include "serve/talk.h"

#include "base/json.h"

/* Answers do without memory; what fails there is logged there. */
static void tolerate(enum err_code code)
{
	(void)code;
}

/* What clients sent; nonsense is no history rather than no answer. */
static enum err_code sent_history(const struct job *job, struct arena *arena, struct history *out,
				  struct err *err)
{
	json_t *list = NULL;
	enum err_code code = ERR_OK;
	if (json_parse(buf_str(&job->history), &list, NULL) == ERR_OK)
		code = history_from_json(list, arena, out, err);
	json_decref(list);
	return code;
}

static enum err_code kept_history(const struct job *job, struct arena *arena, struct history *out,
				  struct err *err)
{
	struct state_history kept;
	struct err ignored = {ERR_OK, ""};
	struct state *state = job->service->deps->state;
	if (state_history(state, str_c(job->session), arena, &kept, &ignored) || !kept.count)
		return ERR_OK;
	struct chat_turn *turns = arena_array(arena, kept.count, sizeof(*turns));
	if (!turns)
		return arena_fail(arena, err);
	for (size_t i = 0; i < kept.count; i++)
		turns[i] = (struct chat_turn){kept.turns[i].role == STATE_USER ? CHAT_USER
									       : CHAT_ASSISTANT,
					      kept.turns[i].text};
	*out = (struct history){turns, kept.count};
	return ERR_OK;
}

enum err_code talk_history(const struct job *job, struct arena *arena, struct history *out,
			   struct err *err)
{
	*out = (struct history){NULL, 0};
	if (job->history.len)
		return sent_history(job, arena, out, err);
	return job->session[0] ? kept_history(job, arena, out, err) : ERR_OK;
}

static void remember_gap(const struct job *job, const struct answer_result *result)
{
	struct state_page pages[STATE_GAP_PAGES];
	struct err ignored = {ERR_OK, ""};
	size_t count = 0;
	for (size_t i = 0; i < result->citation_count && count < STATE_GAP_PAGES; i++)
		pages[count++] =
			(struct state_page){result->citations[i].title, result->citations[i].url};
	const struct state_gap gap = {.question = buf_str(&job->text),
				      .reason = result->judgement.missing.len
							? result->judgement.missing
							: STR("not in the documentation"),
				      .pages = pages,
				      .page_count = count};
	tolerate(state_record_gap(job->service->deps->state, &gap, &ignored));
}

void talk_remember(const struct job *job, const struct answer_result *result)
{
	struct state *state = job->service->deps->state;
	struct str session = str_c(job->session);
	struct err ignored = {ERR_OK, ""};
	if (result->abstained)
		remember_gap(job, result);
	if (session.len &&
	    !state_append_turn(state, session, STATE_USER, buf_str(&job->text), &ignored))
		tolerate(
			state_append_turn(state, session, STATE_ASSISTANT, result->text, &ignored));
}
