// A library of the user's own in LD_PRELOAD: it changes one function of libc.
int abs(int n) { return n < 0 ? -n : n; }
