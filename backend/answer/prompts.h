/* The texts that language models are given: the files of prompts/, linked into the program. */
#ifndef DOCS_BOT_ANSWER_PROMPTS_H
#define DOCS_BOT_ANSWER_PROMPTS_H

#include <stddef.h>

struct prompt_file {
	const char *name; /* "system.md" */
	const unsigned char *data;
	size_t len;
};

extern const struct prompt_file prompt_files[];
extern const size_t prompt_file_count;

#endif
