/* The methods that a question set can be asked with: this program's own, and that of KEP-867. */
#ifndef DOCS_BOT_EVAL_PROFILE_H
#define DOCS_BOT_EVAL_PROFILE_H

#include "answer/answer.h"

enum eval_profile {
	EVAL_DOCS_BOT, /* retrieve(): what search, ask and serve use */
	EVAL_KEP,      /* the nearest windows by cosine, nothing else */
	EVAL_PROFILES
};

enum { EVAL_TOP = 5, EVAL_PAGES = 10 };

/* "docs-bot", "kep"; static storage. */
const char *eval_profile_name(enum eval_profile profile);
bool eval_profile_parse(const char *name, enum eval_profile *out);

/* What a method puts before a reader, best first. */
struct eval_hit {
	double score; /* comparable within one question and profile */
	struct str path, title, url, text;
};

struct eval_hits {
	struct eval_hit top[EVAL_TOP];
	size_t top_count;
	struct str pages[EVAL_PAGES]; /* distinct paths by best rank: of these and further hits */
	size_t page_count;
	float cosine;    /* the best one known */
	int64_t took_us; /* embedding included */
};

/*
 * Asks one question. Everything lives in the arena. The KEP's method: the question's vector (of an
 * over-long question: of its beginning, as sentence-transformers cuts it), the cosine with every
 * window of the index, the five best windows whole. Its windows are those of chunk.h, without any
 * header in front. ERR_NOTFOUND when the index holds none; else the errors of retrieve().
 */
enum err_code eval_profile_search(const struct answer_deps *deps, enum eval_profile profile,
				  struct str question, struct arena *arena, struct eval_hits *out,
				  struct err *err) WARN_UNUSED;

#endif
