// Vector arguments and results in xmm, ymm and (built with -DWIDE) zmm and mask registers. They
// must survive the stub and its slow path: every call comes right after a burst that fills blocks.
#include "count.h"
#include <immintrin.h>
#include <stdio.h>

TRACED void burst(void) { __asm__ volatile(""); }

TRACED __m128 add128(__m128 a, __m128 b) {
    return _mm_add_ps(a, b);
}
TRACED __m256 add256(__m256 a, __m256 b, __m256 c, __m256 d, __m256 e, __m256 f, __m256 g, __m256 h) {
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h;
}
TRACED __m256 counted256(__m256 a, __m256 b) {
    COUNT();
    return _mm256_mul_ps(a, b);
}
TRACED __m256d stacked256(__m256d a, __m256d b, __m256d c, __m256d d, __m256d e, __m256d f, __m256d g,
                          __m256d h, __m256d i, __m256d j) {
    return a + b + c + d + e + f + g + h + 2 * i + 3 * j;
}
#ifdef WIDE
TRACED __m512 add512(__m512 a, __m512 b, __m512 c, __m512 d) { return a + 2 * b + 3 * c + 4 * d; }
#endif

UNTRACED static float sum256(__m256 v) {
    float out[8], sum = 0;
    _mm256_storeu_ps(out, v);
    for (int i = 0; i < 8; i++) sum += out[i] * (i + 1);
    return sum;
}

int main(void) {
    COUNT();
    float checks = 0;
    int rounds = 20000;
    for (int i = 0; i < rounds; i++) {
        __m256 v = _mm256_set_ps(1, 2, 3, 4, 5, 6, 7, i % 8);
        burst();
        checks += sum256(add256(v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7)) / 1000;
        checks += sum256(counted256(v, v + 1)) / 1000;
        __m256d w = _mm256_set_pd(i % 5, 2, 3, 4);
        __m256d r = stacked256(w, w + 1, w + 2, w + 3, w + 4, w + 5, w + 6, w + 7, w + 8, w + 9);
        checks += (float)(r[0] + r[1] + r[2] + r[3]) / 1000;
        __m128 x = add128(_mm_set1_ps(i % 3), _mm_set1_ps(2));
        checks += x[0] / 1000;
#ifdef WIDE
        __m512 z = _mm512_set1_ps(i % 7);
        z = add512(z, z + 1, z + 2, z + 3);
        checks += (z[0] + z[15]) / 1000;
#endif
    }
    count_for("burst", rounds, rounds, 0);
    count_for("add256", rounds, rounds, 0);
    count_for("stacked256", rounds, rounds, 0);
    count_for("add128", rounds, rounds, 0);
#ifdef WIDE
    count_for("add512", rounds, rounds, 0);
#endif
    printf("%.3f\n", checks);
}
