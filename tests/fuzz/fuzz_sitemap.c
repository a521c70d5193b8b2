/* Any bytes are unpacked when they look like gzip, and read as a sitemap. */
#include <stdlib.h>

#include "base/utf8.h"
#include "source/sitemap.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct str bytes = {(const char *)data, size};
	struct arena arena;
	struct sitemap map;
	struct err err;
	struct buf text;
	enum err_code code = ERR_OK;

	arena_init(&arena, alloc_default(), (size_t)64 << 20);
	buf_init(&text, alloc_default(), (size_t)1 << 20);
	if (sitemap_is_gzip(bytes)) {
		code = sitemap_unpack(bytes, &text, &err);
		if (code != ERR_OK && code != ERR_FORMAT && code != ERR_LIMIT)
			abort();
		bytes = buf_str(&text);
	}
	code = sitemap_parse(bytes, &arena, &map, &err);
	if (code != ERR_OK && code != ERR_FORMAT)
		abort();
	for (size_t i = 0; i < map.count; i++)
		if (map.locs[i].len == 0 || !utf8_valid(map.locs[i]))
			abort();
	buf_release(&text);
	arena_release(&arena);
	return 0;
}
