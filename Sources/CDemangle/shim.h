#pragma once
#include <libiberty/demangle.h>
