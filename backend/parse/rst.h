/* reStructuredText: what its parts share. */
#ifndef DOCS_BOT_PARSE_RST_H
#define DOCS_BOT_PARSE_RST_H

#include "parse/builder.h"
#include "parse/lines.h"

#define RST_DEPTH         24 /* blocks in blocks; deeper ones are read as text */
#define RST_STYLES        16
#define RST_SUBSTITUTIONS 128

struct rst_style {
	char mark;
	bool over;
};

struct rst_substitution {
	struct str name, text;
};

struct rst {
	struct builder b;
	struct lines lines; /* over bytes that may be changed: marks of items become spaces */
	struct str target;  /* of an explicit target that waits for its section */
	struct rst_style styles[RST_STYLES];
	size_t style_count;
	struct rst_substitution substitutions[RST_SUBSTITUTIONS];
	size_t substitution_count;
	size_t auto_ids;
	int lists; /* open ones */
	bool substituting, in_title;
	struct str highlight; /* default language of literal blocks, "" for none */
	struct buf scratch;
};

/* Lines [first, end) as body elements; `depth` says how many blocks they are in. */
void rst_blocks(struct rst *r, size_t first, size_t end, int depth);

/* Where the block behind line `at` ends that is indented by more than `indent`. */
size_t rst_block_end(const struct rst *r, size_t at, size_t end, size_t indent);

/* The lines without their common indentation, as a code block. */
void rst_code(struct rst *r, size_t first, size_t end, struct str language);

/* Running text with roles, references and emphasis as the words that a reader sees. */
void rst_inline(struct rst *r, struct str text);

/* The id that docutils makes of a name: letters and digits of ASCII, joined by '-'; may be empty. */
struct str rst_id(struct str name, struct arena *arena);

/* ".. …" at line `at`, whose block ends at `end`. */
void rst_explicit(struct rst *r, size_t at, size_t end, int depth);

/* Tables; each returns the line behind it, or `at` when there is none. */
size_t rst_grid_table(struct rst *r, size_t at, size_t end);
size_t rst_simple_table(struct rst *r, size_t at, size_t end);
/* The content of a list-table, and rows of comma-separated values. */
void rst_list_table(struct rst *r, size_t first, size_t end, bool header);
void rst_csv(struct rst *r, struct str rows, bool header);

#endif
