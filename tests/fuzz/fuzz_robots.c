/* Any bytes are read as robots.txt; what follows a NUL byte is asked about. */
#include <stdlib.h>
#include <string.h>

#include "source/robots.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct str text = {(const char *)data, size}, target = STR("/a/b?c=d");
	struct arena arena;
	struct robots robots, none = {.rule_count = 0};
	struct err err;

	for (size_t i = 0; i < size; i++)
		if (data[i] == '\0') {
			target = str_slice(text, i + 1, size);
			text = str_slice(text, 0, i);
			break;
		}
	if (target.len > 2000)
		target.len = 2000;
	arena_init(&arena, alloc_default(), (size_t)64 << 20);
	if (robots_parse(text, STR("docs-bot"), &arena, &robots, &err) != ERR_OK)
		abort();
	(void)robots_allows(&robots, target);
	/* no rule, no ban; and an empty target matches only patterns that match anything */
	if (!robots_allows(&none, target) || robots.crawl_delay < 0)
		abort();
	arena_release(&arena);
	return 0;
}
