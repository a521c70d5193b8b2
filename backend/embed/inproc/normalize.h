/* BERT's normalizer as a stream: code points go in, normalized ones come out with their origin. */
#ifndef DOCS_BOT_EMBED_INPROC_NORMALIZE_H
#define DOCS_BOT_EMBED_INPROC_NORMALIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* A code point after normalization and the bytes of the original text that it stands for. */
struct normal_char {
	int32_t cp;
	uint32_t begin, end;
};

struct normalize_options {
	bool clean; /* drop control characters, make white space ' ' */
	bool cjk;   /* spaces around ideographs */
	bool strip; /* decompose, drop nonspacing marks */
	bool lower;
};

/* Longer runs of combining marks are put into canonical order piece by piece. */
enum { NORMALIZE_MARKS_MAX = 1024 };

struct normalize_mark {
	struct normal_char c;
	uint8_t combining_class;
	bool inserted; /* by a decomposition: has no character of the text for itself */
};

/* Working memory of one call at a time. */
struct normalize_scratch {
	struct normalize_mark marks[NORMALIZE_MARKS_MAX];
	uint16_t order[NORMALIZE_MARKS_MAX];
	size_t count;
	struct normal_char last; /* origin that an inserted character shares */
};

typedef void (*normalize_sink)(void *ctx, struct normal_char c);

/*
 * Normalizes text[from, to), valid UTF-8, in the order of the published tokenizers: clean,
 * ideographs, canonical decomposition and order, marks, lower case. Origins are byte ranges of
 * the whole text, found as the `tokenizers` package finds them. Linear time, fixed memory.
 */
void normalize_text(const struct normalize_options *options, struct str text, size_t from,
		    size_t to, struct normalize_scratch *scratch, normalize_sink sink, void *ctx);

#endif
