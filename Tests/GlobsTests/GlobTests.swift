import Foundation
import Globs
import Testing

@Suite struct GlobTests {
    @Test(arguments: [
        ("main", "main", true), ("main", "main2", false), ("ma*", "main", true), ("*", "", true),
        ("*a*b*", "xxayybzz", true), ("*a*b", "xxayybzz", false), ("ma?n", "main", true),
        ("?", "é", true), ("[a-c]x", "bx", true), ("[a-c]x", "dx", false), ("[!a-c]x", "dx", true),
        ("[]]", "]", true), ("[ab", "[ab", true), ("\\*", "*", true), ("\\*", "x", false),
        ("a**b", "ab", true), ("", "", true), ("", "a", false), ("*.part.?", "f.part.0", true),
    ])
    func covers(pattern: String, name: String, expected: Bool) {
        #expect(Glob(pattern).matches(name) == expected)
    }

    /// Every pattern of up to four and name of up to four letters of a small alphabet, against
    /// the C library.
    @Test func agreesWithFnmatch() {
        var patterns = [""]
        var names = [""]
        for _ in 0..<4 {
            patterns += patterns.flatMap { word in ["a", "b", "*", "?", "[a]", "[!a]"].map { word + $0 } }
            patterns = Array(Set(patterns))
            names += names.flatMap { word in ["a", "b"].map { word + $0 } }
            names = Array(Set(names))
        }
        for pattern in patterns {
            let glob = Glob(pattern)
            for name in names {
                #expect(glob.matches(name) == (fnmatch(pattern, name, 0) == 0), "\(pattern) on \(name)")
            }
        }
    }

    @Test(arguments: [
        ("foo", "foo"), ("ns::f(int)", "ns::f"), ("void ns::f<int>(int) const", "ns::f<int>"),
        ("(anonymous namespace)::f(int, char)", "(anonymous namespace)::f"),
        ("A::operator()(int)", "A::operator()"), ("A::operator bool()", "A::operator bool"),
        ("bool operator<(A, A)", "operator<"),
        (
            "std::vector<int, std::allocator<int> >::push_back(int&&)",
            "std::vector<int, std::allocator<int> >::push_back"
        ),
        ("void f(void (*)(int))", "f"),
        (
            "f(int)::{lambda(int)#1}::operator()(int) const",
            "f(int)::{lambda(int)#1}::operator()"
        ), ("core::fmt::write", "core::fmt::write"),
    ])
    func bareNames(demangled: String, bare: String) {
        #expect(bareName(ofDemangled: demangled) == bare)
    }

    @Test func selection() {
        let demangle = { (name: String) in name == "_ZN2ns1fEi" ? "ns::f(int)" : name }
        func selects(_ only: [String], _ never: [String], _ name: String = "_ZN2ns1fEi") -> Bool {
            FunctionFilter(only: only, never: never).selects(linkageName: name, demangle: demangle)
        }
        #expect(selects([], []))
        #expect(selects(["ns::f"], []))
        #expect(selects(["ns::f(int)"], []))
        #expect(selects(["_ZN2ns*"], []))
        #expect(!selects(["g*"], []))
        #expect(!selects([], ["ns::*"]))
        #expect(!selects(["ns::f"], ["_Z*"]))
        #expect(!selects(["_Z*"], ["ns::f"]))
        #expect(selects(["g", "main"], ["f"], "main"))
    }
}
