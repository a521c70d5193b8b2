/* UTF-8: decode, check, repair. Character properties come from utf8proc where they are needed. */
#ifndef DOCS_BOT_BASE_UTF8_H
#define DOCS_BOT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* Bytes of the code point at s[at]; its value in *cp. 0 when invalid or at the end. */
size_t utf8_decode(struct str s, size_t at, int32_t *cp);

/* Writes 1 to 4 bytes to out[4], returns how many; 0 for surrogates and values above 10FFFF. */
size_t utf8_encode(int32_t cp, char out[4]);

/* True for well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool utf8_valid(struct str s);

/*
 * The same text with each maximal invalid part replaced by U+FFFD; returns `s` itself when it is
 * valid and not empty. *replaced (may be NULL) counts replacements. ptr NULL when the arena is exhausted.
 */
struct str utf8_repair(struct arena *arena, struct str s, size_t *replaced);

/*
 * Makes the NUL-terminated text one line of valid UTF-8 of the same length: control characters
 * become spaces, invalid bytes '?'.
 */
void utf8_make_printable(char *text);

/* Longest prefix of at most `max` bytes that ends at a code point boundary. */
struct str utf8_prefix(struct str s, size_t max);

/* Number of code points (invalid bytes count as one each). */
size_t utf8_length(struct str s);

#endif
