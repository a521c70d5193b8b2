/* make_tiny_model FOLDER [bert|mpnet|cross]: the tiny models of the unit tests, for the other tests. */
#include <stdio.h>
#include <string.h>

#include "support/tiny_model.h"

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3) {
		fputs("usage: make_tiny_model FOLDER [bert|mpnet|cross]\n", stderr);
		return 2;
	}
	const char *kind = argc == 3 ? argv[2] : "bert";
	bool done = strcmp(kind, "cross") == 0
			    ? tiny_model_write_cross(argv[1], NULL)
			    : tiny_model_write(argv[1],
					       strcmp(kind, "mpnet") == 0 ? TINY_MPNET : TINY_BERT);
	if (!done) {
		fprintf(stderr, "make_tiny_model: cannot write into %s\n", argv[1]);
		return 1;
	}
	return 0;
}
