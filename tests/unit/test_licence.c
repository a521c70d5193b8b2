#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "index/licence.h"

/* What is left when blanks at the ends are cut off; its line must be as before. */
static void check(const char *text, const char *left)
{
	char copy[512];
	int len = snprintf(copy, sizeof(copy), "%s", text);
	assert_in_range(len, 0, sizeof(copy) - 1);
	licence_blank(copy, (size_t)len);
	struct str rest = str_trim((struct str){copy, (size_t)len});
	if (!str_eq(rest, str_c(left)))
		fail_msg("'%s' became '%.*s'", text, STR_ARG(rest));
	size_t before = 0, after = 0;
	for (int i = 0; i < len; i++) {
		before += text[i] == '\n';
		after += copy[i] == '\n';
	}
	assert_int_equal(before, after);
}

static void licences_go(void **state)
{
	check("# Copyright 2021 The Authors.\n# Licensed under X.\n\nkind: Pod\n", "kind: Pod");
	check("// Copyright 2021\n//\n// All rights reserved\npackage x\n", "package x");
	check("/*\nCopyright 2021.\n\nLicensed under the Apache License\n*/\npackage x\n",
	      "package x");
	check("\n\n# SPDX-License-Identifier: MIT\nx: 1\n", "x: 1");
	check("# copyright to the end of the file", "");
	/* the line that names the interpreter stays, and the comment behind the licence */
	check("#!/bin/sh\n# Copyright 2021\n\n# Says hello\n",
	      "#!/bin/sh\n                \n\n# Says hello");
}

static void other_comments_stay(void **state)
{
	static const char *const table[] = {
		"# Runs a job with two workers.\nkind: Job",
		"kind: Pod\n# Copyright of the data: see below",
		"/* never closed, Copyright 2021\npackage x",
		"package x",
		"#!/usr/bin/env python",
		"",
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check(table[i], table[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(licences_go),
		cmocka_unit_test(other_comments_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
