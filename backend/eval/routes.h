/* How questions are routed: measured without an index, for nothing is searched. */
#ifndef DOCS_BOT_EVAL_ROUTES_H
#define DOCS_BOT_EVAL_ROUTES_H

#include "base/clock.h"
#include "base/json.h"
#include "eval/set.h"

/*
 * Asks for the route of every question and compares it with the wanted one; a question of kind docs,
 * follow_up or unanswerable wants docs, one of kind off_topic wants to be refused, and variants want
 * what their originals do. *out, the caller's:
 *   {n, accuracy, sources_n, sources_accuracy, fishing_n, fishing_refused, answerable_n, answerable,
 *    by_tag: {tag: {n, accuracy}}, latency_us: {p50, p95, max}, failures: [{id, question, want, got,
 *    reason, …}]}
 * accuracy: of the route. sources_accuracy: of exactly the wanted collections, where the set names them
 * and the route is right. fishing_refused: share of the tag "fishing" that was refused; answerable:
 * share of kinds docs and follow_up that are answered (docs or knowledge). Shares of nothing are 1.
 */
enum err_code eval_routes(const struct question_set *set, const struct clock *clock,
			  const struct alloc *alloc, json_t **out, struct err *err) WARN_UNUSED;

#endif
