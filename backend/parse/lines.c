#include "parse/lines.h"

static struct str without_carriage_returns(struct str text, struct arena *arena)
{
	char *copy;
	size_t len = 0;

	if (str_find(text, STR("\r\n"), 0) == STR_NPOS)
		return text;
	copy = arena_get(arena, text.len);
	if (!copy)
		return (struct str){NULL, 0};
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] != '\r' || i + 1 == text.len || text.ptr[i + 1] != '\n')
			copy[len++] = text.ptr[i];
	return (struct str){copy, len};
}

enum err_code lines_split(struct str text, struct arena *arena, struct lines *lines,
			  struct err *err)
{
	struct str rest, line;
	size_t count = 1;

	*lines = (struct lines){.text = STR("")};
	if (text.len == 0)
		return ERR_OK;
	text = without_carriage_returns(text, arena);
	if (!text.ptr)
		return arena_fail(arena, err);
	for (size_t i = 0; i < text.len; i++)
		count += text.ptr[i] == '\n';
	lines->items = arena_array(arena, count, sizeof(*lines->items));
	if (!lines->items)
		return arena_fail(arena, err);
	lines->text = rest = text;
	if (rest.ptr[rest.len - 1] == '\n')
		rest.len--;
	while (str_cut(&rest, '\n', &line))
		lines->items[lines->count++] = line;
	return ERR_OK;
}

struct str lines_join(const struct lines *lines, size_t first, size_t end)
{
	const char *begin;

	if (end > lines->count)
		end = lines->count;
	if (first >= end)
		return STR("");
	begin = lines->items[first].ptr;
	return (struct str){begin, (size_t)(lines->items[end - 1].ptr - begin) +
					   lines->items[end - 1].len};
}

size_t line_indent(struct str line)
{
	size_t columns = 0;

	for (size_t i = 0; i < line.len && (line.ptr[i] == ' ' || line.ptr[i] == '\t'); i++)
		columns = line.ptr[i] == ' ' ? columns + 1 : (columns / 8 + 1) * 8;
	return columns;
}

bool line_blank(struct str line)
{
	return str_trim(line).len == 0;
}

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
