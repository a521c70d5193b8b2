/* Texts of an exact number of tokens, made from words that are part of the program. */
#ifndef DOCS_BOT_BENCH_TEXT_H
#define DOCS_BOT_BENCH_TEXT_H

#include "embed/embed.h"

/*
 * A text that e embeds as exactly `tokens` tokens, the special ones included; texts of different
 * `seed` differ. In the arena. ERR_INVALID when `tokens` leaves no room for a word or is more than
 * the model takes; ERR_UNSUPPORTED when the model's tokenizer cannot hit the number.
 */
enum err_code bench_text(struct embedder *e, size_t tokens, size_t seed, struct arena *arena,
			 struct str *out, struct err *err) WARN_UNUSED;

#endif
