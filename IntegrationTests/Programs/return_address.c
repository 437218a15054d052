// __builtin_return_address(0) names the true caller.
#define _GNU_SOURCE
#include "count.h"
#include <dlfcn.h>
#include <stdio.h>

UNTRACED static void print_symbol(void *address) {
    Dl_info info = {0};
    dladdr((char *)address - 1, &info);
    puts(info.dli_sname ? info.dli_sname : "?");
}
// Nopal cannot trace the exit of this one; only its entries are compared.
TRACED void asks(void) {
    COUNT();
    print_symbol(__builtin_return_address(0));
}
TRACED void asks_leaf(void **out) {
    *out = __builtin_return_address(0);
}
TRACED int first_caller(int n) {
    COUNT();
    asks();
    return n;
}
TRACED int second_caller(int n) {
    COUNT();
    asks();
    return first_caller(n) + 1;
}

int main(void) {
    COUNT();
    int sum = 0;
    for (int i = 0; i < 20; i++) sum += second_caller(i);
    void *caller = 0;
    asks_leaf(&caller);
    count_for("asks_leaf", 1, 1, 0);
    print_symbol(caller);
    printf("%d\n", sum);
}
