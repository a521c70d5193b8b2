/* The tools that a model may use: searches, nothing that changes anything. */
#ifndef DOCS_BOT_ANSWER_TOOLS_H
#define DOCS_BOT_ANSWER_TOOLS_H

#include "base/arena.h"
#include "base/err.h"
#include "llm/llm.h"

#define TOOLS_COUNT     3
#define TOOLS_QUERY_MAX 512 /* bytes */

/* search_kubeflow_docs, search_github_issues, search_kubeflow_code; static storage. */
const struct llm_tool *tools_table(void);

/* What a call asks for. */
struct tool_query {
	struct str query; /* in the arena */
	struct str type;  /* of documents, static: "doc", "issue", "code" */
};

/*
 * Reads a call: the tool must be in the table, the arguments an object with a `query` of 1 to
 * TOOLS_QUERY_MAX bytes; what else is in them does not matter. ERR_INVALID with a message for the model.
 */
enum err_code tools_read(const struct llm_tool_call *call, struct arena *arena,
			 struct tool_query *out, struct err *err) WARN_UNUSED;

/*
 * A call that a model wrote as text, in JSON with `name` and `arguments` or `parameters`, whatever
 * stands around it. ERR_NOTFOUND when there is none.
 */
enum err_code tools_from_text(struct str text, struct arena *arena, struct llm_tool_call *out,
			      struct err *err) WARN_UNUSED;

#endif
