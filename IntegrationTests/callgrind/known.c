/* Calls whose exact number is known by reading: the comparison is tried on these first. */
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) static int leaf(int value) { __asm__ volatile(""); return value + 1; }
__attribute__((noinline)) static int tail(int value) { __asm__ volatile(""); return leaf(value * 2); }
__attribute__((noinline)) static int recursive(int depth)
{
    if (depth == 0)
        return 0;
    int below = recursive(depth - 1);
    __asm__ volatile("" : "+r"(below)); /* else gcc makes a loop of it */
    return below + 1;
}
__attribute__((noinline)) static int order(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}
__attribute__((noinline)) int global(void) { __asm__ volatile(""); return 7; }
extern int alias(void) __attribute__((alias("global")));

int main(void)
{
    int sum = 0, sorted[2] = {2, 1};
    for (int i = 0; i < 1000; i++)
        sum += leaf(i);
    for (int i = 0; i < 30; i++)
        sum += tail(i);
    for (int i = 0; i < 5; i++)
        sum += recursive(9);
    qsort(sorted, 2, sizeof *sorted, order);
    sum += alias() + global();
    printf("%d\n", sum + sorted[0]);
    return 0;
}
