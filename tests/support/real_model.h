/* The published models, for the golden tests. */
#ifndef DOCS_BOT_TESTS_REAL_MODEL_H
#define DOCS_BOT_TESTS_REAL_MODEL_H

#include "base/vec.h"
#include "embed/inproc/inproc.h"

/*
 * Opens $DOCS_BOT_MODELS_DIR/<name>, by default below ${XDG_DATA_HOME:-~/.local/share}, with kernels
 * up to `limit`, with packed weights kept beside it. A missing model fails the running test. The caller closes it by embed_close().
 */
struct embedder *real_model_open(const char *name, enum vec_level limit,
				 enum embed_precision precision);

#endif
