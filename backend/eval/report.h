/* The outcome of a run as one JSON document: what --json prints, and all that the page is made of. */
#ifndef DOCS_BOT_EVAL_REPORT_H
#define DOCS_BOT_EVAL_REPORT_H

#include "base/json.h"
#include "eval/run.h"

/* What the run was made with. */
struct eval_setup {
	const char *model, *precision;
};

/*
 * The keys are described in docs/user-guide/evaluation.md. The caller owns *out (json_decref).
 * Scratch memory from the arena.
 */
enum err_code eval_report_make(const struct eval_result *result, const struct eval_setup *setup,
			       struct arena *arena, json_t **out, struct err *err) WARN_UNUSED;

/* The entry of a profile in a report, NULL when it did not run; borrowed. */
const json_t *eval_report_profile(const json_t *report, struct str name);

/*
 * A figure by the name that gates have: "hit@5", "retrieval.hit@5", "answers.fact_recall",
 * "metamorphic_kept", "kep.hit@1". False when the report has none of that name.
 */
bool eval_report_figure(const json_t *report, struct str name, double *out);

#endif
