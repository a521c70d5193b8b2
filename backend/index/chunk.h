/*
 * Cuts a document into the granularities that retrieval joins: windows of a fixed number of tokens
 * over the whole page (KEP-867: 512 tokens, 50 % overlap), heading sections, and paragraphs: pieces
 * of sections small enough that one sentence or list item can carry their vector.
 */
#ifndef DOCS_BOT_INDEX_CHUNK_H
#define DOCS_BOT_INDEX_CHUNK_H

#include "base/arena.h"
#include "base/err.h"
#include "embed/embed.h"
#include "parse/document.h"

struct chunk_options {
	size_t tokens;  /* per chunk, the model's special tokens included; ≥ 16 */
	double overlap; /* share of a window that the next one repeats, 0 ≤ overlap < 1 */
	size_t paragraph_tokens; /* per paragraph chunk, ≤ tokens; 0: none of these */
};

enum chunk_kind { CHUNK_WINDOW, CHUNK_SECTION, CHUNK_PARAGRAPH };

struct chunk {
	enum chunk_kind kind;
	size_t ordinal;  /* of its kind within the document, from 0 */
	struct str text; /* what search shows and answers quote */
	struct str
		embed_text; /* what is embedded: for sections with title and heading path in front */
	size_t token_count; /* of embed_text, special tokens included; ≤ options.tokens */
	size_t first_section,
		last_section; /* indexes into document.sections that the text comes from */
};

struct chunk_list {
	struct chunk *items;
	size_t count;
};

/* The text of the whole page over which the windows slide: title, then every section. */
struct str chunk_page_text(const struct document *document, struct arena *arena);

/*
 * Windows first, then sections, then paragraphs, each in reading order; empty sections give none.
 * A section that is short enough is its own only paragraph. No chunk splits a
 * code point or a token. All memory from the arena. Errors: ERR_INVALID for options out of range or beyond the
 * model's limit (says which limit), else those of embed_tokenize. Thread-safe.
 */
enum err_code chunk_document(const struct document *document, const struct chunk_options *options,
			     struct embedder *embedder, struct arena *arena, struct chunk_list *out,
			     struct err *err) WARN_UNUSED;

#endif
