/* Private to vec*.c: the tables of the levels that this build has. */
#ifndef DOCS_BOT_BASE_VEC_IMPL_H
#define DOCS_BOT_BASE_VEC_IMPL_H

#include "base/vec.h"

extern const struct vec_ops vec_ops_plain;
#if defined(__x86_64__)
/* Callable only on a processor that has the instructions: vec_ops_get() asks it first. */
extern const struct vec_ops vec_ops_avx2;
extern const struct vec_ops vec_ops_avx512;
#endif

#endif
