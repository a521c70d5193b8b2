/*
 * An embedder without a model, for tests: its tokens are words cut into pieces of at most six
 * bytes, and single punctuation marks; its vectors are hashed bags of lower-case words.
 */
#ifndef DOCS_BOT_TESTS_FAKE_EMBEDDER_H
#define DOCS_BOT_TESTS_FAKE_EMBEDDER_H

#include <stdatomic.h>

#include "embed/embed.h"

#define FAKE_EMBEDDER_DIMENSION 64

/*
 * May be changed before use: `embedder.max_tokens` (512 at first), `fail_after` (embed_texts
 * fails with ERR_UNAVAILABLE once that many texts were embedded; SIZE_MAX: never).
 */
struct fake_embedder {
	struct embedder embedder; /* first, so that the port's pointer is this struct */
	atomic_size_t embedded;   /* texts so far */
	size_t fail_after;
};

/* Deterministic and thread-safe; nothing to release (embed_close is fine, but not needed). */
void fake_embedder_init(struct fake_embedder *fake);

#endif
