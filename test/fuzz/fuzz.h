/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fuzz.h - what the fuzz targets share: their input as a source of small numbers, and CHECK.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(x) do {							\
	if (!(x)) {							\
		fprintf(stderr, "%s:%d: CHECK(%s)\n", __FILE__, __LINE__, #x);	\
		abort();						\
	}								\
} while (0)

struct input {
	const uint8_t *at, *end;
};

static inline int more(const struct input *in)
{
	return in->at < in->end;
}

static inline uint8_t byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static inline uint32_t word(struct input *in)
{
	uint32_t w = byte(in);

	w |= (uint32_t)byte(in) << 8;
	w |= (uint32_t)byte(in) << 16;
	return w | (uint32_t)byte(in) << 24;
}

/* Exactly n bytes on a heap of their own, so that one too many is seen. */
static inline char *heap(const void *from, uint32_t n)
{
	char *b = malloc(n ? n : 1);

	CHECK(b);
	if (n)
		memcpy(b, from, n);
	return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* FUZZ_H */
