/* Python from any bytes. */
#include "support/fuzz_parsed.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	fuzz_parsed(PARSE_PYTHON, data, size);
	return 0;
}
