/*
 * Which of the texts on stdin, separated by zero bytes, guard_is_injection() takes for one: prints
 * their numbers, from 0, one a line, and `checked N` on stderr.
 */
#include <stdio.h>

#include "answer/guard.h"

int main(void)
{
	char block[65536];
	struct buf in;
	size_t n, count = 0;
	buf_init(&in, alloc_default(), (size_t)1 << 30);
	while ((n = fread(block, 1, sizeof(block), stdin)) > 0)
		if (!buf_append(&in, (struct str){block, n}))
			return 1;
	struct str rest = buf_str(&in), text;
	while (str_cut(&rest, '\0', &text))
		if (count++, guard_is_injection(text))
			printf("%zu\n", count - 1);
	fprintf(stderr, "checked %zu\n", count);
	buf_release(&in);
	return 0;
}
