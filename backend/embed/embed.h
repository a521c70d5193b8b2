/*
 * The port to embedding models: text in, unit-length vectors out. Backends: inproc/ (BERT and
 * MPNet in this process). An instance begins with a pointer to its operations.
 */
#ifndef DOCS_BOT_EMBED_EMBED_H
#define DOCS_BOT_EMBED_EMBED_H

#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* One token of a text: its vocabulary id and the bytes of the original text it covers. */
struct token {
	int32_t id;
	uint32_t begin, end; /* half-open byte range in the text as given */
};

struct token_list {
	struct token *items; /* without the special tokens at both ends */
	size_t count;
};

struct embedder;

struct embedder_ops {
	enum err_code (*tokenize)(struct embedder *e, struct str text, struct arena *arena,
				  struct token_list *out, struct err *err);
	enum err_code (*embed)(struct embedder *e, const struct str *texts, size_t count,
			       float *vectors, struct err *err);
	/* NULL: embed() of one text */
	enum err_code (*embed_alone)(struct embedder *e, struct str text, float *vector,
				     struct err *err);
	void (*close)(struct embedder *e);
};

#define EMBED_CACHE_KEY_MAX 80

/* Filled by the backend when it opens; constant afterwards. */
struct embedder {
	const struct embedder_ops *ops;
	const char *model;     /* name that the store remembers, e.g. "all-MiniLM-L6-v2" */
	char sha256[65];       /* of the weights */
	const char *precision; /* of the arithmetic: "f32", "int8", "bf16" */
	/*
	 * Vectors of equal texts are equal for equal keys, whatever the processor (f32: but for
	 * rounding): what a cache of embeddings is keyed by. The hash alone for f32, else with the
	 * precision.
	 */
	char cache_key[EMBED_CACHE_KEY_MAX];
	size_t dimension;      /* f32 values per vector */
	size_t max_tokens;     /* longest input, the special tokens included */
	size_t special_tokens; /* added around every text (2 for BERT and MPNet) */
};

/*
 * Tokens of a text without special tokens and without truncation; texts longer than 64 MiB and
 * invalid UTF-8 are ERR_INVALID. The list lives in the arena. Thread-safe.
 */
enum err_code embed_tokenize(struct embedder *e, struct str text, struct arena *arena,
			     struct token_list *out, struct err *err) WARN_UNUSED;

/*
 * count unit-length vectors, row-major [count][dimension], into `vectors` (caller's). Several short
 * texts in one call cost less than one by one.
 * A text of more than max_tokens is refused (ERR_LIMIT), never cut. Uses the calling thread
 * alone, so callers run several threads for parallelism; thread-safe.
 */
enum err_code embed_texts(struct embedder *e, const struct str *texts, size_t count, float *vectors,
			  struct err *err) WARN_UNUSED;

/*
 * The vector that embed_texts() gives one text, for a caller who has nothing else to embed while
 * somebody waits for it, as for a question: the backend may let an idle processor help.
 * Thread-safe.
 */
enum err_code embed_alone(struct embedder *e, struct str text, float *vector,
			  struct err *err) WARN_UNUSED;

void embed_close(struct embedder *e); /* NULL is fine */

#endif
