/*
 * Masks secrets in text: in documents before they are stored (index/secrets.h), in lines of the log.
 */
#ifndef DOCS_BOT_BASE_SECRETS_H
#define DOCS_BOT_BASE_SECRETS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/*
 * *out is `text` with each secret replaced by "[masked: KIND]"; `text` itself when there is none.
 * *count grows by the number of secrets. What counts as one: private keys in PEM, tokens that
 * their prefix gives away (GitHub, GitLab, AWS, Google, Slack, Hugging Face, npm, PyPI, Docker,
 * OpenAI), JSON web tokens, passwords in URLs, values under `data` of a Kubernetes Secret,
 * registry credentials, and values assigned to a name that ends in password, token, secret or
 * their kin, if they look random. Placeholders, digests and names are none. Linear in the text.
 * Memory from the arena. Thread-safe; errors: ERR_NOMEM, ERR_LIMIT.
 */
enum err_code secrets_mask(struct str text, struct arena *arena, struct str *out, uint64_t *count,
			   struct err *err) WARN_UNUSED;

/* --- the judgements, for secrets.c and tests --- */

/* Stands for a secret and is none: <TOKEN>, ${TOKEN}, xxxx, ***, your-token. */
bool secrets_is_placeholder(struct str value);

/*
 * Looks random rather than like a name, a number or a path: at least 8 bytes, of which one word
 * (between - _ . / :) of 8 changes between letters, digits and other signs three times or more, or
 * one of 20 has digits, or all of it is base64 of 32 letters of both cases and digits.
 */
bool secrets_is_random(struct str value);

/* Base64 (either alphabet) of at least `min` characters, with its padding. */
bool secrets_is_base64(struct str value, size_t min);

/*
 * Appends to *out, which it starts, the manifest(s) in `text` with the values of Secrets masked;
 * see secrets_mask(). *found: whether there are any Secrets, else *out is not to be used.
 */
struct buf;
void secrets_mask_manifest(struct str text, struct buf *out, uint64_t *count, bool *found);

#endif
