/*
 * The port to what the service remembers beside the index: conversations, and questions that the
 * documentation does not answer. Backends: sqlite/. An instance begins with a pointer to its
 * operations.
 *
 * Memory is a convenience: answers do without it. A failure is logged here, once until something could
 * be written again, so that callers may go on as if nothing were remembered; and all functions take
 * NULL for a state and then remember nothing.
 *
 * Threads: one instance serves all threads. Processes: several may use one state at the same time.
 */
#ifndef DOCS_BOT_STATE_STATE_H
#define DOCS_BOT_STATE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"

#define STATE_SESSION_BYTES 128 /* of a session's id */
#define STATE_GAP_PAGES     5   /* nearest pages kept with a gap */
/* What is longer is cut at a character. */
#define STATE_QUESTION_BYTES ((size_t)2 << 10)
#define STATE_PAGE_BYTES     ((size_t)1 << 10) /* of a title or an address */

enum state_role { STATE_USER, STATE_ASSISTANT };

/* One message of a conversation. */
struct state_turn {
	enum state_role role;
	struct str text; /* valid UTF-8 */
};

struct state_history {
	struct state_turn *turns; /* oldest first; the first one is the user's */
	size_t count;
};

/* What is kept. A turn's text is cut at half of `session_bytes`, so that question and answer fit. */
struct state_limits {
	size_t session_turns; /* newest turns of a conversation, questions and answers each counted */
	size_t session_bytes; /* of the texts of a conversation; the oldest turns go first */
	int64_t session_ms;   /* after its last turn a conversation is forgotten */
	size_t sessions;      /* conversations; the one that rested longest goes first */
	size_t gaps;          /* different questions; the one asked longest ago goes first */
};

struct state_page {
	struct str title, url;
};

/* A question that the documentation does not answer. */
struct state_gap {
	struct str question; /* as it was asked last */
	struct str reason;   /* why it was not answered, a few words */
	const struct state_page *pages;
	size_t page_count;
	/* Set by state_gaps(): how often it was asked, and when (milliseconds since 1970, UTC). */
	uint64_t count;
	int64_t first_ms, last_ms;
};

struct state_gaps {
	struct state_gap *items;
	size_t count;
};

struct state;

struct state_ops {
	enum err_code (*append_turn)(struct state *s, struct str session, enum state_role role,
				     struct str text, struct err *err);
	enum err_code (*history)(struct state *s, struct str session, struct arena *arena,
				 struct state_history *out, struct err *err);
	enum err_code (*forget)(struct state *s, struct str session, bool *found, struct err *err);
	enum err_code (*record_gap)(struct state *s, struct str key, const struct state_gap *gap,
				    struct err *err);
	enum err_code (*gaps)(struct state *s, size_t max, struct arena *arena,
			      struct state_gaps *out, struct err *err);
	void (*close)(struct state *s);
};

/*
 * Takes secrets and addresses out of a text that is about to be stored: `text` itself, or a copy in
 * the arena; ptr NULL when memory runs out, and the text is then not stored. Called by any thread.
 */
typedef struct str (*state_mask)(struct str text, struct arena *arena);

/* The backend sets all but `failing` when it opens; constant afterwards. */
struct state {
	const struct state_ops *ops;
	const struct alloc *alloc;  /* for scratch memory of one call */
	const struct logger *log;   /* may be NULL */
	state_mask mask;            /* may be NULL */
	struct state_limits limits; /* each at least 1 */
	atomic_bool failing;        /* the last call failed, and that was logged */
};

/* Whether an id may name a session: 1 to STATE_SESSION_BYTES visible ASCII characters. */
bool state_session_valid(struct str session);

/*
 * Adds a turn to a conversation, which begins with its first turn. The caller appends question and
 * answer when both are known. An empty text is not added. ERR_INVALID for an id that is none and for
 * text that is not UTF-8 (these two are the caller's mistake and not logged); ERR_FULL, ERR_BUSY,
 * ERR_IO and others of the backend: nothing was added.
 */
enum err_code state_append_turn(struct state *s, struct str session, enum state_role role,
				struct str text, struct err *err) WARN_UNUSED;

/*
 * The turns of a conversation within the limits, in the arena; none for one that is unknown or over.
 * *out is empty after an error. Errors as above.
 */
enum err_code state_history(struct state *s, struct str session, struct arena *arena,
			    struct state_history *out, struct err *err) WARN_UNUSED;

/* Forgets a conversation at once; *found (may be NULL) says whether there was one. */
enum err_code state_forget(struct state *s, struct str session, bool *found,
			   struct err *err) WARN_UNUSED;

/*
 * Notes a question that is in scope but not documented, now. One that differs only in case, white
 * space or punctuation at its ends is counted, and its wording, reason and pages are replaced.
 */
enum err_code state_record_gap(struct state *s, const struct state_gap *gap,
			       struct err *err) WARN_UNUSED;

/* At most `max` gaps in the arena, those asked most often first, then the newest. */
enum err_code state_gaps(struct state *s, size_t max, struct arena *arena, struct state_gaps *out,
			 struct err *err) WARN_UNUSED;

void state_close(struct state *s); /* NULL is fine */

#endif
