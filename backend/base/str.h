/* String views: pointer and length, never owning, not NUL-terminated unless said so. */
#ifndef DOCS_BOT_BASE_STR_H
#define DOCS_BOT_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
	const char *ptr;
	size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
/* for printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) (int)((s).len), (s).ptr
#define STR_NPOS   SIZE_MAX

/* View of a NUL-terminated string; NULL gives the empty view. */
struct str str_c(const char *text);
struct str str_slice(struct str s, size_t from, size_t to); /* bounds are clamped */

bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII */
int str_cmp(struct str a, struct str b);        /* as memcmp, shorter first */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s); /* ASCII white space at both ends */

/* Byte offset of the first occurrence at or after `from`, or STR_NPOS. */
size_t str_find(struct str s, struct str needle, size_t from);
size_t str_find_nocase(struct str s, struct str needle, size_t from); /* ASCII */

/*
 * Cuts at the first `sep`: *head gets what is before it, *rest what is after it.
 * Returns false when rest was already used up; loop: while (str_cut(&rest, '\n', &line)).
 */
bool str_cut(struct str *rest, char sep, struct str *head);

/* Whole string as a number; false on anything else (sign, space, overflow, empty). */
bool str_to_u64(struct str s, uint64_t *out);
/* Finite decimal number such as 0.5 or 12 or -3; no exponent, no locale. */
bool str_to_double(struct str s, double *out);

/* ASCII classes, independent of the locale. */
bool ascii_alpha(int c);
bool ascii_digit(int c);
bool ascii_alnum(int c);
bool ascii_space(int c);
char ascii_lower(char c);

/* FNV-1a, for hash tables in memory only. */
uint64_t str_hash(struct str s);

#endif
