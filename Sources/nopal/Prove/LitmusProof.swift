struct LitmusProof {
    let files: [String]
    let cacheType: String?
    let explain: Bool
    let json: Bool
    func run() throws {}
}
