/*
 * Put in front of every file of backend/ by the build (-include). The functions below have no
 * bound, or no way to tell an error from a value; the replacements are in base/str.h (str_to_u64,
 * str_cut), base/buf.h, and snprintf. The headers that declare the functions come first, because
 * a poisoned name may not even be declared.
 */
#ifndef DOCS_BOT_BASE_BANNED_H
#define DOCS_BOT_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>

/* glibc makes these macros for clang when _FORTIFY_SOURCE is set. */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol sscanf gets strncpy

#endif
