#include "support/fail_alloc.h"

#include <stdlib.h>

static void *resize(void *ctx, void *ptr, size_t size)
{
	struct fail_alloc *fail = ctx;
	if (size == 0) {
		if (ptr)
			atomic_fetch_sub(&fail->live, 1);
		free(ptr);
		return NULL;
	}
	size_t call = atomic_fetch_add(&fail->calls, 1) + 1;
	if (fail->fail_at &&
	    (fail->fail_ever_after ? call >= fail->fail_at : call == fail->fail_at)) {
		atomic_fetch_add(&fail->failures, 1);
		return NULL;
	}
	void *grown = realloc(ptr, size);
	if (grown && !ptr)
		atomic_fetch_add(&fail->live, 1);
	return grown;
}

void fail_alloc_init(struct fail_alloc *fail, size_t fail_at, bool fail_ever_after)
{
	*fail = (struct fail_alloc){
		.alloc = {resize, fail}, .fail_at = fail_at, .fail_ever_after = fail_ever_after};
}
