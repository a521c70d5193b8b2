/* The files of backend/serve/assets, linked into the binary at build time. */
#ifndef DOCS_BOT_SERVE_ASSETS_H
#define DOCS_BOT_SERVE_ASSETS_H

#include <stddef.h>

struct asset {
	const char *name; /* file name, e.g. "index.html" */
	const unsigned char *data;
	size_t size;
};

extern const struct asset assets[];
extern const size_t asset_count;

#endif
