import AgentShims

/// What went wrong: a sentence on standard error, for the process that is attached to.
struct Complaint: Error {
    private var text: StaticString
    private var second: StaticString
    private var number: UInt64?
    private var hexadecimal: UInt64?
    private var path: UInt64

    /// - Parameters:
    ///   - number, address: what stands between both texts.
    ///   - path: C string that ends it.
    init(
        _ text: StaticString, number: UInt64? = nil, address: UInt64? = nil, _ second: StaticString = "",
        path: UInt64 = 0
    ) {
        self.text = text
        self.second = second
        self.number = number
        hexadecimal = address
        self.path = path
    }

    func say(process: UInt64) {
        var line = Sentence()
        line.add("nopal-attach: ")
        if process != 0 {
            line.add(number: process)
            line.add(": ")
        }
        line.add(text)
        if let number { line.add(number: number) }
        if let hexadecimal {
            line.add("0x")
            line.add(hexadecimal: hexadecimal)
        }
        line.add(second)
        if path != 0 { line.add(at: path) }
        line.say(2)
    }
}
