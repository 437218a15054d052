// What the starting code has as numbers: offsets in HelperRequest, which lies 65536 bytes from the code's start, and
// where addresses of functions stand, behind the code in its page.
#pragma once

#define REQUEST 65536
#define AGENT_PATH 128
#define CREATE_RESULT 40
#define OPEN_RESULT 48
#define OPEN_ERROR 56
#define PROGRESS 64
#define THREAD 72
#define FUNCTION 80

#define CREATE 3072
#define SELF 3080
#define DETACH 3088
#define OPEN 3096
#define FIND 3104
#define ERROR 3112
