/* Two lines: an address and a reference. Whatever comes out is in the one form, and a good item path. */
#include <stdlib.h>

#include "base/utf8.h"
#include "net/url.h"
#include "source/filter.h"
#include "source/site.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct str rest = {(const char *)data, size}, base, out, again, path;
	struct arena arena;
	struct err err;
	struct url url;
	enum err_code code;

	arena_init(&arena, alloc_default(), (size_t)1 << 20);
	(void)str_cut(&rest, '\n', &base);
	code = url_join(base, rest, &arena, &out, &err);
	if (code == ERR_OK) {
		if (url_join(STR(""), out, &arena, &again, &err) != ERR_OK || !str_eq(out, again))
			abort();
		if (out.len > URL_MAX || !url_parse(out, &url) || url.has_userinfo ||
		    url.fragment.len || url.path.len == 0)
			abort();
		for (size_t i = 0; i < out.len; i++)
			if (out.ptr[i] <= ' ' || out.ptr[i] > '~')
				abort();
		if (site_item_path(out, STR("html"), &arena, &path, &err) != ERR_OK ||
		    !source_inner_path(path))
			abort();
	} else if (code != ERR_INVALID) {
		abort();
	}
	arena_release(&arena);
	return 0;
}
