#include "source/site_cache.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "net/url.h"

/* Grows when what is kept of a page changes. */
#define MAGIC      "docs-bot page 1\n"
#define HEADER_MAX 16384
#define KEY_LENGTH 64

void site_cache_key(struct str url, char key[65])
{
	sha256_hex(url.ptr, url.len, key);
}

static bool file_path(const struct site_cache *cache, const char *key, char out[4096])
{
	int len = snprintf(out, 4096, "%s/%s", cache->dir, key);

	return len > 0 && len < 4096;
}

/* Copies the members; false when one is missing. */
static bool read_header(const json_t *header, struct arena *arena, struct site_page *out)
{
	struct str hash = json_get_str(header, "sha256");

	out->url = arena_str(arena, json_get_str(header, "url"));
	out->kind = arena_str(arena, json_get_str(header, "kind"));
	out->etag = arena_str(arena, json_get_str(header, "etag"));
	out->modified = arena_str(arena, json_get_str(header, "modified"));
	out->noindex = json_get_int(header, "noindex", 0) != 0;
	out->nofollow = json_get_int(header, "nofollow", 0) != 0;
	if (hash.len == KEY_LENGTH)
		memcpy(out->hash, hash.ptr, KEY_LENGTH);
	out->hash[KEY_LENGTH] = '\0';
	return hash.len == KEY_LENGTH && out->url.len && out->kind.len && out->etag.ptr &&
	       out->modified.ptr;
}

/* What one file holds; false when that is not what was written. */
static bool decode(struct str bytes, struct arena *arena, struct site_page *out, struct buf *text)
{
	json_t *header = NULL;
	struct err ignored;
	char hash[65];
	size_t end;
	bool good;

	if (!str_starts(bytes, STR(MAGIC)))
		return false;
	bytes = str_slice(bytes, sizeof(MAGIC) - 1, bytes.len);
	end = str_find(str_slice(bytes, 0, HEADER_MAX), STR("\n"), 0);
	if (end == STR_NPOS || json_parse(str_slice(bytes, 0, end), &header, &ignored) != ERR_OK)
		return false;
	good = read_header(header, arena, out);
	json_decref(header);
	bytes = str_slice(bytes, end + 1, bytes.len);
	sha256_hex(bytes.ptr, bytes.len, hash);
	return good && strcmp(hash, out->hash) == 0 && buf_append(text, bytes);
}

enum err_code site_cache_load(const struct site_cache *cache, const char *key, struct arena *arena,
			      struct site_page *out, struct buf *text, bool *found, struct err *err)
{
	char path[4096];
	struct buf bytes;
	enum err_code code;
	struct err problem;

	*found = false;
	*out = (struct site_page){.noindex = false};
	snprintf(out->key, sizeof(out->key), "%s", key);
	if (!file_path(cache, key, path))
		return err_set(err, ERR_INVALID, "the path of the cache is too long");
	buf_init(&bytes, cache->alloc, cache->max_bytes + HEADER_MAX + sizeof(MAGIC));
	code = file_read(path, bytes.max, &bytes, &problem);
	if (code == ERR_OK)
		*found = decode(buf_str(&bytes), arena, out, text);
	buf_release(&bytes);
	/* any other failure is only a page that is fetched again */
	return code == ERR_NOMEM ? err_set(err, code, "%s", problem.message) : ERR_OK;
}

enum err_code site_cache_save(const struct site_cache *cache, const struct site_page *page,
			      struct str text, struct err *err)
{
	json_t *header =
		json_pack("{s:o, s:o, s:o, s:o, s:s, s:i, s:i}", "url", json_from_str(page->url),
			  "kind", json_from_str(page->kind), "etag", json_from_str(page->etag),
			  "modified", json_from_str(page->modified), "sha256", page->hash,
			  "noindex", (int)page->noindex, "nofollow", (int)page->nofollow);
	char path[4096];
	struct buf bytes;
	enum err_code code = ERR_OK;

	if (!header)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (!file_path(cache, page->key, path))
		code = err_set(err, ERR_INVALID, "the path of the cache is too long");
	buf_init(&bytes, cache->alloc, text.len + HEADER_MAX + sizeof(MAGIC));
	buf_append(&bytes, STR(MAGIC));
	if (code == ERR_OK)
		code = json_write(header, &bytes, err);
	json_decref(header);
	buf_append_byte(&bytes, '\n');
	buf_append(&bytes, text);
	if (code == ERR_OK)
		code = buf_ok(&bytes, "the cached page", err);
	if (code == ERR_OK)
		code = file_write_atomic(path, buf_str(&bytes), err);
	buf_release(&bytes);
	return code;
}

static int compare_keys(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

void site_cache_prune(const struct site_cache *cache, const struct str *keep, size_t count)
{
	DIR *dir = opendir(cache->dir);
	struct dirent *entry;
	char path[4096];

	while (dir && (entry = readdir(dir))) {
		struct str name = str_c(entry->d_name);

		if (name.len != KEY_LENGTH ||
		    (count && bsearch(&name, keep, count, sizeof(*keep), compare_keys)))
			continue;
		if (file_path(cache, entry->d_name, path))
			(void)unlink(path);
	}
	if (dir)
		closedir(dir);
}
