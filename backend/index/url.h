/* Where a document is read in a browser. */
#ifndef DOCS_BOT_INDEX_URL_H
#define DOCS_BOT_INDEX_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum url_style {
	/*
	 * What fits: the item's own address when it has one; with a base URL as URL_HUGO for paths
	 * under content/ and base + "/" + path for others; with the address of a repository as
	 * URL_GITHUB; else as URL_NONE.
	 */
	URL_AUTO,
	/*
	 * The permalink that Hugo gives by default: base + the path in lower case without its
	 * extension, a space as '-', other punctuation but . _ # + ~ @ dropped, a slash at the end;
	 * index.md and _index.md are their folder; "content/en/" and "content/" in front are
	 * dropped. "content/en/docs/x/My Page.md" is "https://www.kubeflow.org/docs/x/my-page/".
	 * `url` in the front matter replaces the path, `slug` its last part (not of _index.md).
	 */
	URL_HUGO,
	URL_GITHUB, /* repository + "/blob/" + ref + "/" + path */
	URL_SITE,   /* the item's own address, or base + "/" + path */
	URL_NONE,   /* "/pages/" + path, which the service serves itself */
};

/* How the addresses of one source are made. All strings may be empty, and may end in slashes. */
struct url_rules {
	enum url_style style;
	struct str base_url;
	struct str web_url; /* of the repository: "https://github.com/kubeflow/website" */
	struct str ref;     /* branch, tag or commit; empty: HEAD, which GitHub knows as well */
};

/* What a document brings along. `path` is relative to its source, '/' between parts, UTF-8. */
struct url_page {
	struct str path;
	struct str own;       /* its own address, of pages of a website */
	struct str url, slug; /* from the front matter */
};

/*
 * The address of a page. Paths are percent-encoded. A style whose base or repository is not given
 * is URL_NONE. *out lives in the arena. Thread-safe; errors: ERR_NOMEM, ERR_LIMIT.
 */
enum err_code url_for_document(const struct url_rules *rules, const struct url_page *page,
			       struct arena *arena, struct str *out, struct err *err) WARN_UNUSED;

/* The style that url_for_document() uses for the page: never URL_AUTO. */
enum url_style url_style_of(const struct url_rules *rules, const struct url_page *page);

/*
 * The fragment of lines of a file on GitHub: "L10-L20", or "L10"; 1-based, both inclusive. Empty
 * when the lines are not known (0). *out lives in the arena. Errors as above.
 */
enum err_code url_line_fragment(uint32_t first, uint32_t last, struct arena *arena, struct str *out,
				struct err *err) WARN_UNUSED;

/* "hugo", "github", "site", "none" or "auto"; false for any other name. */
bool url_style_parse(struct str name, enum url_style *out);

#endif
