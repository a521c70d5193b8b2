/*
 * Character properties as the published fast tokenizers see them. They mix several versions of
 * Unicode (categories of 8, decompositions of 9, lower case of 16), so utf8proc alone, which has
 * one version and a different one on each system, gives other tokens. Categories come from tables
 * (unicode_tables.c, made by tests/golden/make_unicode.py); decompositions, combining classes and
 * lower case from utf8proc, corrected where it is known to differ.
 */
#ifndef DOCS_BOT_EMBED_INPROC_UNICODE_H
#define DOCS_BOT_EMBED_INPROC_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unicode_range {
	int32_t first, last;
};

/* Sorted, not overlapping; from U+0080 on, except `decomposed`: from U+10000 on. */
extern const struct unicode_range unicode_removed[], unicode_nonspacing[], unicode_punctuation[],
	unicode_nonstarters[], unicode_decomposed[];
extern const size_t unicode_removed_count, unicode_nonspacing_count, unicode_punctuation_count,
	unicode_nonstarters_count, unicode_decomposed_count;

/* The longest canonical decomposition of one code point. */
#define UNICODE_DECOMPOSE_MAX 8

/* All take a valid code point and may be called from any thread. */
bool unicode_is_space(int32_t cp);       /* White_Space */
bool unicode_is_removed(int32_t cp);     /* dropped by cleaning: NUL, U+FFFD, Cc, Cf, Co */
bool unicode_is_nonspacing(int32_t cp);  /* Mn */
bool unicode_is_punctuation(int32_t cp); /* ASCII punctuation (with $+<=>^`|~), P */
bool unicode_is_cjk(int32_t cp);         /* an ideograph that BERT makes a word of its own */
int unicode_combining_class(int32_t cp);

/* Full canonical decomposition, not reordered; returns how many code points. */
size_t unicode_decompose(int32_t cp, int32_t out[UNICODE_DECOMPOSE_MAX]);

/* Lower case without context (U+0130 gives two code points, a final sigma is σ); returns 1 or 2. */
size_t unicode_lower(int32_t cp, int32_t out[2]);

#endif
