// One traced function, called argv[1] times: what is counted of it is instructions.
#include <stdlib.h>

__attribute__((noinline)) int traced(int n) {
    __asm__ volatile("");
    return n + 1;
}

__attribute__((noinline, patchable_function_entry(0, 0))) static int loop(int n) {
    int sum = 0;
    for (int i = 0; i < n; i++) sum = traced(sum);
    return sum;
}

int main(int count, char **arguments) { return loop(count > 1 ? atoi(arguments[1]) : 1) & 1; }
