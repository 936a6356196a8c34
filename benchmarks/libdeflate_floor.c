/* What libdeflate alone takes for the gzip members of a file, called from C: the floor of iterate_records.py.

   libdeflate_floor FILE SPANS; SPANS holds start and stop of each member as pairs of 64-bit integers.
   Prints the CPU seconds of the loop, its reads included, and the number of members, as JSON. */
#include <libdeflate.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LARGEST_BYTES = 64 << 20 };

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    FILE *file = fopen(argv[1], "rb"), *spans = fopen(argv[2], "rb");
    unsigned char *stored = malloc(LARGEST_BYTES), *inflated = malloc(LARGEST_BYTES);
    struct libdeflate_decompressor *libdeflate = libdeflate_alloc_decompressor();
    if (!file || !spans || !stored || !inflated || !libdeflate)
        return 3;
    uint64_t span[2];
    size_t size;
    unsigned long members = 0;
    clock_t began = clock();
    while (fread(span, sizeof span, 1, spans) == 1) {
        size_t length = span[1] - span[0];
        if (length > LARGEST_BYTES || fseek(file, (long)span[0], SEEK_SET) || fread(stored, 1, length, file) != length)
            return 4;
        if (libdeflate_gzip_decompress(libdeflate, stored, length, inflated, LARGEST_BYTES, &size))
            return 5;
        members++;
    }
    printf("{\"cpu_s\": %f, \"result\": %lu}\n", (double)(clock() - began) / CLOCKS_PER_SEC, members);
    return 0;
}
