/*
 * Sections and pages that say what another page of the same source says: copies, old versions,
 * boilerplate. One of them is searched, the others are only kept. Why this way, and what it does to
 * the sample: docs/decisions.
 */
#ifndef DOCS_BOT_INDEX_DUPLICATE_H
#define DOCS_BOT_INDEX_DUPLICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/str.h"

#define DUPLICATE_PRINT_SIZE 16

/* What is compared of a section: 64 bits of its words, its numbers, how many words it has. */
struct duplicate_print {
	uint64_t words;   /* SimHash of its shingles (Charikar 2002), or a hash of all its words */
	uint32_t numbers; /* hash of the words with a digit, in any order */
	uint32_t count;   /* of words; the highest bit: `words` must be equal, not only near */
};

/* `exact`: code, of which one word makes a difference. Linear in the text. */
struct duplicate_print duplicate_print_of(struct str text, bool exact);

/* As bytes, the same on every machine. */
void duplicate_print_write(const struct duplicate_print *print,
			   unsigned char out[DUPLICATE_PRINT_SIZE]);
struct duplicate_print duplicate_print_read(const unsigned char bytes[DUPLICATE_PRINT_SIZE]);

/* Whether two sections are long enough and near enough for one to stand for both. */
bool duplicate_near(const struct duplicate_print *a, const struct duplicate_print *b);

struct duplicate_document {
	struct str path, version;
	bool archived;
	const struct duplicate_print *prints; /* [count], one for each section */
	size_t count;
	bool *hidden; /* [count]: written */
};

/*
 * Says which sections are not to be searched, because a document that comes before has them: current
 * before archived ones, those of no version before newer before older versions, then the shorter path,
 * then by path. A page all of whose sections are those of another one is hidden as a whole, else
 * sections of some length alone. The result depends on the set of documents only, not on their order.
 * *hidden grows by the sections hidden. Errors: ERR_NOMEM.
 */
enum err_code duplicate_decide(struct duplicate_document *documents, size_t count,
			       const struct alloc *alloc, uint64_t *hidden,
			       struct err *err) WARN_UNUSED;

/* Newer first: negative when `a` is newer than `b` ("1.10" than "1.9"); none is newer than any. */
int duplicate_compare_versions(struct str a, struct str b);

#endif
