/* The patterns that route.c decides by; the words of their classes are in route_words.h. */
#ifndef DOCS_BOT_ANSWER_ROUTE_PHRASES_H
#define DOCS_BOT_ANSWER_ROUTE_PHRASES_H

#include "answer/phrase.h"
#include "answer/route.h"

/* Flags of a phrase. */
enum phrase_flag {
	/* documentation of software also asks this, after "how do I" */
	PHRASE_UNLESS_HOWTO = 1,
	/* and this about components */
	PHRASE_UNLESS_COMPONENT = 2,
	/* of ROUTE_PHRASES_ACTION: a way to do it is named ("from", "without"), so a way is looked for */
	PHRASE_UNLESS_MEANS = 4,
	/* of ROUTE_PHRASES_FISHING: error messages say this to their readers */
	PHRASE_UNLESS_ERROR = 16,
	/* of ROUTE_PHRASES_SOURCES: not where it is only supposed ("when a run fails") */
	PHRASE_UNLESS_SUPPOSED = 8,
	/* of ROUTE_PHRASES_SOURCES: enum route_source, shifted */
	PHRASE_SOURCE_SHIFT = 8,
};

struct phrase_table {
	const struct phrase *phrases;
	size_t count;
};

enum route_phrases {
	ROUTE_PHRASES_FISHING,  /* wants prompt, configuration or another role */
	ROUTE_PHRASES_ACTION,   /* wants something done to a cluster */
	ROUTE_PHRASES_IDENTITY, /* asks about the assistant */
	ROUTE_PHRASES_OFF,      /* off topic whatever else stands there */
	ROUTE_PHRASES_TRIVIA,   /* off topic when nothing technical stands there */
	ROUTE_PHRASES_SOURCES,  /* which collections may answer */
	ROUTE_PHRASES_COUNT
};

extern const struct phrase_table route_phrases[ROUTE_PHRASES_COUNT];

/*
 * Two pieces of folded text that stand near each other in prompt fishing of other languages; the
 * second may be empty. In their original writing: fold them.
 */
struct foreign_pair {
	const char *first, *second;
};
extern const struct foreign_pair route_foreign[];
extern const size_t route_foreign_count;

/* Phrases of fishing with all spaces taken out, for texts whose letters are s p a c e d or joined. */
extern const char *const route_squashed[];
extern const size_t route_squashed_count;

/* What stands in the raw text of prompts that play the border of a message. */
extern const char *const route_markers[];
extern const size_t route_marker_count;

#endif
