/*
 * A second thread for the work of one caller at a time, for texts that are too short to be worth a
 * thread of their own elsewhere. Work comes as tasks of independent parts; caller and helper claim
 * one part after the other, the caller from the front, the helper from the back. A helper that the
 * system does not run claims nothing and costs nothing; one that is interrupted within a part is
 * left behind after a short wait, together with the memory in which it may still be reading and
 * writing, and taken again when it has come out.
 */
#ifndef DOCS_BOT_EMBED_INPROC_HELPER_H
#define DOCS_BOT_EMBED_INPROC_HELPER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/err.h"

/* Most parts of a task. */
#define HELPER_PARTS_MAX 4096

/* Who runs a part, for working memory of each one's own. */
enum helper_who { HELPER_CALLER, HELPER_OTHER, HELPER_COUNT };

/* One part of a task; everything it touches lies in the helper's memory or outlives the helper. */
typedef void helper_part(void *memory, size_t part, enum helper_who who);

struct helper_options {
	size_t bytes; /* of the memory that caller and helper share */
	/* For tests: the helper runs every part of a task, and the caller waits as long as it takes. */
	bool only_helper;
	/* For tests: the n-th task since opening ends as if the helper had been interrupted; 0: none. */
	size_t leave_at;
};

struct helper; /* shared by threads */

/* Starts nothing: thread and memory are made by the first helper_take(). ERR_NOMEM. */
enum err_code helper_open(const struct helper_options *options, const struct alloc *alloc,
			  struct helper **out, struct err *err) WARN_UNUSED;

/* Nobody may hold the helper. Waits for the part that it is in. NULL is fine. */
void helper_close(struct helper *h);

/*
 * The shared memory (aligned to GEMM_ALIGN), with the helper awake, until helper_give() or until
 * helper_run() returns false. NULL when another caller has it, when it has not come out of a part
 * yet, or when there is no memory or no thread to be had: then the caller works alone. Never waits.
 */
void *helper_take(struct helper *h);
void helper_give(struct helper *h);

/*
 * Runs the parts [0, parts) of a task, at most HELPER_PARTS_MAX, in any order, and returns when all
 * are done. False: the helper did not come out of its part within the time of some parts; the caller no longer holds it, must not write to the memory any more, and
 * cannot know what was done. For the holder only.
 */
bool helper_run(struct helper *h, helper_part *part, size_t parts);

#endif
