/* Gridded GOES lightning. */
#include "fuzz_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_reader_of(data, size, SQ_KIND_SATELLITE, false);
}
