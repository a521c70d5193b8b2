/*
 * Hugo shortcodes: {{< name params >}} and {{% name params %}}.
 *
 * They cannot be dropped before the Markdown parser runs, since inside code they are content, and
 * not after it either, since their markup would be read as Markdown. So each is replaced by a
 * placeholder (noncharacters that Unicode keeps for such internal use) which the parser carries
 * along as a word; afterwards code gets the shortcode back as it was written, and text its words.
 */
#ifndef DOCS_BOT_PARSE_SHORTCODE_H
#define DOCS_BOT_PARSE_SHORTCODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "parse/lines.h"

#define SHORTCODE_OPEN  "\xEF\xB7\x90" /* U+FDD0, followed by the number in decimal */
#define SHORTCODE_CLOSE "\xEF\xB7\x91" /* U+FDD1 */
#define SHORTCODE_GUARD "\xEF\xB7\x92" /* U+FDD2: put in to stop the parser, no content */

struct shortcode {
	struct str raw;                 /* as written */
	struct str inner;               /* between the delimiters, trimmed */
	struct str name;                /* without '/' */
	struct str params;              /* what follows the name */
	size_t line;                    /* number of its line */
	char mark;                      /* '<' or '%' */
	bool closing;                   /* begins with '/' */
	bool escaped;                   /* commented out within its delimiters: shown as text */
	bool paired;                    /* its counterpart was found, */
	bool spread;                    /* on another line */
	bool blank_before, blank_after; /* a blank line was put in, to set off a block */
};

struct shortcode_list {
	const struct alloc *alloc;
	struct shortcode *items;
	size_t count, capacity;
};

void shortcode_list_init(struct shortcode_list *list, const struct alloc *alloc);
void shortcode_list_release(struct shortcode_list *list);

/*
 * Appends `text` to `out` with every shortcode replaced by a placeholder, line ends as '\n', and
 * guards in lines that would cost the Markdown parser more than linear time (hundreds of nested
 * containers or table columns). The list holds views into `text`, which must outlive it. `lines`
 * gets the line of `text` that each line of `out` comes from.
 */
enum err_code shortcode_replace(struct str text, struct shortcode_list *list, struct buf *out,
				struct line_map *lines, struct err *err) WARN_UNUSED;

/*
 * The placeholder or guard at s[at]: its length in bytes, 0 when there is none. *item is the
 * shortcode, or NULL for a guard.
 */
size_t shortcode_at(const struct shortcode_list *list, struct str s, size_t at,
		    const struct shortcode **item);

/* Appends code with every shortcode as it was written (an escaped one as it is shown). */
void shortcode_restore(const struct shortcode_list *list, struct str code, struct buf *out);

/*
 * Appends the words a reader sees of a shortcode's own markup (title, tab name, alt text,
 * caption…), joined by ". "; nothing for most.
 */
void shortcode_words(const struct shortcode *item, struct buf *out);

#endif
