/* A fresh folder for a test, and files in it. Failures end the running test (cmocka). */
#ifndef DOCS_BOT_TESTS_TEMP_DIR_H
#define DOCS_BOT_TESTS_TEMP_DIR_H

#include <stdbool.h>

#include "base/str.h"

struct temp_dir {
	char path[128];
};

/* mkdtemp() below $TMPDIR or /tmp. */
void temp_dir_make(struct temp_dir *dir);

/* Removes it with all it holds. */
void temp_dir_remove(struct temp_dir *dir);

/* dir/name in out[512]; returns out. */
const char *temp_dir_path(const struct temp_dir *dir, const char *name, char out[512]);

/* Writes dir/name, making folders on the way; `name` uses '/'. */
void temp_dir_write(const struct temp_dir *dir, const char *name, struct str content);
void temp_dir_delete(const struct temp_dir *dir, const char *name);
void temp_dir_rename(const struct temp_dir *dir, const char *from, const char *to);
bool temp_dir_exists(const struct temp_dir *dir, const char *name);

#endif
