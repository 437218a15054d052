"""The programs that are patched live: generated functions, with what calls and watches them.

The functions are compiled apart from the measuring code, in files of at most FILE_SIZE functions
that programs of every size share. So a program of N functions has exactly N sites.
"""
import zlib

from .tools import BUILT, SOURCES, compile_program, need, nopal_cflags

FILE_SIZE = 10_000
XRAY_FLAGS = ["-fxray-instrument", "-fxray-instruction-threshold=1"]
GLOB = "work_*"


def header_version():
    """A flag that changes with the shared header, so that what includes it is compiled again."""
    return f"-DHEADER_VERSION={zlib.crc32((SOURCES / 'traced_calls.h').read_bytes())}u"


def flavour_of(name):
    """(compiler, flags) of the functions, which decide what stands at their entries."""
    if name == "gcc":  # five NOPs of one byte
        return "gcc", nopal_cflags()
    if name == "clang":  # one NOP of five bytes
        return need("clang-19"), nopal_cflags("clang")
    return need("clang-19"), XRAY_FLAGS  # a jump over a NOP at the entry, and NOPs before each return


def functions_source(first, count):
    """A C file of functions work_<first>... and, in a section of its own, pointers to them."""
    BUILT.mkdir(parents=True, exist_ok=True)
    path = BUILT / f"work_{first}_{count}.c"
    if not path.exists():
        numbers = range(first, first + count)
        lines = [f"__attribute__((noinline)) int work_{n}(int x) {{ return x * {n + 3} + 1; }}" for n in numbers]
        lines.append(f'__attribute__((used, section("traced_functions"))) int (*table_{first}[])(int) = {{')
        lines += [f"    work_{n}," for n in numbers] + ["};"]
        path.write_text("\n".join(lines) + "\n")
    return path


def functions(count, flavour):
    """The objects that hold `count` functions."""
    compiler, flags = flavour_of(flavour)
    starts = range(0, count, FILE_SIZE)
    sources = [functions_source(first, min(FILE_SIZE, count - first)) for first in starts]
    return [compile_program(f"{source.stem}.{flavour}.o", [source], ["-O1", "-g0", "-c", *flags], compiler)
            for source in sources]


def live_target(count, flavour="gcc"):
    """live_target.c with `count` functions, built for Nopal."""
    sources = [SOURCES / "live_target.c", *functions(count, flavour)]
    return compile_program(f"live_target.{flavour}.{count}", sources, ["-Wall", header_version()])


def xray_patch(count):
    """xray_patch.c with `count` functions, built for XRay. Its own code is compiled without."""
    compiler, _ = flavour_of("xray")
    main = compile_program("xray_patch.o", [SOURCES / "xray_patch.c"], ["-Wall", "-c", header_version()], compiler)
    return compile_program(f"xray_patch.{count}", [main, *functions(count, "xray")], ["-fxray-instrument"], compiler)
