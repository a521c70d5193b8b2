#include "support/real_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "embed/inproc/inproc.h"

static void models_dir(char *out, size_t size)
{
	const char *dir = getenv("DOCS_BOT_MODELS_DIR");
	const char *data = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");
	if (dir && dir[0])
		snprintf(out, size, "%s", dir);
	else if (data && data[0])
		snprintf(out, size, "%s/docs-bot/models", data);
	else
		snprintf(out, size, "%s/.local/share/docs-bot/models", home ? home : "");
}

struct embedder *real_model_open(const char *name, enum vec_level limit,
				 enum embed_precision precision)
{
	char dir[2048], path[2304];
	struct err err = {0};
	struct embedder *e = NULL;
	models_dir(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/%s/model.safetensors", dir, name);
	if (access(path, R_OK) != 0)
		fail_msg("%s is missing: run `docs-bot model fetch %s`, or set "
			 "DOCS_BOT_MODELS_DIR",
			 path, name);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	struct embed_inproc_options options = {.dir = path,
					       .name = name,
					       .vec_limit = (int)limit,
					       .precision = precision,
					       .keep_packed = true};
	if (embed_inproc_open(&options, alloc_default(), &e, &err) != ERR_OK)
		fail_msg("%s", err.message);
	return e;
}
