/* Private to veci8*.c: the tables of the levels that this build has. */
#ifndef DOCS_BOT_BASE_VECI8_IMPL_H
#define DOCS_BOT_BASE_VECI8_IMPL_H

#include "base/veci8.h"

#if defined(__x86_64__)
/* Callable only on a processor that has the instructions: veci8_ops_get() asks it first. */
extern const struct veci8_ops veci8_ops_avx2;
extern const struct veci8_ops veci8_ops_avx512;
extern const struct veci8_ops veci8_ops_vnni;
#endif

#endif
