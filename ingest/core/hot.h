/* SQ_HOT: compile a hot loop once per instruction set and choose when the program starts. Put it on
 * static functions that hold the loop itself (an OpenMP region inside would not inherit it). */
#ifndef SQ_CORE_HOT_H
#define SQ_CORE_HOT_H

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define SQ_HOT __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define SQ_HOT
#endif

#endif
