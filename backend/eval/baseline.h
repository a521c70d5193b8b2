/* Compares a report with that of an earlier run. */
#ifndef DOCS_BOT_EVAL_BASELINE_H
#define DOCS_BOT_EVAL_BASELINE_H

#include "eval/report.h"

/* A document that eval_report_make() wrote, from the text of its file; the caller owns *out. */
enum err_code eval_report_parse(struct str text, json_t **out, struct err *err) WARN_UNUSED;

/*
 * Adds "baseline" to the report: for each profile that both have, every figure of retrieval before
 * and now over the questions that both have (same id and text), the difference with the interval of
 * the paired bootstrap, and the questions whose rank or facts changed; and the answer figures.
 * Scratch memory from the arena.
 */
enum err_code eval_report_compare(json_t *report, const json_t *baseline, struct arena *arena,
				  struct err *err) WARN_UNUSED;

#endif
