/* The vocabulary of a WordPiece model and the longest-match-first split of one word. */
#ifndef DOCS_BOT_EMBED_INPROC_WORDPIECE_H
#define DOCS_BOT_EMBED_INPROC_WORDPIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "embed/inproc/normalize.h"

struct vocab_slot {
	uint32_t hash;
	int32_t id; /* -1: free */
};

/* Immutable after vocab_open(), shared by threads. */
struct vocab {
	const struct alloc *alloc;
	struct buf text;    /* vocab.txt; the pieces are views of it */
	struct str *pieces; /* by id */
	size_t count;
	struct vocab_slot *slots; /* open addressing, at most half full */
	size_t mask;
	size_t longest; /* code points of the longest piece */
};

/*
 * Reads vocab.txt: one piece per line, LF or CRLF, id = line number from 0. An empty line keeps
 * its id and matches nothing. ERR_FORMAT on duplicates, invalid UTF-8 or an empty file, ERR_LIMIT
 * when it is too large; `path` is named in messages.
 */
enum err_code vocab_open(struct vocab *vocab, const char *path, const struct alloc *alloc,
			 struct err *err) WARN_UNUSED;
void vocab_release(struct vocab *vocab); /* a zeroed one is fine */

/* The id of a piece as it stands in the file ("##ing"), or -1. */
int32_t vocab_find(const struct vocab *vocab, struct str piece);

enum { WORD_CHARS_MAX = 256 };

/* One word, collected code point by code point. */
struct word {
	char bytes[4 * WORD_CHARS_MAX];
	struct {
		uint32_t from; /* first byte in bytes[] */
		uint32_t begin, end;
	} chars[WORD_CHARS_MAX + 1];
	size_t count, len;   /* code points, bytes */
	bool overlong;       /* more than the model's longest word: [UNK] */
	uint32_t begin, end; /* in the original text */
};

struct word_piece {
	int32_t id;
	uint32_t begin, end;
};

void word_clear(struct word *word);
void word_append(struct word *word, struct normal_char c, size_t max_chars);

/*
 * Splits into at most WORD_CHARS_MAX pieces, each the longest that the vocabulary has (Wu et al.
 * 2016, as in BERT); one piece `unk` for the whole word when some part has no match. Returns how
 * many. Costs one hash per byte and start, so at most WORD_CHARS_MAX passes over the word.
 */
size_t word_split(const struct vocab *vocab, struct word *word, int32_t unk,
		  struct word_piece out[WORD_CHARS_MAX]);

#endif
