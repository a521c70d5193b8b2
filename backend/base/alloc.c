#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *system_resize(void *ctx, void *ptr, size_t size)
{
	(void)ctx;
	if (size == 0) {
		free(ptr);
		return NULL;
	}
	return realloc(ptr, size);
}

const struct alloc *alloc_default(void)
{
	static const struct alloc system_alloc = {system_resize, NULL};
	return &system_alloc;
}

void *alloc_get(const struct alloc *alloc, size_t size)
{
	return alloc->resize(alloc->ctx, NULL, size ? size : 1);
}

void *alloc_zero(const struct alloc *alloc, size_t count, size_t size)
{
	size_t total;
	if (!size_mul(count, size, &total))
		return NULL;
	void *ptr = alloc_get(alloc, total);
	if (ptr)
		memset(ptr, 0, total);
	return ptr;
}

void *alloc_resize(const struct alloc *alloc, void *ptr, size_t size)
{
	return alloc->resize(alloc->ctx, ptr, size ? size : 1);
}

void alloc_free(const struct alloc *alloc, void *ptr)
{
	if (ptr)
		alloc->resize(alloc->ctx, ptr, 0);
}

bool size_mul(size_t a, size_t b, size_t *out)
{
	return !__builtin_mul_overflow(a, b, out);
}

bool size_add(size_t a, size_t b, size_t *out)
{
	return !__builtin_add_overflow(a, b, out);
}
