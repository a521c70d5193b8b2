/* Puts a document together from what a parser meets, in reading order. */
#ifndef DOCS_BOT_PARSE_BUILDER_H
#define DOCS_BOT_PARSE_BUILDER_H

#include <stdbool.h>

#include "base/buf.h"
#include "parse/anchor.h"
#include "parse/document.h"

#define BUILDER_COLUMNS 256

/* The rows of one table: cells are collected, then joined under the header's names. */
struct builder_table {
	struct str headers[BUILDER_COLUMNS], cells[BUILDER_COLUMNS];
	size_t header_count, cell_count;
	bool has_row;
};

/*
 * Running text is gathered in `text` (white space collapsed) until a flush makes a block of it.
 * A failure is remembered: the first error code is in `code`, and later calls do nothing.
 */
struct builder {
	struct arena *arena;
	struct document *document;
	struct err *err;
	enum err_code code;

	struct buf text;      /* of the block being read */
	enum block_kind kind; /* that it will have */
	int depth;
	struct buf lead; /* title of an alert or tab, to go in front of the next paragraph */
	struct builder_table table;

	struct anchor_set anchors;
	struct str outer[7]; /* open headings by level, for section paths */
	struct block *blocks;
	size_t block_count, block_capacity;
	struct section *sections; /* `blocks` is set by builder_finish() */
	size_t *first_block;
	size_t section_count, section_capacity;
};

/* `out` is what document_init() made, and perhaps has a title and the like; `text_max` bounds one block. Release in every case. */
void builder_init(struct builder *b, struct arena *arena, struct document *out, size_t text_max,
		  struct err *err);
void builder_release(struct builder *b);

/* Appends running text; white space of any length, NBSP included, becomes one space. */
void builder_text(struct builder *b, struct str text);
/* Appends a code span with backticks around it, more of them than stand in a row inside. */
void builder_code_span(struct builder *b, struct str code);
/* One space, unless there is one or no text yet. */
void builder_space(struct builder *b);

/* Makes a block of the gathered text, if there is any; afterwards the kind is a paragraph's. */
void builder_flush(struct builder *b);

/* Text for `lead`; one that is already waiting becomes a paragraph of its own. */
void builder_lead(struct builder *b, struct str text);
void builder_flush_lead(struct builder *b);

/* A code block; one newline at its end is dropped. */
void builder_code(struct builder *b, struct str code, struct str language);

/* Starts a section; the heading is the gathered text. `anchor` and the path live in the arena. */
void builder_section(struct builder *b, int level, struct str anchor);

/*
 * Says that what the current section has was read from these lines (from 1; 0 says nothing): it
 * grows to hold them. For a heading's own line, call it after builder_section().
 */
void builder_lines(struct builder *b, size_t first, size_t last);

/* The gathered text is a table cell; a row is complete; the table is. */
void builder_cell(struct builder *b);
void builder_row(struct builder *b, bool header);
void builder_table_end(struct builder *b);

/* Notes the failure of a buffer of the caller's. */
void builder_check(struct builder *b, const struct buf *buf);
bool builder_failed(const struct builder *b);

/* Flushes and fills the document. */
enum err_code builder_finish(struct builder *b) WARN_UNUSED;

#endif
