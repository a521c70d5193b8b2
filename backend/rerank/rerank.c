#include "rerank/rerank.h"

#include <math.h>

#include "base/utf8.h"

/* As many texts are handed on at once, so that their cut views need no memory. */
#define BATCH 64

enum err_code rerank_score(struct reranker *r, struct str query, const struct str *texts,
			   size_t count, float *scores, struct err *err)
{
	struct str cut[BATCH];
	enum err_code code = ERR_OK;
	if (count > RERANK_TEXTS_MAX)
		return err_set(err, ERR_INVALID, "%zu texts to rerank, at most %d are taken", count,
			       RERANK_TEXTS_MAX);
	query = utf8_prefix(query, RERANK_QUERY_BYTES);
	if (!utf8_valid(query))
		return err_set(err, ERR_INVALID, "the query to rerank for is not valid UTF-8");
	for (size_t from = 0; from < count && !code; from += BATCH) {
		size_t n = count - from < BATCH ? count - from : BATCH;
		for (size_t i = 0; i < n; i++) {
			cut[i] = utf8_prefix(texts[from + i], RERANK_TEXT_BYTES);
			if (!utf8_valid(cut[i]))
				return err_set(err, ERR_INVALID,
					       "a text to rerank is not valid UTF-8");
		}
		code = r->ops->score(r, query, cut, n, scores + from, err);
	}
	for (size_t i = 0; i < count && !code; i++)
		if (!isfinite(scores[i]))
			code = err_set(err, ERR_FORMAT, "the reranker %s gives no finite score",
				       r->name);
	return code;
}

void rerank_close(struct reranker *r)
{
	if (r)
		r->ops->close(r);
}
