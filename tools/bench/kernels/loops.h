#include <immintrin.h>
#include "kernels.h"

#define EACH(i) _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++)

// ASK asks for the line of the rows ahead that begins at a byte.
#define ASK(at) do { EACH(i_) _mm_prefetch(ahead[i_] + (at), _MM_HINT_T0); } while (0)

#ifndef LEAD
#define LEAD 4
#endif

static inline long before(long i, long count) { return i < count ? i : count - 1; }

// GROUPS does the body for every four rows: row and ahead are given, result is
// what it makes of them.
#define GROUPS(l, size, ...) \
	for (long w_ = 0; w_ < LEAD && w_ < (l)->count; w_++) \
		for (long at_ = 0; at_ < (size) + 8; at_ += 64) \
			_mm_prefetch((l)->base + (long)(l)->ids[w_] * (l)->stride + at_, _MM_HINT_T0); \
	for (long g_ = 0; g_ < (l)->count; g_ += 4) { \
		const char *row[4], *ahead[4]; \
		EACH(i_) { \
			row[i_] = (l)->base + (long)(l)->ids[before(g_ + i_, (l)->count)] * (l)->stride; \
			ahead[i_] = (l)->base + (long)(l)->ids[before(g_ + LEAD + i_, (l)->count)] * (l)->stride; \
		} \
		__m128 result; \
		__VA_ARGS__ \
		ASK((size) - 4); \
		if (g_ + 4 <= (l)->count) { \
			_mm_storeu_ps((l)->out + g_, result); \
		} else { \
			float some_[4]; \
			_mm_storeu_ps(some_, result); \
			for (long i_ = g_; i_ < (l)->count; i_++) (l)->out[i_] = some_[i_ - g_]; \
		} \
	}

static inline __m128 sums(__m256 *a) {
	__m256 x = _mm256_hadd_ps(_mm256_hadd_ps(a[0], a[1]), _mm256_hadd_ps(a[2], a[3]));
	return _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
}

static inline __m128i whole_sums(__m256i *a) {
	__m256i x = _mm256_hadd_epi32(_mm256_hadd_epi32(a[0], a[1]), _mm256_hadd_epi32(a[2], a[3]));
	return _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
}
