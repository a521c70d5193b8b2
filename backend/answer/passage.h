/* Cuts a section's text (see section_text()) back into what can be quoted by itself. */
#ifndef DOCS_BOT_ANSWER_PASSAGE_H
#define DOCS_BOT_ANSWER_PASSAGE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum unit_kind { UNIT_SENTENCE, UNIT_LIST_ITEM, UNIT_CODE };

struct unit {
	enum unit_kind kind;
	struct str text;            /* of code: without the fences */
	struct str language;        /* of code */
	size_t paragraph;           /* units of one paragraph share the number */
	bool cut_before, cut_after; /* an excerpt of longer code; set by whoever cuts it */
};

struct unit_list {
	struct unit *items;
	size_t count;
};

/*
 * Splits the text of a section, without its heading line, in reading order. Views into `text`;
 * the list lives in the arena. Linear time.
 */
enum err_code passage_split(struct str text, struct str heading, struct arena *arena,
			    struct unit_list *out, struct err *err) WARN_UNUSED;

/*
 * Length of the sentence that begins at `text`, the closing mark included. Abbreviations such as
 * "e.g." and dots inside identifiers and versions do not end one.
 */
size_t passage_sentence(struct str text);

#endif
