/* Dispatch of the port: checks once what every backend relies on. */
#include "source/source.h"

#include "base/utf8.h"

/* Relative, without empty parts, "." or "..": it cannot name anything outside the root. */
static bool is_inner_path(struct str path)
{
	struct str rest = path, part;

	if (path.len == 0 || !utf8_valid(path))
		return false;
	for (size_t i = 0; i < path.len; i++)
		if (path.ptr[i] == '\0')
			return false;
	while (str_cut(&rest, '/', &part))
		if (part.len == 0 || str_eq(part, STR(".")) || str_eq(part, STR("..")))
			return false;
	return true;
}

enum err_code source_list(struct source *s, struct arena *arena, struct source_list *out,
			  struct err *err)
{
	*out = (struct source_list){.items = NULL};
	return s->ops->list(s, arena, out, err);
}

enum err_code source_read(struct source *s, struct str path, struct buf *out, struct err *err)
{
	if (!is_inner_path(path))
		return err_set(err, ERR_INVALID, "\"%.*s\" is not a path within the source \"%s\"",
			       path.len > 200 ? 200 : (int)path.len, path.ptr, s->name);
	return s->ops->read(s, path, out, err);
}

void source_close(struct source *s)
{
	if (s)
		s->ops->close(s);
}
