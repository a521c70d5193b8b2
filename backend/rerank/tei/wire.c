#include "rerank/tei/wire.h"

#include <math.h>

#include "base/json.h"
#include "base/utf8.h"

#define WORDS_MAX 200 /* bytes of a server's own words in a message */

enum err_code wire_request(enum rerank_api api, struct str model, struct str query,
			   const struct str *texts, size_t count, struct buf *out, struct err *err)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count && list; i++) {
		if (json_array_append_new(list, json_from_str(texts[i]))) {
			json_decref(list);
			list = NULL;
		}
	}
	/* json_pack() takes a failed list for an error, and its references in any case. */
	json_t *root = api == RERANK_API_TEI
			       ? json_pack("{s:o, s:o, s:b, s:b}", "query", json_from_str(query),
					   "texts", list, "raw_scores", 0, "truncate", 1)
			       : json_pack("{s:o, s:o, s:o, s:i}", "model", json_from_str(model),
					   "query", json_from_str(query), "documents", list,
					   "truncate_prompt_tokens", -1);
	if (!root)
		return err_set(err, ERR_NOMEM, "out of memory for a request to the reranker");
	enum err_code code = json_write(root, out, err);
	json_decref(root);
	return code;
}

static enum err_code malformed(struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "the reranker's answer %s", what);
}

static enum err_code take_score(const json_t *item, const char *key, size_t count, float *scores,
				struct err *err)
{
	const json_t *index = json_object_get(item, "index"), *value = json_object_get(item, key);
	if (!json_is_integer(index) || !json_is_number(value))
		return malformed(err, "has a result without index or score");
	json_int_t at = json_integer_value(index);
	float score = (float)json_number_value(value);
	if (at < 0 || (unsigned long long)at >= count)
		return malformed(err, "has a result for a text that was not sent");
	if (!isfinite(score))
		return malformed(err, "has a score that is not finite");
	if (!isnan(scores[at]))
		return malformed(err, "has two results for one text");
	scores[at] = score;
	return ERR_OK;
}

enum err_code wire_scores(enum rerank_api api, struct str body, size_t count, float *scores,
			  struct err *err)
{
	json_t *root = NULL;
	if (json_parse(body, &root, NULL))
		return malformed(err, "is not valid JSON");
	bool tei = api == RERANK_API_TEI;
	const json_t *list = tei ? root : json_object_get(root, "results");
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < count; i++)
		scores[i] = NAN; /* not seen yet */
	if (!json_is_array(list))
		code = malformed(err, "has no list of results");
	else if (json_array_size(list) != count)
		code = malformed(err, "has another number of results than texts were sent");
	for (size_t i = 0; i < count && !code; i++)
		code = take_score(json_array_get(list, i), tei ? "score" : "relevance_score", count,
				  scores, err);
	json_decref(root);
	return code;
}

/* {"error": TEXT}, {"message": TEXT} or {"error": {"message": TEXT}}, as the servers have it. */
static struct str own_words(const json_t *root)
{
	const json_t *error = json_object_get(root, "error");
	struct str words = json_is_object(error) ? json_get_str(error, "message")
						 : json_get_str(root, "error");
	return utf8_prefix(words.len ? words : json_get_str(root, "message"), WORDS_MAX);
}

enum err_code wire_problem(long status, struct str body, struct err *err)
{
	json_t *root = NULL;
	const char *what = status == 429                    ? "is overloaded"
			   : status == 413                  ? "takes fewer or smaller texts at once"
			   : status == 401 || status == 403 ? "refuses the key (rerank_key)"
			   : status == 404                  ? "knows no such address"
			   : status >= 300 && status < 400
				   ? "sends elsewhere, give the final address"
				   : "cannot score";
	enum err_code code = status == 429                    ? ERR_BUSY
			     : status == 413                  ? ERR_LIMIT
			     : status == 424 || status >= 500 ? ERR_UNAVAILABLE
							      : ERR_INVALID;
	struct str words = {"", 0};
	if (json_parse(body, &root, NULL) == ERR_OK)
		words = own_words(root);
	code = err_set(err, code, "the reranker %s (%ld)%s%.*s", what, status,
		       words.len ? ": " : "", STR_ARG(words));
	json_decref(root);
	return code;
}
