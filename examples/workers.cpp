// A small program to trace: two workers, a queue, and an order that throws.
//
//   workers [ORDERS]      (default 6)
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

std::mutex lock;
std::condition_variable arrived;
std::deque<int> queue;
bool closed = false;

[[gnu::noinline]] long price(int order)
{
    if (order % 5 == 4)
        throw std::runtime_error("order " + std::to_string(order) + " has no price");
    std::vector<int> parts(static_cast<size_t>(order) + 1);
    std::iota(parts.begin(), parts.end(), 1);
    return std::accumulate(parts.begin(), parts.end(), 0L);
}

[[gnu::noinline]] long total(int order) { return price(order) + price(order / 2); }

[[gnu::noinline]] void serve(int order)
{
    try {
        std::printf("order %d: %ld\n", order, total(order));
    } catch (const std::exception &error) {
        std::printf("order %d: refused, %s\n", order, error.what());
    }
}

[[gnu::noinline]] bool next(int &order)
{
    std::unique_lock<std::mutex> guard(lock);
    arrived.wait(guard, [] { return closed || !queue.empty(); });
    if (queue.empty())
        return false;
    order = queue.front();
    queue.pop_front();
    return true;
}

[[gnu::noinline]] void work()
{
    for (int order; next(order);)
        serve(order);
}

[[gnu::noinline]] void place(int order)
{
    std::lock_guard<std::mutex> guard(lock);
    queue.push_back(order);
    arrived.notify_one();
}

} // namespace

int main(int argc, char **argv)
{
    const int orders = argc > 1 ? std::atoi(argv[1]) : 6;
    std::thread first(work), second(work);
    for (int order = 0; order < orders; order++)
        place(order);
    {
        std::lock_guard<std::mutex> guard(lock);
        closed = true;
    }
    arrived.notify_all();
    first.join();
    second.join();
}
