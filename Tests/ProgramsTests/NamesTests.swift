import Demangling
import Programs
import Testing

/// Names as `nopal sites` shows them, from programs in the three languages.
@Suite struct NamesTests {
    @Test func cPlusPlus() throws {
        let source = """
            namespace ns { struct A { int v; A(int v); virtual ~A(); template <class T> T get(T t); }; }
            ns::A::A(int v) : v(v) {}
            ns::A::~A() { v = 0; }
            template <class T> T ns::A::get(T t) { return t + v; }
            int main() { ns::A a(3); return a.get<int>(1) + (int)a.get<long>(2); }
            """
        let path = try Built.program(source, "g++ -O0 -fpatchable-function-entry=5", suffix: "cc")
        let names = Set(try ModuleImage.read(path: path).sites.map { demangled($0.function.name) })
        #expect(
            names == [
                "main", "ns::A::A(int)", "ns::A::~A()", "ns::A::get<int>(int)", "ns::A::get<long>(long)",
            ])
    }

    /// Of aliases at one address the global name without an underscore is shown, the first of several.
    @Test func aliases() throws {
        let source = """
            int zulu(int a) { return a; }
            int alpha(int a) __attribute__((alias("zulu")));
            int _first(int a) __attribute__((alias("zulu")));
            static int local(int a) __attribute__((alias("zulu")));
            int main(void) { return local(1) + alpha(1) + _first(1); }
            """
        let path = try Built.program(source, "gcc -O0 -fpatchable-function-entry=5")
        #expect(try ModuleImage.read(path: path).sites.map(\.function.name).sorted() == ["alpha", "main"])
    }

    @Test(arguments: [
        ("_RNvCs1234_7mycrate3foo", "mycrate::foo"),
        ("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"),
        ("$s4main3fooSiyF", "main.foo() -> Swift.Int"), ("plain", "plain"),
    ])
    func rustAndSwift(linkageName: String, name: String) {
        #expect(demangled(linkageName) == name)
    }
}
