#include <stdint.h>

// One call is many lists of rows, so that the step from Go to C costs nothing.
// dim is of vectors, padded for codes; for a scan it is the sub-quantisers, and
// ids are blocks. Results of the last list are left in out.
typedef struct {
	int kind;
	const void *query;
	long dim;
	float add, mul, bias;
	const char *base;
	long stride;
	const uint32_t *ids;
	long count; // rows of a list
	float *out;
} list;

enum {
	FLOAT_DOT, FLOAT_L2, FLOAT_L1,
	HALF_DOT, HALF_L2, HALF_L1,
	BFLOAT_DOT, BFLOAT_L2, BFLOAT_L1,
	BYTE_DOT, BYTE_L2, BYTE_L1, BYTE_COS,
	CODE8, CODE4, BITS, SCAN, HADAMARD,
	SIFT, SKETCH, POINTS, SIGNS,
};

// What a sift asks of all blocks.
typedef struct {
	float mul, bias, limit;
	uint16_t sums[32];
} sift_query;

void run(int kind, const void *query, long dim, float mul, const char *base, long stride,
	const uint32_t *ids, long count, long lists, float *out);
