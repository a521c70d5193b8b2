/* The words that rules know, by class. */
#ifndef DOCS_BOT_ANSWER_ROUTE_WORDS_H
#define DOCS_BOT_ANSWER_ROUTE_WORDS_H

#include "answer/phrase.h"

enum word_class {
	/* of speech with an assistant */
	WORD_IGNORE,
	WORD_PRIOR,
	WORD_INSTRUCTION,
	WORD_LIMIT,
	WORD_REVEAL,
	WORD_VERBATIM, /* verbs of giving back word for word */
	WORD_YOUR,
	WORD_PROMPT,
	WORD_SECRET,
	WORD_BOT,
	WORD_YOU,
	WORD_INNER,       /* what an assistant is told */
	WORD_INNER_ALONE, /* of these, what needs no "you" beside it */
	WORD_INNER_WEAK,  /* software has it too */
	WORD_FORMAT,      /* technical, but also how to write an answer or what to call a setting */
	WORD_HOWTO,       /* verbs of somebody who sets something up */
	WORD_POLITE,
	WORD_GREET,
	WORD_THANK,
	WORD_PRAISE,
	WORD_SOCIAL, /* what else stands in greetings and thanks */
	/* of actions */
	WORD_DESTROY,
	WORD_BUILD,
	WORD_OBJECT,
	/* of subjects */
	WORD_STOP,      /* no subject at all */
	WORD_PLAIN,     /* no subject of its own: general verbs and nouns */
	WORD_COMPONENT, /* Kubeflow and what belongs to it */
	WORD_PRODUCT,   /* of these, what one can ask the same question about: "and in Katib?" */
	WORD_TECH,
	WORD_TECH_WEAK, /* also means something outside of computing */
	WORD_GENERAL,   /* of computing in general: also stands in what is general knowledge */
	WORD_KUBERNETES,
	WORD_PYTHON,
	WORD_DOCKER,
	WORD_LEARNING,
	WORD_LINUX,
	WORD_STYLE, /* web pages */
	WORD_GIT,
	WORD_CREATIVE,
	WORD_LANGUAGE,
	WORD_COUNTRY,
	/* off topic */
	WORD_OFF_WEAK, /* needs company; all others are enough by themselves */
	WORD_OFF,
	WORD_WEATHER,
	WORD_FOOD,
	WORD_SPORT,
	WORD_MEDIA,
	WORD_TRAVEL,
	WORD_POLITICS,
	WORD_MONEY,
	WORD_HEALTH,
	WORD_LOVE,
	WORD_SCHOOL,
	WORD_HOME,
	WORD_BELIEF,
	WORD_CLASS_COUNT
};

_Static_assert(WORD_CLASS_COUNT <= PHRASE_CLASSES, "a word's classes are 64 bits");

#define WORD_BIT(word_class) ((uint64_t)1 << (word_class))

extern const struct phrase_words route_words[];
extern const size_t route_word_rows;

#endif
