/*
 * What the stand-in for a language model does: chosen by the model's name in the request, the same
 * bytes for the same request. docs/scripted-llm.md lists the names.
 */
#ifndef DOCS_BOT_LLM_SCRIPTED_SCRIPT_H
#define DOCS_BOT_LLM_SCRIPTED_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

enum script_end {
	SCRIPT_COMPLETE, /* the transfer ends as it should */
	SCRIPT_CLOSE,    /* the connection closes behind what was sent */
	SCRIPT_HANG,     /* nothing more comes, the connection stays */
};

/* One answer under way. */
struct script {
	const struct alloc *alloc;
	int status;
	const char *type;
	int retry_after; /* seconds; -1: no such header */
	bool silent;     /* not even a status line is sent */
	bool bytewise;   /* each byte in a write of its own */
	enum script_end end;
	unsigned wait_ms, gap_ms; /* before the first piece, and between two */
	char model[128];
	struct buf whole;   /* an answer that is not streamed */
	json_t *deltas;     /* pieces that come first: tool calls, reasoning */
	struct buf text;    /* then this, a word at a time */
	struct buf raw;     /* then this, as it is, instead of an end */
	size_t at, delta;   /* how far text and deltas are sent */
	bool anew;          /* the text begins anew when it is used up */
	uint64_t left;      /* pieces of text that may still come */
	size_t piece_bytes; /* 0: a piece is a word */
	uint64_t sent;      /* pieces, which count as tokens */
	size_t prompt_bytes;
	const char *finish;
	bool stream, usage, begun, ended, two_done;
};

/* `count`: chats that were asked of this model's kind before, for those that fail only sometimes. */
enum err_code script_start(struct script *script, const json_t *request, size_t count,
			   const struct alloc *alloc, struct err *err) WARN_UNUSED;
void script_release(struct script *script);

/*
 * Appends what is sent next. *more: something follows, after *delay_ms. A false *more says that
 * script->end is due.
 */
enum err_code script_next(struct script *script, struct buf *out, unsigned *delay_ms, bool *more,
			  struct err *err) WARN_UNUSED;

/* The list of models. NULL without memory. */
json_t *script_models(void);

/* The kind of a model's name, without its numbers: an index below script_kinds(), or that. */
size_t script_kind(struct str model);
size_t script_kinds(void);

#endif
