/* From a question as people write it to the text that is searched for. */
#ifndef DOCS_BOT_ANSWER_QUERY_H
#define DOCS_BOT_ANSWER_QUERY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

/*
 * "How do I stop X from deleting Y" is about X deleting Y: there "stop" is not a term of the
 * subject, but documentation has many ("early stopping", "stop a notebook"), which pull the
 * ranking away. Drops the verb and "from" of "stop|prevent|keep SOMETHING from DOING", with at
 * most six words between; any other question comes back as it is. The result lives in the arena
 * or is the question itself; ptr NULL when the arena is exhausted.
 */
struct str query_subject(struct str question, struct arena *arena);

/* Whether the question is about what is no longer current: "legacy", "deprecated", "the old …". */
bool query_asks_for_old(struct str question);

/*
 * Whether the question names this version, or a finer one of it: "v1", "1.8" and "1.8.22" name "1",
 * only the latter two name "1.8". A bare number without 'v' and dot names nothing; nor does anything
 * an empty version.
 */
bool query_names_version(struct str question, struct str version);

#endif
