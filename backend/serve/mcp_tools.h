/*
 * The tools of the MCP server: what they are called and take, what they find, and how it is said. They
 * search and change nothing.
 */
#ifndef DOCS_BOT_SERVE_MCP_TOOLS_H
#define DOCS_BOT_SERVE_MCP_TOOLS_H

#include "answer/retrieve.h"
#include "serve/mcp.h"

/*
 * Bytes of a passage: the section, or of a longer one what stands around its best paragraph. Nine of
 * ten sections of documentation have fewer than 1,700 (measured on kubeflow.org), three of four fewer
 * than 900. Of the facts that the questions of tests/eval ask for (questions.jsonl, questions_hard.jsonl;
 * MiniLM, five results) 83 % stand in passages of this size, 85 % in those of 2,000 bytes, which are a
 * fifth longer; 91 % stand in the sections with their neighbours, which are half as long again.
 */
#define MCP_PASSAGE_BYTES 1200

/* The list of tools with their schemas (JSON Schema 2020-12); the caller's, NULL without memory. */
json_t *mcp_tools_list(void);

/* The tool of a name; false: there is none. */
bool mcp_tool_find(struct str name, enum mcp_tool *out);

/*
 * Reads the arguments of a call (NULL: none). Views into `arguments`. ERR_INVALID: the message says
 * what to write instead.
 */
enum err_code mcp_tool_read(enum mcp_tool tool, const json_t *arguments, struct mcp_query *out,
			    struct err *err) WARN_UNUSED;

/* What a search needs; as in retrieve(). */
struct mcp_deps {
	struct store *store;
	struct embedder *embedder;
	const struct clock *clock;
	const struct retrieve_tuning *tuning;
	struct rerank_stage *rerank; /* NULL: none */
};

/*
 * Searches, and gives the result of the tool: {content, structuredContent, isError}; the caller's. All
 * text of documents in it is cleaned (answer/guard.h). Errors: those of retrieve(), ERR_NOMEM.
 */
enum err_code mcp_tool_run(const struct mcp_deps *deps, const struct mcp_query *query,
			   struct arena *arena, json_t **out, struct err *err) WARN_UNUSED;

/* What mcp_tool_run() found, said; exported for tests. `fallback`: a filter could not be applied. */
json_t *mcp_tool_present(const struct mcp_query *query, const struct retrieve_results *results,
			 struct arena *arena, struct err *err);

/* The result of a tool that failed: "PREFIX: MESSAGE"; the caller's, NULL without memory. */
json_t *mcp_tool_failure(const char *prefix, const char *message);

/* "Deployment web (team-a)", as sections of manifests are called. */
struct mcp_resource {
	struct str kind, name, namespace; /* the last may be empty */
};
/* Whether the result is a Kubernetes object, and which. */
bool mcp_resource_of(const struct retrieve_result *result, struct mcp_resource *out);

/*
 * The passage of a result, at most about MCP_PASSAGE_BYTES, in whole lines where they are not longer
 * than that; "…" stands where something is left out, and code stays fenced. In the arena, or a view.
 */
enum err_code mcp_passage(const struct retrieve_result *result, struct arena *arena,
			  struct str *out, struct err *err) WARN_UNUSED;

#endif
