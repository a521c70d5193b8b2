/* The sources of `docs-bot index`: a list in the configuration, or addresses on the command line. */
#ifndef DOCS_BOT_CMD_SOURCES_H
#define DOCS_BOT_CMD_SOURCES_H

#include "cmd/command.h"
#include "index/run.h"

/* id, name, type, default, min, max, choices, description */
#define SOURCE_SETTINGS(X)                                                                         \
	X(SOURCE_NAME, "name", CONFIG_STRING, "", 0, 0, NULL,                                      \
	  "under which its documents are filed (default: owner/repository, host or folder)")       \
	X(SOURCE_TYPE, "type", CONFIG_STRING, "", 0, 0, "dir|git|site",                            \
	  "what it is (default: as the address looks)")                                            \
	X(SOURCE_PATH, "path", CONFIG_STRING, "", 0, 0, NULL,                                      \
	  "dir: folder, relative to the configuration file")                                       \
	X(SOURCE_URL, "url", CONFIG_STRING, "", 0, 0, NULL, "git, site: address")                  \
	X(SOURCE_BRANCH, "branch", CONFIG_STRING, "", 0, 0, NULL,                                  \
	  "git: branch or tag (default: the repository's own)")                                    \
	X(SOURCE_PATHS, "paths", CONFIG_LIST, "", 0, 0, NULL, "git: only these folders")           \
	X(SOURCE_INCLUDE, "include", CONFIG_LIST, "", 0, 0, NULL, "only paths that match")         \
	X(SOURCE_EXCLUDE, "exclude", CONFIG_LIST, "", 0, 0, NULL, "no paths that match")           \
	X(SOURCE_BASE_URL, "base_url", CONFIG_STRING, "", 0, 0, NULL,                              \
	  "address under which its pages are published")                                           \
	X(SOURCE_URL_STYLE, "url_style", CONFIG_STRING, "auto", 0, 0,                              \
	  "auto|hugo|github|site|none", "how the addresses of pages are made")                     \
	X(SOURCE_WEB_URL, "web_url", CONFIG_STRING, "", 0, 0, NULL,                                \
	  "address of the repository for url_style github (default: from url)")                    \
	X(SOURCE_VERSION, "version", CONFIG_STRING, "", 0, 0, NULL,                                \
	  "version that all its pages are about (default: from path and title)")                   \
	X(SOURCE_ARCHIVED, "archived", CONFIG_BOOL, "false", 0, 0, NULL,                           \
	  "all of it is kept for the record only")                                                 \
	X(SOURCE_TOKEN_ENV, "token_env", CONFIG_STRING, "", 0, 0, NULL,                            \
	  "git: environment variable that holds the access token (github.com: GITHUB_TOKEN)")      \
	X(SOURCE_DEPTH, "depth", CONFIG_INT, "1", 0, 1000000, NULL,                                \
	  "git: commits to fetch; 0: all")                                                         \
	X(SOURCE_MAX_PAGES, "max_pages", CONFIG_INT, "10000", 1, 1000000, NULL,                    \
	  "site: most pages that are read")                                                        \
	X(SOURCE_MAX_DEPTH, "max_depth", CONFIG_INT, "16", 1, 1000, NULL,                          \
	  "site: most links from the start page")                                                  \
	X(SOURCE_RATE, "rate", CONFIG_FLOAT, "5", 0.01, 1000, NULL, "site: requests per second")   \
	X(SOURCE_GITIGNORE, "gitignore", CONFIG_BOOL, "true", 0, 0, NULL,                          \
	  "dir: leave out what .gitignore names")

enum source_setting {
#define SOURCE_ENUM(id, ...) id,
	SOURCE_SETTINGS(SOURCE_ENUM)
#undef SOURCE_ENUM
		SOURCE_SETTING_COUNT
};

extern const struct config_setting source_settings[SOURCE_SETTING_COUNT];

enum source_type { SOURCE_DIR = 1, SOURCE_GIT = 2, SOURCE_SITE = 4 };

/* One source as it was asked for. All of it in the context's arena or of static storage. */
struct source_spec {
	enum source_type type;
	const char *name;     /* NULL: as its backend names it */
	const char *location; /* folder or address */
	const char *branch;   /* NULL: the repository's own */
	const char *token_env;
	struct str *paths, *include, *exclude;
	size_t path_count, include_count, exclude_count;
	struct url_rules url;
	struct str version;
	bool archived, no_ignore;
	size_t depth, max_pages, max_depth;
	double rate;
};

struct source_specs {
	struct source_spec *items;
	size_t count;
};

/*
 * What the text of a location is: with "git+" in front, "file://", ".git" at its end or as the
 * address of a repository of a known host it is a repository, with another "://" a website, else a
 * folder.
 */
enum source_type sources_type_of(const char *location);

/* The list of the configuration, checked; errors name file and line. */
enum err_code sources_from_config(struct context *ctx, struct source_specs *out,
				  struct err *err) WARN_UNUSED;

/*
 * What the command line asks for: the folders and addresses that are its arguments, else the
 * configured sources, of which --source may name some. May be none.
 */
enum err_code sources_wanted(struct context *ctx, struct source_specs *out,
			     struct err *err) WARN_UNUSED;

/*
 * Opens each; one that cannot be opened is noted in out[i] and is no error, unless memory ran out.
 * Close with sources_close() in every case, out[] having been zeroed.
 */
enum err_code sources_open(struct context *ctx, const struct source_specs *specs,
			   struct index_source *out, struct err *err) WARN_UNUSED;
void sources_close(struct index_source *sources, size_t count);

#endif
