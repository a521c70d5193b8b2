/*
 * What a language model is asked. Texts of documents are marked as data by a delimiter that nobody
 * can know beforehand ("spotlighting": Hines et al., "Defending Against Indirect Prompt Injection Attacks
 * With Spotlighting", 2024).
 */
#ifndef DOCS_BOT_ANSWER_PROMPT_H
#define DOCS_BOT_ANSWER_PROMPT_H

#include "answer/history.h"
#include "answer/retrieve.h"
#include "llm/llm.h"

#define PROMPT_UNKNOWN      "NOT_DOCUMENTED" /* what the model says when the sources do not answer */
#define PROMPT_SOURCES_MAX  24
#define PROMPT_MARK_SIZE    20
#define PROMPT_MESSAGES_MAX 64

/* Sources as the model counts them: items[0] is [1]. */
struct prompt_sources {
	const struct retrieve_result *items[PROMPT_SOURCES_MAX];
	size_t count;
};

/* Adds a source unless one with its address is there; its number from 1, 0 when there is no room. */
size_t prompt_add_source(struct prompt_sources *sources, const struct retrieve_result *result);

struct prompt_limits {
	size_t window_tokens;  /* of the model, prompt and reply */
	size_t reply_tokens;   /* kept free */
	size_t context_tokens; /* most of all sources together */
};

enum prompt_kind {
	PROMPT_ANSWER,    /* from the sources */
	PROMPT_TOOLS,     /* no sources yet: the model searches */
	PROMPT_KNOWLEDGE, /* general knowledge, no sources */
};

struct prompt {
	enum prompt_kind kind;
	struct str project; /* "Kubeflow" */
	struct str question;
	const struct history *history;
	size_t searches; /* that the model may do */
	struct prompt_limits limits;
	char mark[PROMPT_MARK_SIZE]; /* the delimiter of this request */
	struct llm_message messages[PROMPT_MESSAGES_MAX];
	size_t count;
};

/* A fresh delimiter from the system's random numbers. */
enum err_code prompt_mark(char mark[PROMPT_MARK_SIZE], struct err *err) WARN_UNUSED;

/*
 * Fills messages[] from the other fields: system, as much of the history as is left room for (its oldest turns
 * go first), sources by their order while there is room, question (its middle goes when it is too
 * long). Never more than the limits by budget_tokens(). Sources that do not fit are taken off
 * *sources. Strings live in the arena. ERR_LIMIT when the window is too small for anything.
 */
enum err_code prompt_build(struct prompt *prompt, struct prompt_sources *sources,
			   struct arena *arena, struct err *err) WARN_UNUSED;

/*
 * Texts of the sources of these numbers between marks, as far as `tokens` reach; *count becomes how many
 * that are.
 */
enum err_code prompt_sources_text(const struct prompt *prompt, const struct prompt_sources *sources,
				  const size_t *numbers, size_t *count, size_t tokens,
				  struct arena *arena, struct str *out,
				  struct err *err) WARN_UNUSED;

/* The two messages that ask for a standalone query. */
enum err_code prompt_rewrite(struct str question, const struct history *history,
			     size_t window_tokens, struct arena *arena,
			     struct llm_message messages[2], struct err *err) WARN_UNUSED;

#endif
