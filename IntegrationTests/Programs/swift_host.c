// The traced part of swift_host.swift.
#include "count.h"

TRACED long c_work(long n) {
    COUNT();
    return n * 3 + 1;
}
TRACED long c_calls_back(long n, long (*callback)(long)) {
    COUNT();
    return callback(n) + c_work(n);
}
