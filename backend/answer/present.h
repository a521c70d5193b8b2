/*
 * Results and answers as JSON and as short text: the keys that interface.md fixes, in one place.
 * The JSON functions return NULL when memory runs out.
 */
#ifndef DOCS_BOT_ANSWER_PRESENT_H
#define DOCS_BOT_ANSWER_PRESENT_H

#include "answer/answer.h"
#include "base/json.h"

/*
 * {query, took_ms, results:[{rank,score,type,title,section,url,path,repo,version,text}]}; the
 * caller's. `explain` adds to each result signals: {page, section, archived_factor, and by the name of
 * each ranking {page, section}: what it adds to both}; score = page - within_page * (section of the
 * page's best result - section).
 */
json_t *present_results(struct str query, const struct retrieve_results *results, bool explain);

/* {question, answer, citations, route, grounded, abstained, took_ms}; the caller's. */
json_t *present_answer(struct str question, const struct answer_result *answer);

/* [{index,title,section,url,quote}]; the caller's. */
json_t *present_citations(const struct answer_citation *citations, size_t count);

/* White space folded to single spaces, cut at a word near `max` bytes with "…". In the arena. */
struct str present_one_line(struct str text, size_t max, struct arena *arena);

#endif
