/* One turn of a conversation on its way through the workflow; private to answer/. */
#ifndef DOCS_BOT_ANSWER_TURN_H
#define DOCS_BOT_ANSWER_TURN_H

#include "answer/answer.h"
#include "answer/compose.h"
#include "answer/extract.h"
#include "answer/judge.h"
#include "answer/nonsense.h"
#include "answer/prompt.h"

struct turn {
	const struct answer_deps *deps;
	const struct answer_settings *settings;
	const struct answer_sink *sink;
	struct arena *arena;
	struct answer_result *out;
	int64_t started_us;

	struct str question; /* cleaned */
	struct history history;
	struct str query; /* standalone */
	struct extract extract;
	struct judgement judgement;
	struct prompt_sources sources; /* by the numbers of the answer */
	struct composer composer;
};

/* ERR_CANCELLED when the reader has left. */
enum err_code turn_check(const struct turn *turn, struct err *err) WARN_UNUSED;
enum err_code turn_stage(const struct turn *turn, const char *stage, struct err *err) WARN_UNUSED;

/* --- search.c --- */

/*
 * Retrieves for turn->query and judges what came; when that is poor, once more in other words. Leaves the better
 * of both in out->retrieved, extract and judgement, and the sources numbered.
 */
enum err_code turn_search(struct turn *turn, struct err *err) WARN_UNUSED;
#define TURN_MORE_TOP_K 5

/*
 * A search that a model asked for, in documents of one type (empty: all). Adds what is new to
 * out->retrieved and the sources; numbers[] has those of all that was found.
 */
enum err_code turn_search_more(struct turn *turn, struct str query, struct str type,
			       size_t numbers[TURN_MORE_TOP_K], size_t *count,
			       struct err *err) WARN_UNUSED;
/* Numbers the sources by the first search: what is quoted first, so that models and quotes count alike. */
void turn_number_sources(struct turn *turn);
/* Makes the sources the `nearest` best pages, one of each document. */
void turn_nearest(struct turn *turn, size_t nearest);

/* --- generate.c --- */

enum generated {
	GENERATED,         /* the answer is written */
	GENERATED_UNKNOWN, /* the model finds no answer in the sources; nothing was written */
	GENERATED_NOTHING, /* the model failed or wrote nonsense: out->failure */
	GENERATED_SKIPPED, /* the model had tools and used none; nothing was written */
};

/*
 * Lets the model write from the sources (PROMPT_ANSWER) or from what it knows (PROMPT_KNOWLEDGE). Errors are those
 * that end the turn: ERR_CANCELLED, ERR_NOMEM, ERR_LIMIT of the arena.
 */
enum err_code generate(struct turn *turn, enum prompt_kind kind, enum generated *out,
		       struct err *err) WARN_UNUSED;

/* --- agent.c --- */

/* Lets the model search by tools, and write from what it found. As generate(). */
enum err_code agent_run(struct turn *turn, enum generated *out, struct err *err) WARN_UNUSED;

/* --- generate.c, for agent.c too --- */

#define WRITE_HELD_MAX 64

/* One reply of the model on its way to the composer. */
struct writing {
	struct turn *turn;
	bool quiet;     /* the text is not composed; it is in reply.text */
	bool uncertain; /* the beginning may still be something else than an answer */
	char held[WRITE_HELD_MAX];
	size_t held_len;
	size_t bytes, max_bytes;
	struct nonsense nonsense;
	struct llm_reply reply;
	/* How it ended, when not well; at most one. */
	bool unknown, tool_syntax, repeats, too_long, failed;
	enum err_code cause; /* of a failure of the model */
	enum err_code code;  /* of what ends the turn */
	struct err *err;
};

/*
 * ERR_OK also when the model failed: look at the flags; out->failure then says why. With no flag set
 * the reply is whole.
 */
enum err_code write_reply(struct writing *writing, const struct llm_request *request,
			  struct err *err) WARN_UNUSED;
/* Whether something went wrong that only quotes can mend. */
bool write_failed(const struct writing *writing);

#endif
