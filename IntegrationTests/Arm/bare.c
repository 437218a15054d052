// A program without a C library: only its header matters.
int answer(int n) { return n + 42; }
void _start(void) { answer(1); }
