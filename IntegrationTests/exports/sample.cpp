// What an export must tell of: threads, recursion of one and of two functions, exceptions,
// templates with awkward names, and a stack deeper than a Perfetto track holds (with `deep`).
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

#define KEPT __attribute__((noinline, noipa))

namespace app {
KEPT int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

KEPT void risky(int n) {
    if (n % 3 == 0) throw std::runtime_error("three");
}

KEPT int guarded(int n) {
    try {
        risky(n);
        return 1;
    } catch (const std::exception &) {
        return 0;
    }
}

KEPT int odd(int n);
KEPT int even(int n) { return n == 0 ? 1 : odd(n - 1) + 0 * n; }
KEPT int odd(int n) { return n == 0 ? 0 : even(n - 1) + 0 * n; }
KEPT int deep(int n) { return n == 0 ? 0 : deep(n - 1) + 1; }

template <class Count> struct Worker {
    KEPT void operator()(Count rounds) {
        long sum = 0;
        for (Count round = 0; round < rounds; round++)
            sum += fib(round % 12) + guarded(round) + even(round % 7);
        std::printf("%ld\n", sum);
    }
};
}  // namespace app

int main(int count, char **arguments) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; i++) threads.emplace_back(app::Worker<long>(), 200L);
    if (count > 1 && std::strcmp(arguments[1], "deep") == 0) app::deep(1200);
    for (auto &thread : threads) thread.join();
}
