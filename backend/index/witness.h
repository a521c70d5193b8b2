/*
 * To which hosts a document links, and what tells whether two documents are independent of each other:
 * a host that several independent ones link to may be shown to readers (answer/hosts.h).
 */
#ifndef DOCS_BOT_INDEX_WITNESS_H
#define DOCS_BOT_INDEX_WITNESS_H

#include "store/store.h"

#define WITNESS_HOSTS_MAX 200 /* of one document; what it links to beyond that does not count */

struct witness {
	struct store_link *links; /* distinct hosts, in order of appearance */
	size_t link_count;
	unsigned char print[STORE_PRINT_SIZE]; /* MinHash of the document's words */
};

/*
 * Reads the file as it is, whatever its format: addresses stand in links, attributes and comments.
 * Linear in the text. The lists are in the arena. Thread-safe; errors: ERR_NOMEM, ERR_LIMIT.
 */
enum err_code witness_of(struct str text, struct arena *arena, struct witness *out,
			 struct err *err) WARN_UNUSED;

#endif
