//go:build ckernels

// What searches and builds with codes beside the links do, and the scan of sketches:
// see Sift.Below16, Sketch.Estimates, Points4 and Signs of index/simd.
#include <immintrin.h>
#include "kernels.h"

static inline __m256 eight_upper(const char *p) {
	return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}

// The marks of each block, one behind the other.
static void sift(const list *l) {
	const sift_query *q = l->query;
	__m256 mul = _mm256_set1_ps(q->mul), bias = _mm256_set1_ps(q->bias), limit = _mm256_set1_ps(q->limit);
	for (long g = 0; g < l->count; g++) {
		const char *heads = l->base + (long)l->ids[g] * l->stride;
		uint32_t marks = 0;
		for (int i = 0; i < 4; i++) {
			__m256 sum = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(q->sums + 8 * i))));
			__m256 d = _mm256_fmadd_ps(eight_upper(heads + 64 + 16 * i), _mm256_fmadd_ps(sum, mul, bias), eight_upper(heads + 16 * i));
			marks |= (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(d, limit, _CMP_LT_OQ)) << (8 * i);
		}
		((uint32_t *)l->out)[g] = marks;
	}
}

// A row is eight blocks; the estimates of the last row are left, and how many of all
// are within 0 behind them.
static void sketch(const list *l) {
	const __m256i *pairs = l->query;
	float within = 0;
	for (long g = 0; g < 8 * l->count; g++) {
		const char *block = l->base + (long)l->ids[g / 8] * l->stride + 320 * (g % 8);
		__m256i a = _mm256_setzero_si256(), b = a;
		for (int i = 0; i < 18; i += 2) {
			__m256i x = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(block + 16 * i)));
			__m256i y = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(block + 16 * i + 16)));
			a = _mm256_add_epi32(a, _mm256_madd_epi16(x, _mm256_loadu_si256(pairs + i)));
			b = _mm256_add_epi32(b, _mm256_madd_epi16(y, _mm256_loadu_si256(pairs + i + 1)));
		}
		__m256 sums = _mm256_cvtepi32_ps(_mm256_add_epi32(a, b));
		__m256 near = _mm256_fmadd_ps(sums, _mm256_set1_ps(l->mul), _mm256_loadu_ps((const float *)(block + 288)));
		_mm256_storeu_ps(l->out + 8 * (g % 8), near);
		within += __builtin_popcount(_mm256_movemask_ps(_mm256_cmp_ps(near, _mm256_setzero_ps(), _CMP_NGT_UQ)));
	}
	l->out[64] = within;
}

// The points of the last row's codes are left; dim is a multiple of 32.
static void points(const list *l) {
	__m256 middle = _mm256_set1_ps(7.5f), step = _mm256_set1_ps(l->mul);
	__m128i nibbles = _mm_set1_epi8(15);
	for (long g = 0; g < l->count; g++) {
		const char *codes = l->base + (long)l->ids[g] * l->stride;
		float *out = l->out;
		for (long d = 0; d < l->dim; d += 32, codes += 16, out += 32) {
			__m128i c = _mm_loadu_si128((const __m128i *)codes);
			__m128i half[2] = {_mm_and_si128(c, nibbles), _mm_and_si128(_mm_srli_epi16(c, 4), nibbles)};
			for (int i = 0; i < 2; i++) {
				__m256 x = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(half[i])), y = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(half[i], 8)));
				_mm256_storeu_ps(out + 16 * i, _mm256_mul_ps(step, _mm256_sub_ps(x, middle)));
				_mm256_storeu_ps(out + 16 * i + 8, _mm256_mul_ps(step, _mm256_sub_ps(y, middle)));
			}
		}
	}
}

static inline float all_of(__m256 v) {
	__m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
	x = _mm_hadd_ps(x, x);
	return _mm_cvtss_f32(_mm_hadd_ps(x, x));
}

// The bits of the last row, then both sums of each; dim is a multiple of 8, 256 at most.
static void signs(const list *l) {
	const float *point = l->query;
	__m256 sign = _mm256_set1_ps(-0.0f);
	uint8_t *bits = (uint8_t *)l->out;
	for (long g = 0; g < l->count; g++) {
		const float *step = (const float *)(l->base + (long)l->ids[g] * l->stride);
		__m256 along = _mm256_setzero_ps(), at = along;
		for (long d = 0; d < l->dim; d += 8) {
			__m256 x = _mm256_loadu_ps(step + d), s = _mm256_and_ps(x, sign);
			bits[d / 8] = (uint8_t)~_mm256_movemask_ps(x);
			along = _mm256_add_ps(along, _mm256_xor_ps(x, s));
			at = _mm256_add_ps(at, _mm256_xor_ps(_mm256_loadu_ps(point + d), s));
		}
		l->out[8 + 2 * g] = all_of(along);
		l->out[9 + 2 * g] = all_of(at);
	}
}

void beside_run(const list *l) {
	switch (l->kind) {
	case SIFT: sift(l); return;
	case SKETCH: sketch(l); return;
	case POINTS: points(l); return;
	case SIGNS: signs(l); return;
	}
}
