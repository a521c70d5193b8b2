/*
 * Configuration as one table: name, type, default, environment name, limits, description.
 * Flags, --help, `config show`, the file reader and the completion all come from it.
 */
#ifndef DOCS_BOT_BASE_CONFIG_H
#define DOCS_BOT_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum config_type {
	CONFIG_STRING,
	CONFIG_INT,
	CONFIG_FLOAT,
	CONFIG_BOOL,
	CONFIG_SECRET,
	CONFIG_LIST, /* of strings; its text has one a line */
};

struct config_setting {
	const char *name; /* in the file; the flag is "--" + name with '-' for '_' */
	enum config_type type;
	const char *fallback; /* default, as text */
	const char *env;
	double min, max;     /* of numbers, both inclusive */
	const char *choices; /* "a|b|c", or NULL */
	const char *description;
};

/* In rising order of precedence. */
enum config_origin { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENV, CONFIG_FLAG };

struct config_value {
	struct str text; /* NUL-terminated */
	enum config_origin origin;
};

struct config_item;

/* A list of mappings in the file, each with the settings of one table: "sources:". */
struct config_section {
	const char *name; /* NULL: there is no such list */
	const struct config_setting *table;
	size_t count;
	struct config_item *items; /* in the order of the file */
	size_t item_count, capacity;
};

/* Written while the program starts, read-only (and shareable) afterwards. */
struct config {
	const struct config_setting *table;
	size_t count;
	struct config_value *values;
	struct arena *arena;
	struct config_section section;
};

/* One entry of a section. */
struct config_item {
	struct config config; /* its settings */
	size_t line;          /* of the file, from 1 */
};

/* All defaults. The arena must outlive the configuration. */
enum err_code config_init(struct config *config, const struct config_setting *table, size_t count,
			  struct arena *arena, struct err *err) WARN_UNUSED;

/* Lets the file hold a list of mappings under `name`, each with settings of the table. */
void config_add_section(struct config *config, const char *name, const struct config_setting *table,
			size_t count);

/*
 * Reads a YAML mapping of scalar values, lists of them, and the section. An unknown key is ERR_INVALID and names the line and the
 * nearest known key; so is a value of the wrong type or out of range.
 */
enum err_code config_read_file(struct config *config, const char *path,
			       struct err *err) WARN_UNUSED;

/* Takes every setting whose environment variable is set and not empty. */
enum err_code config_read_env(struct config *config, const char *(*get)(const char *name),
			      struct err *err) WARN_UNUSED;

/* Sets one value unless a higher origin has; validates. `index` is into the table. */
enum err_code config_set(struct config *config, size_t index, struct str text,
			 enum config_origin origin, struct err *err) WARN_UNUSED;

/* Index of a setting by name ('-' and '_' are the same), or config->count. */
size_t config_find(const struct config *config, struct str name);

const char *config_string(const struct config *config, size_t index);
long long config_int(const struct config *config, size_t index);
double config_float(const struct config *config, size_t index);
bool config_bool(const struct config *config, size_t index);
/* Cuts the next string off a CONFIG_LIST's text; loop: while (config_next(&rest, &one)). */
bool config_next(struct str *rest, struct str *one);

/* "default", "file", "environment", "flag" */
const char *config_origin_name(enum config_origin origin);

/* The candidate with the smallest edit distance to `word`, NULL when none is near. */
const char *config_nearest(struct str word, const char *(*candidate)(const void *ctx, size_t i),
			   const void *ctx, size_t count);

#endif
