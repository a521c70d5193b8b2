/* .gitignore and .docsbotignore of a folder tree, as gitignore(5) has them. For source/ alone. */
#ifndef DOCS_BOT_SOURCE_IGNORE_H
#define DOCS_BOT_SOURCE_IGNORE_H

#include "base/arena.h"
#include "base/err.h"

struct ignore_rule {
	struct str pattern; /* as source_glob_match() takes it */
	struct str base;    /* the folder of its file, relative to the root; "" is the root */
	bool negated;       /* what it matches is not ignored after all */
	bool folders_only;
};

/* Rules in the order in which their files were read: an outer folder before the inner ones. */
struct ignore {
	const struct alloc *alloc;
	struct arena *arena; /* of the rules' texts */
	struct ignore_rule *rules;
	size_t count, capacity;
};

/* Adds the rules of one file's text. ERR_LIMIT past 20,000 rules. */
enum err_code ignore_add(struct ignore *ignore, struct str base, struct str text,
			 struct err *err) WARN_UNUSED;

/*
 * Whether the path (relative to the root) is left out: the last rule that matches decides. What is in an
 * ignored folder is ignored as well; the caller does not enter it, and so does not ask.
 */
bool ignore_matches(const struct ignore *ignore, struct str path, bool is_folder);

void ignore_release(struct ignore *ignore);

#endif
