/* make_tiny_model FOLDER [bert|mpnet]: the tiny model of the unit tests, for the end-to-end tests. */
#include <stdio.h>
#include <string.h>

#include "support/tiny_model.h"

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3) {
		fputs("usage: make_tiny_model FOLDER [bert|mpnet]\n", stderr);
		return 2;
	}
	bool mpnet = argc == 3 && strcmp(argv[2], "mpnet") == 0;
	if (!tiny_model_write(argv[1], mpnet ? TINY_MPNET : TINY_BERT)) {
		fprintf(stderr, "make_tiny_model: cannot write into %s\n", argv[1]);
		return 1;
	}
	return 0;
}
