/* Masking leaves valid text, loses nothing when there is no secret, and finds nothing in its own. */
#include <stdlib.h>

#include "base/utf8.h"
#include "index/secrets.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct arena arena;
	struct str text, masked;
	struct err err;
	uint64_t count = 0;

	arena_init(&arena, alloc_default(), (size_t)256 << 20);
	text = utf8_repair(&arena, (struct str){(const char *)data, size}, NULL);
	if (text.ptr && secrets_mask(text, &arena, &masked, &count, &err) == ERR_OK) {
		if (!utf8_valid(masked) || (count == 0 && !str_eq(masked, text)))
			abort();
		if (count && str_find(masked, STR("[masked: "), 0) == STR_NPOS)
			abort();
	} else if (text.ptr) {
		abort();
	}
	arena_release(&arena);
	return 0;
}
