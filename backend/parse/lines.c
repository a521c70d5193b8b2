#include "parse/lines.h"

void line_map_init(struct line_map *map, const struct alloc *alloc)
{
	*map = (struct line_map){.alloc = alloc};
}

void line_map_release(struct line_map *map)
{
	alloc_free(map->alloc, map->items);
	*map = (struct line_map){.alloc = map->alloc};
}

void line_map_clear(struct line_map *map)
{
	map->count = 0;
}

void line_map_add(struct line_map *map, size_t line)
{
	if (map->failed)
		return;
	if (map->count == map->capacity) {
		size_t capacity = map->capacity ? map->capacity * 2 : 64, bytes;
		uint32_t *items = NULL;

		if (size_mul(capacity, sizeof(*items), &bytes))
			items = alloc_resize(map->alloc, map->items, bytes);
		if (!items) {
			map->failed = true;
			return;
		}
		map->items = items;
		map->capacity = capacity;
	}
	map->items[map->count++] = line < UINT32_MAX ? (uint32_t)line : UINT32_MAX;
}

size_t line_map_get(const struct line_map *map, size_t line)
{
	if (map->count == 0)
		return line;
	return map->items[line < map->count ? line : map->count - 1];
}
