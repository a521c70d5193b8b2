/* Files: read whole with a limit, map, write atomically, make folders. */
#ifndef DOCS_BOT_BASE_FILE_H
#define DOCS_BOT_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"

/* Appends the whole regular file to `out`; ERR_LIMIT when it is larger than `max` bytes. */
enum err_code file_read(const char *path, size_t max, struct buf *out, struct err *err) WARN_UNUSED;

/* Writes a temporary file beside `path`, syncs, renames: readers see the old or the new one. */
enum err_code file_write_atomic(const char *path, struct str text, struct err *err) WARN_UNUSED;

/* mkdir -p, mode 0755. */
enum err_code file_make_dirs(const char *path, struct err *err) WARN_UNUSED;

/* A read-only private mapping. Shareable between threads until file_unmap. */
struct file_map {
	const unsigned char *ptr;
	size_t len;
	int64_t modified_ns; /* when the file was last modified */
};
enum err_code file_map(const char *path, struct file_map *map, struct err *err) WARN_UNUSED;
void file_unmap(struct file_map *map);

/* Gives back the memory of the pages that have been read; they come from the file again. */
void file_map_forget(const struct file_map *map);

/* Lower-case hexadecimal SHA-256 of bytes, or of a file read in pieces. */
void sha256_hex(const void *data, size_t len, char out[65]);
enum err_code file_sha256(const char *path, char out[65], struct err *err) WARN_UNUSED;

#endif
