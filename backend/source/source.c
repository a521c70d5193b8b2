/* Dispatch of the port: checks once what every backend relies on. */
#include "source/source.h"

#include "source/filter.h"

enum err_code source_list(struct source *s, struct arena *arena, struct source_list *out,
			  struct err *err)
{
	*out = (struct source_list){.items = NULL};
	return s->ops->list(s, arena, out, err);
}

enum err_code source_read(struct source *s, struct str path, struct buf *out, struct err *err)
{
	if (!source_inner_path(path))
		return err_set(err, ERR_INVALID, "\"%.*s\" is not a path within the source \"%s\"",
			       path.len > 200 ? 200 : (int)path.len, path.ptr, s->name);
	return s->ops->read(s, path, out, err);
}

void source_close(struct source *s)
{
	if (s)
		s->ops->close(s);
}
