// The library that loading.c opens.
#include "count.h"
#include <stdio.h>

int callback(int n);

TRACED int plugin_small(int n) {
    COUNT();
    return n + 1;
}
TRACED __attribute__((constructor)) void plugin_begins(void) {
    COUNT();
    printf("begins %d\n", plugin_small(1));
}
TRACED __attribute__((destructor)) void plugin_ends(void) {
    COUNT();
    printf("ends %d\n", plugin_small(2));
}
TRACED int plugin_work(int n) {
    COUNT();
    return plugin_small(n) + callback(n);
}
