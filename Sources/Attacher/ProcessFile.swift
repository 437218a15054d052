import AgentShims

/// Files of a process below /proc, and what they say.
struct ProcessFile {
    let process: UInt64

    private func open(_ thread: UInt64, _ name: StaticString, flags: Int64) -> Int64 {
        var path = Sentence()
        path.add("/proc/")
        path.add(number: process)
        if thread != 0 {
            path.add("/task/")
            path.add(number: thread)
        }
        path.add(name)
        return path.withAddress { System.open($0, flags: flags) }
    }

    /// Opens a file of the process; negative errno when that fails.
    func open(_ name: StaticString, writable: Bool = false) -> Int64 {
        open(0, name, flags: writable ? 2 : 0)
    }

    /// The beginning of a thread's file; 0 bytes when there is none.
    ///
    /// - Parameter thread: 0 for the process's own.
    func text(_ thread: UInt64, _ name: StaticString) -> ProcessText {
        var text = ProcessText()
        let descriptor = open(thread, name, flags: 0)
        if descriptor < 0 { return text }
        defer { System.close(descriptor) }
        text.fill(descriptor)
        return text
    }

    /// Every thread there is.
    func eachThread(_ body: (UInt64) -> Void) {
        let descriptor = open("/task")
        if descriptor < 0 { return }
        defer { System.close(descriptor) }
        var buffer = InlineArray<4096, UInt8>(repeating: 0)
        while true {
            let count = withUnsafeMutablePointer(to: &buffer) {
                System.call(AttacherCallNumber.directoryEntries, descriptor, System.address($0), 4096)
            }
            if count <= 0 { return }
            var at = 0
            while at < Int(count) {
                // struct linux_dirent64: u64 inode, i64 offset, u16 byte count, u8 type, name.
                let byteCount = Int(buffer[at + 16]) | Int(buffer[at + 17]) << 8
                var number: UInt64 = 0
                var isNumber = true
                var index = at + 19
                while buffer[index] != 0 {
                    if buffer[index] < 48 || buffer[index] > 57 { isNumber = false }
                    number = number &* 10 &+ UInt64(buffer[index] & 15)
                    index += 1
                }
                if isNumber && number != 0 { body(number) }
                at += byteCount
            }
        }
    }
}

/// The first 4096 bytes of a file of /proc.
struct ProcessText {
    private var bytes = InlineArray<4096, UInt8>(repeating: 0)
    private(set) var count = 0

    fileprivate mutating func fill(_ descriptor: Int64) {
        while count < 4095 {
            let at = count
            let got = withUnsafeMutablePointer(to: &bytes) {
                System.read(descriptor, UInt64(UInt(bitPattern: $0)) &+ UInt64(at), UInt64(4095 - at))
            }
            if got <= 0 { return }
            count += Int(got)
        }
    }

    func byte(_ index: Int) -> UInt8 { index < count ? bytes[index] : 0 }

    /// The number behind a name, hexadecimal; nil when the name is not there.
    func mask(_ name: StaticString) -> UInt64? {
        guard var at = place(name) else { return nil }
        while byte(at) == 32 || byte(at) == 9 { at += 1 }
        return hexadecimal(&at)
    }

    /// The number behind a name, decimal; nil when the name is not there.
    func number(_ name: StaticString) -> UInt64? {
        guard var at = place(name) else { return nil }
        var value: UInt64 = 0
        while byte(at) >= 48 && byte(at) <= 57 {
            value = value &* 10 &+ UInt64(byte(at) & 15)
            at += 1
        }
        return value
    }

    /// Whether more than one number stands behind a name.
    func hasSecond(_ name: StaticString) -> Bool {
        guard var at = place(name) else { return false }
        while byte(at) >= 48 && byte(at) <= 57 { at += 1 }
        return byte(at) == 9
    }

    /// Where the text behind a name begins.
    func place(_ name: StaticString) -> Int? {
        let length = name.utf8CodeUnitCount
        var start = 0
        while start + length <= count {
            var index = 0
            while index < length && bytes[start + index] == name.utf8Start[index] { index += 1 }
            if index == length { return start + length }
            start += 1
        }
        return nil
    }

    /// Reads on from `at`; an `0x` in front is passed over.
    func hexadecimal(_ at: inout Int) -> UInt64 {
        if byte(at) == 48 && byte(at + 1) == 120 { at += 2 }
        var value: UInt64 = 0
        while true {
            let next = byte(at)
            if next >= 48 && next <= 57 {
                value = value << 4 | UInt64(next &- 48)
            } else if next >= 97 && next <= 102 {
                value = value << 4 | UInt64(next &- 87)
            } else {
                return value
            }
            at += 1
        }
    }
}
