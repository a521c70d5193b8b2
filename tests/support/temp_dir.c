#include "support/temp_dir.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

void temp_dir_make(struct temp_dir *dir)
{
	const char *base = getenv("TMPDIR");
	int len = snprintf(dir->path, sizeof(dir->path), "%s/docs-bot-test-XXXXXX",
			   base && *base ? base : "/tmp");
	assert_in_range(len, 1, sizeof(dir->path) - 1);
	assert_non_null(mkdtemp(dir->path));
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info;
	(void)kind;
	(void)where;
	return remove(path);
}

void temp_dir_remove(struct temp_dir *dir)
{
	if (dir->path[0])
		(void)nftw(dir->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	dir->path[0] = '\0';
}

const char *temp_dir_path(const struct temp_dir *dir, const char *name, char out[512])
{
	int len = snprintf(out, 512, "%s/%s", dir->path, name);
	assert_in_range(len, 1, 511);
	return out;
}

void temp_dir_write(const struct temp_dir *dir, const char *name, struct str content)
{
	char path[512];
	struct err err = {ERR_OK, ""};
	temp_dir_path(dir, name, path);
	char *slash = strrchr(path, '/');
	*slash = '\0';
	if (file_make_dirs(path, &err))
		fail_msg("%s", err.message);
	*slash = '/';
	if (file_write_atomic(path, content, &err))
		fail_msg("%s", err.message);
}

void temp_dir_delete(const struct temp_dir *dir, const char *name)
{
	char path[512];
	assert_int_equal(unlink(temp_dir_path(dir, name, path)), 0);
}

void temp_dir_rename(const struct temp_dir *dir, const char *from, const char *to)
{
	char old_path[512], new_path[512];
	assert_int_equal(
		rename(temp_dir_path(dir, from, old_path), temp_dir_path(dir, to, new_path)), 0);
}

bool temp_dir_exists(const struct temp_dir *dir, const char *name)
{
	char path[512];
	struct stat info;
	return lstat(temp_dir_path(dir, name, path), &info) == 0;
}
