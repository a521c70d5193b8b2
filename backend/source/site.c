#include "source/source.h"
enum err_code source_site_open(const struct source_site_options *options, const struct alloc *alloc,
			       struct source **out, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED, "websites are not supported yet");
}
