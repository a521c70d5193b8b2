#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { ARENA_ALIGN = 16, ARENA_BLOCK = 64 * 1024 };

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	_Alignas(ARENA_ALIGN) unsigned char bytes[];
};

void arena_init(struct arena *arena, const struct alloc *alloc, size_t max)
{
	*arena = (struct arena){.alloc = alloc, .max = max};
}

static void free_blocks(struct arena *arena, struct arena_block *block)
{
	while (block) {
		struct arena_block *next = block->next;
		alloc_free(arena->alloc, block);
		block = next;
	}
}

void arena_release(struct arena *arena)
{
	free_blocks(arena, arena->head);
	arena->head = NULL;
	arena->used = 0;
}

void arena_reset(struct arena *arena)
{
	if (arena->head) {
		free_blocks(arena, arena->head->next);
		arena->head->next = NULL;
		arena->head->used = 0;
	}
	arena->used = 0;
}

static bool grow(struct arena *arena, size_t size)
{
	size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;
	size_t total;
	if (!size_add(sizeof(struct arena_block), room, &total))
		return false;
	struct arena_block *block = alloc_get(arena->alloc, total);
	if (!block)
		return false;
	block->next = arena->head;
	block->size = room;
	block->used = 0;
	arena->head = block;
	return true;
}

void *arena_get(struct arena *arena, size_t size)
{
	size_t rounded;
	bool fits = size_add(size ? size : 1, ARENA_ALIGN - 1, &rounded);
	rounded &= ~(size_t)(ARENA_ALIGN - 1);
	if (!fits || rounded > arena->max - arena->used) {
		arena->limited = true;
		return NULL;
	}
	if ((!arena->head || arena->head->size - arena->head->used < rounded) &&
	    !grow(arena, rounded)) {
		arena->limited = false;
		return NULL;
	}
	unsigned char *ptr = arena->head->bytes + arena->head->used;
	arena->head->used += rounded;
	arena->used += rounded;
	memset(ptr, 0, size);
	return ptr;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;
	return arena_get(arena, size_mul(count, size, &total) ? total : SIZE_MAX);
}

struct str arena_str(struct arena *arena, struct str text)
{
	char *copy = arena_get(arena, text.len < SIZE_MAX ? text.len + 1 : SIZE_MAX);
	if (!copy)
		return (struct str){NULL, 0};
	if (text.len)
		memcpy(copy, text.ptr, text.len);
	return (struct str){copy, text.len};
}

struct str arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	char *text = len < 0 ? NULL : arena_get(arena, (size_t)len + 1);
	if (!text)
		return (struct str){NULL, 0};
	va_start(args, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, args);
	va_end(args);
	return (struct str){text, (size_t)len};
}

enum err_code(arena_fail)(const struct arena *arena, struct err *err)
{
	if (arena->limited)
		return err_set(err, ERR_LIMIT, "this needs more than %zu MB of memory",
			       arena->max >> 20);
	return err_set(err, ERR_NOMEM, "out of memory");
}
