//go:build ckernels

// Distances to rows of codes in C: four rows at a time, eight asked of memory
// ahead, as index/simd's kernels do it.
#define LEAD 8
#include "loops.h"

#define HEAD 8 // bytes of a row beside its codes: behind them, of 1-bit codes before them

static inline __m128 fix_up(const list *l, const char *const *row, long head, __m128i sum) {
	__m128 inner = _mm_add_ps(_mm_mul_ps(_mm_set1_ps(l->mul), _mm_cvtepi32_ps(sum)), _mm_set1_ps(l->bias));
	__m128 x = _mm_loadh_pi(_mm_loadl_pi(_mm_setzero_ps(), (const __m64 *)(row[0] + head)), (const __m64 *)(row[1] + head));
	__m128 y = _mm_loadh_pi(_mm_loadl_pi(_mm_setzero_ps(), (const __m64 *)(row[2] + head)), (const __m64 *)(row[3] + head));
	__m128 add = _mm_shuffle_ps(x, y, 0x88), mul = _mm_shuffle_ps(x, y, 0xdd);
	return _mm_add_ps(_mm_add_ps(_mm_set1_ps(l->add), add), _mm_mul_ps(mul, inner));
}

static inline __m256i at(const void *p, long i) { return _mm256_loadu_si256((const __m256i *)((const char *)p + i)); }

static void code8(const list *l) {
	__m256i ones = _mm256_set1_epi16(1);
	GROUPS(l, l->dim + HEAD, {
		__m256i a[4] = {0};
		for (long d = 0; d < l->dim; d += 32) {
			if (d % 64 == 0) ASK(d);
			__m256i q = at(l->query, d);
			EACH(i) a[i] = _mm256_add_epi32(a[i], _mm256_madd_epi16(_mm256_maddubs_epi16(at(row[i], d), q), ones));
		}
		result = fix_up(l, row, l->dim, whole_sums(a));
	})
}

static void code4(const list *l) {
	__m256i ones = _mm256_set1_epi16(1), nibbles = _mm256_set1_epi8(15);
	GROUPS(l, l->dim / 2 + HEAD, {
		__m256i a[4] = {0};
		long d = 0;
		for (; d + 64 <= l->dim; d += 64) {
			if (d % 128 == 0) ASK(d / 2);
			__m256i q0 = at(l->query, d), q1 = at(l->query, d + 32);
			__m256i low = _mm256_permute2x128_si256(q0, q1, 0x20), high = _mm256_permute2x128_si256(q0, q1, 0x31);
			EACH(i) {
				__m256i c = at(row[i], d / 2);
				__m256i s = _mm256_add_epi16(_mm256_maddubs_epi16(_mm256_and_si256(c, nibbles), low),
					_mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(c, 4), nibbles), high));
				a[i] = _mm256_add_epi32(a[i], _mm256_madd_epi16(s, ones));
			}
		}
		if (d < l->dim) {
			__m256i q = at(l->query, d);
			EACH(i) {
				__m128i c = _mm_loadu_si128((const __m128i *)(row[i] + d / 2));
				__m256i both = _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(c, 4), c), nibbles);
				a[i] = _mm256_add_epi32(a[i], _mm256_madd_epi16(_mm256_maddubs_epi16(both, q), ones));
			}
		}
		result = fix_up(l, row, l->dim / 2, whole_sums(a));
	})
}

// Four planes, the first of them the sign's.
static void bits(const list *l) {
	const uint64_t *planes = l->query;
	long words = l->dim / 64;
	GROUPS(l, words * 8 + HEAD, {
		ASK(0);
		int32_t total[4] = {0};
		for (long p = 0; p < 4; p++) {
			int64_t count[4] = {0};
			for (long w = 0; w < words; w++)
				EACH(i) count[i] += _mm_popcnt_u64(planes[p * words + w] & ((const uint64_t *)(row[i] + HEAD))[w]);
			EACH(i) total[i] = 2 * total[i] + (p == 0 ? -count[i] : count[i]);
		}
		result = fix_up(l, row, 0, _mm_loadu_si128((const __m128i *)total));
	})
}

// Blocks of 32 vectors, the next one asked for.
static void scan(const list *l) {
	__m256i nibbles = _mm256_set1_epi8(15);
	for (long g = 0; g < l->count; g++) {
		const char *block = l->base + (long)l->ids[g] * l->stride;
		__m256i s[2] = {0}, odd[2] = {0};
		long m = 0;
		for (; m + 2 <= l->dim; m += 2) {
			__m256i table = at(l->query, 16 * m), c = at(block, 16 * m);
			__m256i v[2] = {_mm256_and_si256(c, nibbles), _mm256_and_si256(_mm256_srli_epi16(c, 4), nibbles)};
			for (int i = 0; i < 2; i++) {
				v[i] = _mm256_shuffle_epi8(table, v[i]);
				s[i] = _mm256_add_epi16(s[i], v[i]);
				odd[i] = _mm256_add_epi16(odd[i], _mm256_srli_epi16(v[i], 8));
			}
		}
		uint16_t *out = (uint16_t *)l->out;
		for (int i = 0; i < 2; i++) {
			__m128i e = _mm_add_epi16(_mm256_castsi256_si128(s[i]), _mm256_extracti128_si256(s[i], 1));
			__m128i o = _mm_add_epi16(_mm256_castsi256_si128(odd[i]), _mm256_extracti128_si256(odd[i], 1));
			e = _mm_sub_epi16(e, _mm_slli_epi16(o, 8));
			_mm_storeu_si128((__m128i *)(out + 16 * i), _mm_unpacklo_epi16(e, o));
			_mm_storeu_si128((__m128i *)(out + 16 * i + 8), _mm_unpackhi_epi16(e, o));
		}
	}
}

// The compiler makes vectors of the plain loops; out is what is transformed.
static void hadamard(const list *l) {
	for (long h = 1; h < l->dim; h *= 2)
		for (long i = 0; i < l->dim; i += 2 * h) {
			float *restrict a = l->out + i, *restrict b = l->out + i + h;
			for (long j = 0; j < h; j++) {
				float x = a[j], y = b[j];
				a[j] = x + y;
				b[j] = x - y;
			}
		}
}

void codes_run(const list *l) {
	switch (l->kind) {
	case CODE8: code8(l); return;
	case CODE4: code4(l); return;
	case BITS: bits(l); return;
	case SCAN: scan(l); return;
	case HADAMARD: hadamard(l); return;
	}
}

void floats_run(const list *l);
void beside_run(const list *l);

void run(int kind, const void *query, long dim, float mul, const char *base, long stride,
	const uint32_t *ids, long count, long lists, float *out) {
	list l = {kind, query, dim, 0.25f, mul, -1.0f, base, stride, ids, count, out};
	for (long i = 0; i < lists; i++, l.ids += count) {
		if (kind < CODE8) floats_run(&l);
		else if (kind < SIFT) codes_run(&l);
		else beside_run(&l);
	}
}
