// Opened by controlled.c while it is traced, or before.
__attribute__((noinline, used)) long plugged_inner(long x) { return x + 1; }
long plugged(long x) { return plugged_inner(x) * 2; }
