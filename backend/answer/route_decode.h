/* The same text in other clothes: what people try when a plain attempt was refused. */
#ifndef DOCS_BOT_ANSWER_ROUTE_DECODE_H
#define DOCS_BOT_ANSWER_ROUTE_DECODE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* So much of the beginning of a text is looked at: for other spellings, and for encodings. */
#define ROUTE_RESPELL_BYTES 2048
#define ROUTE_DECODE_BYTES  32768
#define ROUTE_DECODED_MAX   24

struct route_decoded {
	struct str texts[ROUTE_DECODED_MAX]; /* valid UTF-8 */
	size_t respelled; /* the first of them are the text itself, spelled anew */
	size_t count;
};

/*
 * What the text says when digits stand for letters, when it is read backwards or turned by 13 letters,
 * and when its long tokens are base64, hexadecimal or binary, or it holds %xx, &#nn; or \uXXXX. Only
 * readings that differ from the text and are readable. In the arena, linear. Errors: those of the
 * arena.
 */
enum err_code route_decode(struct str text, struct arena *arena, struct route_decoded *out,
			   struct err *err) WARN_UNUSED;

#endif
