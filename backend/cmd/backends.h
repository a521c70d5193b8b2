/* The only place that names concrete backends: opens what the settings ask for. */
#ifndef DOCS_BOT_CMD_BACKENDS_H
#define DOCS_BOT_CMD_BACKENDS_H

#include "answer/rerank.h"
#include "base/vec.h"
#include "cmd/command.h"
#include "embed/embed.h"
#include "llm/llm.h"
#include "source/source.h"
#include "state/state.h"
#include "store/store.h"

struct store_vectors;

/* The index folder of the settings, in the context's arena, NUL-terminated. */
enum err_code backends_data_dir(struct context *ctx, struct str *out, struct err *err) WARN_UNUSED;
enum err_code backends_models_dir(struct context *ctx, struct str *out,
				  struct err *err) WARN_UNUSED;
/* The model's name as the store remembers it, without an organisation ("org/name"). */
struct str backends_model_name(struct context *ctx);

enum err_code backends_embedder(struct context *ctx, struct embedder **out,
				struct err *err) WARN_UNUSED;
/* The embedder for many callers at once, as the service has them (embed/shared.h). */
enum err_code backends_shared_embedder(struct context *ctx, struct embedder **out,
				       struct err *err) WARN_UNUSED;
/*
 * Opens the reranker of the settings and sets *stage up with it; *out is `stage`, or NULL when the
 * settings name none. The caller closes stage->reranker.
 */
enum err_code backends_rerank(struct context *ctx, struct rerank_stage *stage,
			      struct rerank_stage **out, struct err *err) WARN_UNUSED;
/*
 * Opens the language model of the settings; *out is NULL when they name none. It need not answer yet.
 * The caller closes it.
 */
enum err_code backends_llm(struct context *ctx, struct llm **out, struct err *err) WARN_UNUSED;
/*
 * Conversations and documentation gaps, in the data folder. Touches no file yet (state/sqlite). `create`
 * false: for reading what is there. The caller closes it.
 */
enum err_code backends_state(struct context *ctx, bool create, struct state **out,
			     struct err *err) WARN_UNUSED;
enum err_code backends_store(struct context *ctx, bool create, struct store_vectors *vectors,
			     struct store **out, struct err *err) WARN_UNUSED;
/* Thread-safe form for the service's workers: everything it needs was resolved beforehand. */
struct store_opener {
	const struct alloc *alloc;
	const struct logger *log;
	const char *data_dir;
	struct store_vectors *vectors;
	int vec_limit;
};
enum err_code backends_opener_init(struct context *ctx, struct store_opener *opener,
				   struct err *err) WARN_UNUSED;
enum err_code backends_open_store(void *opener, struct store **out, struct err *err) WARN_UNUSED;
void backends_opener_release(struct store_opener *opener);

/* enum vec_level of --simd: the fastest vector kernels that may be used. */
int backends_vec_limit(const struct context *ctx);

size_t backends_threads(const struct context *ctx);

#endif
