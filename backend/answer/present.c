#include "answer/present.h"

#include <string.h>

#include "base/utf8.h"

/* NaN and infinities have no JSON form; a score never is one. */
static double milliseconds(int64_t us)
{
	return (double)us / 1000.0;
}

/* Appends (taking over) and returns the list; NULL when either is: a shorter list would be wrong. */
static json_t *append(json_t *list, json_t *item)
{
	if (json_array_append_new(list, item) == 0)
		return list;
	json_decref(list);
	return NULL;
}

/* How a result's score came about. */
static json_t *signals_json(const struct retrieve_result *r)
{
	const struct fused *f = &r->signals;
	double section = 0;
	for (int i = 0; i < SIGNAL_COUNT; i++)
		section += f->section_share[i];
	json_t *object = json_pack("{s:f, s:f, s:f}", "page", f->page_score, "section", section,
				   "archived_factor", f->page_factor);
	for (int i = 0; i < SIGNAL_COUNT && object; i++) {
		json_t *share = json_pack("{s:f, s:f}", "page", f->page_share[i], "section",
					  f->section_share[i]);
		if (json_object_set_new(object, retrieve_signal_name((enum retrieve_signal)i),
					share) != 0) {
			json_decref(object);
			object = NULL;
		}
	}
	if (object && r->reranked &&
	    json_object_set_new(object, "reranker",
				json_pack("{s:f, s:f}", "share", r->rerank_share, "rankings_share",
					  r->fused_share)) != 0) {
		json_decref(object);
		object = NULL;
	}
	return object;
}

static json_t *result_json(const struct retrieve_result *r, bool explain)
{
	const struct store_passage *p = &r->passage;
	json_t *object = json_pack(
		"{s:I, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "rank", (json_int_t)r->rank,
		"score", r->score, "type", json_from_str(p->type), "title", json_from_str(p->title),
		"section", json_from_str(p->section_path), "url", json_from_str(r->url), "path",
		json_from_str(p->path), "repo", json_from_str(p->repo.len ? p->repo : p->source),
		"version", json_from_str(p->version), "text", json_from_str(r->text));
	if (object && r->reranked &&
	    json_object_set_new(object, "rerank_score", json_real((double)r->rerank)) != 0) {
		json_decref(object);
		return NULL;
	}
	if (object && explain && json_object_set_new(object, "signals", signals_json(r)) != 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

json_t *present_results(struct str query, const struct retrieve_results *results, bool explain)
{
	json_t *list = json_array();
	for (size_t i = 0; i < results->count && list; i++)
		list = append(list, result_json(&results->items[i], explain));
	return json_pack("{s:o, s:f, s:o}", "query", json_from_str(query), "took_ms",
			 milliseconds(results->took_us), "results", list);
}

json_t *present_citations(const struct answer_citation *citations, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count && list; i++)
		list = append(list,
			      json_pack("{s:i, s:o, s:o, s:o, s:o}", "index", citations[i].index,
					"title", json_from_str(citations[i].title), "section",
					json_from_str(citations[i].section), "url",
					json_from_str(citations[i].url), "quote",
					json_from_str(citations[i].quote)));
	return list;
}

json_t *present_answer(struct str question, const struct answer_result *answer)
{
	return json_pack("{s:o, s:o, s:o, s:s, s:b, s:b, s:{s:f, s:f, s:f}}", "question",
			 json_from_str(question), "answer", json_from_str(answer->text),
			 "citations", present_citations(answer->citations, answer->citation_count),
			 "route", answer_route_name(answer->route), "grounded", answer->grounded,
			 "abstained", answer->abstained, "took_ms", "retrieval",
			 milliseconds(answer->retrieval_us), "first_token",
			 milliseconds(answer->first_token_us), "total",
			 milliseconds(answer->total_us));
}

struct str present_one_line(struct str text, size_t max, struct arena *arena)
{
	text = str_trim(text);
	struct str cut = utf8_prefix(text, max);
	char *out = arena_get(arena, cut.len + 4);
	if (!out)
		return (struct str){NULL, 0};
	size_t len = 0, word_end = 0;
	for (size_t i = 0; i < cut.len; i++) {
		if (!ascii_space((unsigned char)cut.ptr[i])) {
			out[len++] = cut.ptr[i];
		} else if (len && out[len - 1] != ' ') {
			word_end = len;
			out[len++] = ' ';
		}
	}
	if (cut.len < text.len) {
		if (word_end)
			len = word_end;
		memcpy(out + len, "…", sizeof("…") - 1);
		len += sizeof("…") - 1;
	}
	return (struct str){out, len};
}
