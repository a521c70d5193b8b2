/*
 * Private to rerank/tei: what is sent and what comes back.
 * text-embeddings-inference, POST /rerank (its docs/openapi.json, RerankRequest and Rank):
 *   {"query", "texts": […], "raw_scores": false, "truncate": true}  →  [{"index", "score"}, …]
 * vLLM, POST /v1/rerank, which follows Jina and Cohere:
 *   {"model", "query", "documents": […], "truncate_prompt_tokens": -1}
 *                                     →  {"results": [{"index", "relevance_score", …}, …]}
 * Both list results best first, so `index` says which text is meant.
 */
#ifndef DOCS_BOT_RERANK_TEI_WIRE_H
#define DOCS_BOT_RERANK_TEI_WIRE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum rerank_api { RERANK_API_TEI, RERANK_API_VLLM };

/* Appends a request body. All text is valid UTF-8; `model` is for vLLM. ERR_LIMIT as `out` has it. */
enum err_code wire_request(enum rerank_api api, struct str model, struct str query,
			   const struct str *texts, size_t count, struct buf *out,
			   struct err *err) WARN_UNUSED;

/*
 * The scores of an answer with status 200, in the order of the texts. ERR_FORMAT for anything but one
 * finite score for each of the `count` texts; what else an answer holds is left alone.
 */
enum err_code wire_scores(enum rerank_api api, struct str body, size_t count, float *scores,
			  struct err *err) WARN_UNUSED;

/*
 * An answer with another status as an error for a person, with the server's own words when the body
 * has some. ERR_BUSY for 429, ERR_LIMIT for 413, ERR_UNAVAILABLE for 424 and from 500 on,
 * ERR_INVALID for the others.
 */
enum err_code wire_problem(long status, struct str body, struct err *err) WARN_UNUSED;

#endif
