/* Any bytes are made UTF-8 as a page of a website and looked through for links. */
#include <stdlib.h>

#include "base/utf8.h"
#include "source/charset.h"
#include "source/page_links.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct str bytes = {(const char *)data, size};
	struct arena arena;
	struct page_links links;
	struct buf text;
	struct err err;
	enum err_code code;

	arena_init(&arena, alloc_default(), (size_t)256 << 20);
	buf_init(&text, alloc_default(), (size_t)4 << 20);
	code = charset_to_utf8(bytes, STR("text/html"), true, &text, &err);
	if (code == ERR_OK) {
		if (!utf8_valid(buf_str(&text)))
			abort();
		bytes = buf_str(&text);
	} else if (code != ERR_FORMAT && code != ERR_LIMIT) {
		abort();
	}
	if (page_links_scan(bytes, &arena, &links, &err) != ERR_OK)
		abort();
	for (size_t i = 0; i < links.count; i++)
		if (links.hrefs[i].len == 0 || (code == ERR_OK && !utf8_valid(links.hrefs[i])))
			abort();
	buf_release(&text);
	arena_release(&arena);
	return 0;
}
