//go:build ckernels

// Distances to rows of float32, float16, bfloat16 and uint8 in C: four rows at a time, the
// next four asked of memory meanwhile, as index/simd's kernels do it.
#include "loops.h"

// Tails of float32 by a mask, of the others one by one.
static const int32_t masks[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

#define DOT(acc, q, r) acc = _mm256_fnmadd_ps(q, r, acc)
#define L2(acc, q, r) do { __m256 d_ = _mm256_sub_ps(q, r); acc = _mm256_fmadd_ps(d_, d_, acc); } while (0)
#define L1(acc, q, r) acc = _mm256_add_ps(acc, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), _mm256_sub_ps(q, r)))

static inline __m256 half(const char *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
static inline __m256 one_half(const char *p) { return _mm256_cvtph_ps(_mm_cvtsi32_si128(*(const uint16_t *)p)); }

static inline __m256 upper(__m128i words) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(words), 16)); }
static inline __m256 bfloat(const char *p) { return upper(_mm_loadu_si128((const __m128i *)p)); }
static inline __m256 one_bfloat(const char *p) { return upper(_mm_cvtsi32_si128(*(const uint16_t *)p)); }

#define FLOATS(name, STEP) \
static void name(const list *l) { \
	const float *q = l->query; \
	__m256i mask = _mm256_loadu_si256((const __m256i *)(masks + 8 - (l->dim & 7))); \
	GROUPS(l, l->dim * 4, { \
		__m256 a[4] = {0}, b[4] = {0}; \
		long d = 0; \
		for (; d + 16 <= l->dim; d += 16) { \
			ASK(4 * d); \
			__m256 x = _mm256_loadu_ps(q + d), y = _mm256_loadu_ps(q + d + 8); \
			EACH(i) { STEP(a[i], x, _mm256_loadu_ps((const float *)row[i] + d)); STEP(b[i], y, _mm256_loadu_ps((const float *)row[i] + d + 8)); } \
		} \
		if (d + 8 <= l->dim) { \
			ASK(4 * d); \
			__m256 x = _mm256_loadu_ps(q + d); \
			EACH(i) STEP(a[i], x, _mm256_loadu_ps((const float *)row[i] + d)); \
			d += 8; \
		} \
		if (d < l->dim) { \
			__m256 x = _mm256_maskload_ps(q + d, mask); \
			EACH(i) STEP(b[i], x, _mm256_maskload_ps((const float *)row[i] + d, mask)); \
		} \
		EACH(i) a[i] = _mm256_add_ps(a[i], b[i]); \
		result = sums(a); \
	}) \
}

#define HALVES(name, STEP, eight, one) \
static void name(const list *l) { \
	const char *q = l->query; \
	GROUPS(l, l->dim * 2, { \
		__m256 a[4] = {0}, b[4] = {0}; \
		long d = 0; \
		for (; d + 16 <= l->dim; d += 16) { \
			ASK(2 * d); \
			__m256 x = eight(q + 2 * d), y = eight(q + 2 * d + 16); \
			EACH(i) { STEP(a[i], x, eight(row[i] + 2 * d)); STEP(b[i], y, eight(row[i] + 2 * d + 16)); } \
		} \
		if (d + 8 <= l->dim) { \
			__m256 x = eight(q + 2 * d); \
			EACH(i) STEP(a[i], x, eight(row[i] + 2 * d)); \
			d += 8; \
		} \
		for (; d < l->dim; d++) { \
			__m256 x = one(q + 2 * d); \
			EACH(i) STEP(b[i], x, one(row[i] + 2 * d)); \
		} \
		EACH(i) a[i] = _mm256_add_ps(a[i], b[i]); \
		result = sums(a); \
	}) \
}

FLOATS(float_dot, DOT)
FLOATS(float_l2, L2)
FLOATS(float_l1, L1)
HALVES(half_dot, DOT, half, one_half)
HALVES(half_l2, L2, half, one_half)
HALVES(half_l1, L1, half, one_half)
HALVES(bfloat_dot, DOT, bfloat, one_bfloat)
HALVES(bfloat_l2, L2, bfloat, one_bfloat)
HALVES(bfloat_l1, L1, bfloat, one_bfloat)

static inline __m256i wide(const char *p) { return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p)); }
static inline __m256i one_wide(const char *p) { return _mm256_castsi128_si256(_mm_cvtsi32_si128(*(const uint8_t *)p)); }

#define ADD(acc, x) acc = _mm256_add_epi32(acc, x)
#define BDOT(i, x, y) ADD(a[i], _mm256_madd_epi16(x, y))
#define BL2(i, x, y) do { __m256i d_ = _mm256_sub_epi16(x, y); ADD(a[i], _mm256_madd_epi16(d_, d_)); } while (0)
#define BL1(i, x, y) ADD(a[i], _mm256_madd_epi16(_mm256_abs_epi16(_mm256_sub_epi16(x, y)), _mm256_set1_epi16(1)))
#define BCOS(i, x, y) do { __m256i y_ = y; ADD(a[i], _mm256_madd_epi16(x, y_)); ADD(b[i], _mm256_madd_epi16(y_, y_)); } while (0)

#define BYTES(name, STEP, END) \
static void name(const list *l) { \
	const char *q = l->query; \
	GROUPS(l, l->dim, { \
		__m256i a[4] = {0}, b[4] = {0}; \
		long d = 0; \
		for (; d + 16 <= l->dim; d += 16) { \
			if (d % 64 == 0) ASK(d); \
			__m256i x = wide(q + d); \
			EACH(i) STEP(i, x, wide(row[i] + d)); \
		} \
		for (; d < l->dim; d++) { \
			__m256i x = one_wide(q + d); \
			EACH(i) STEP(i, x, one_wide(row[i] + d)); \
		} \
		(void)b; \
		END; \
	}) \
}

#define TO_FLOAT(v) _mm_cvtepi32_ps(whole_sums(v))

BYTES(byte_dot, BDOT, result = _mm_sub_ps(_mm_setzero_ps(), TO_FLOAT(a)))
BYTES(byte_l2, BL2, result = TO_FLOAT(a))
BYTES(byte_l1, BL1, result = TO_FLOAT(a))
// The query's own length is given in mul.
BYTES(byte_cos, BCOS, result = _mm_div_ps(_mm_sub_ps(_mm_setzero_ps(), TO_FLOAT(a)),
	_mm_sqrt_ps(_mm_mul_ps(_mm_set1_ps(l->mul), TO_FLOAT(b)))))

void floats_run(const list *l) {
	switch (l->kind) {
	case FLOAT_DOT: float_dot(l); return;
	case FLOAT_L2: float_l2(l); return;
	case FLOAT_L1: float_l1(l); return;
	case HALF_DOT: half_dot(l); return;
	case HALF_L2: half_l2(l); return;
	case HALF_L1: half_l1(l); return;
	case BFLOAT_DOT: bfloat_dot(l); return;
	case BFLOAT_L2: bfloat_l2(l); return;
	case BFLOAT_L1: bfloat_l1(l); return;
	case BYTE_DOT: byte_dot(l); return;
	case BYTE_L2: byte_l2(l); return;
	case BYTE_L1: byte_l1(l); return;
	case BYTE_COS: byte_cos(l); return;
	}
}
