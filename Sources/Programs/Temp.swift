import Foundation
import Patching
public struct FunctionSymbol: Sendable { public var name: String; public var address: UInt64; public var byteCount: UInt64 }
public enum SiteVerdict: Sendable { case traceable(Site, exits: Bool, remark: String?), notTraceable(reason: String) }
public struct FunctionSite: Sendable { public var function: FunctionSymbol; public var verdict: SiteVerdict }
public struct MapEntry: Sendable { public var start, end: UInt64; public var permissions: String; public var offset: UInt64; public var path: String
  public init(start: UInt64, end: UInt64, permissions: String, offset: UInt64, path: String) { self.start = start; self.end = end; self.permissions = permissions; self.offset = offset; self.path = path } }
public enum ProcessMaps { public static func read(process: Int32) throws -> [MapEntry] {
  let t = try String(contentsOfFile: "/proc/\(process)/maps", encoding: .utf8)
  return t.split(separator: "\n").map { l in let p = l.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true); let r = p[0].split(separator: "-")
    return MapEntry(start: UInt64(r[0], radix: 16)!, end: UInt64(r[1], radix: 16)!, permissions: String(p[1]), offset: 0, path: p.count > 5 ? p[5].trimmingCharacters(in: .whitespaces) : "") } } }
public struct ModuleImage: Sendable {
  public var path: String, buildID: [UInt8] = [], textRanges: [Range<UInt64>] = [], sites: [FunctionSite] = []
  var syms: [String: UInt64] = [:]
  public func exportedFunction(_ n: String) -> UInt64? { syms[n] }
  public static func read(path: String) throws -> ModuleImage {
    let d = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    func u(_ o: Int, _ n: Int) -> UInt64 { var v: UInt64 = 0; for i in 0..<n { v |= UInt64(d[o+i]) << UInt64(8*i) }; return v }
    var m = ModuleImage(path: path)
    let shoff = Int(u(40,8)), shn = Int(u(60,2)), phoff = Int(u(32,8)), phn = Int(u(56,2))
    var loads: [(UInt64,UInt64,UInt64)] = []
    for i in 0..<phn { let p = phoff+i*56; if u(p,4)==1 { loads.append((u(p+16,8),u(p+8,8),u(p+32,8))); if u(p+4,4)&1 != 0 { m.textRanges.append(u(p+16,8)..<u(p+16,8)+u(p+40,8)) } } }
    func off(_ va: UInt64) -> Int { for l in loads where va >= l.0 && va < l.0+l.2 { return Int(va-l.0+l.1) }; return 0 }
    var funcs: [(UInt64,UInt64,String)] = []
    var psec: [(UInt64, Int, Int)] = []; var rela: [UInt64: UInt64] = [:]
    let shstr = Int(u(shoff+Int(u(62,2))*64+24,8))
    func str(_ o: Int) -> String { var e = o; while d[e] != 0 { e += 1 }; return String(decoding: d[o..<e], as: UTF8.self) }
    for i in 0..<shn { let s = shoff+i*64; let type = u(s+4,4); let o = Int(u(s+24,8)), n = Int(u(s+32,8))
      if str(shstr+Int(u(s,4))) == "__patchable_function_entries" { psec.append((u(s+16,8), o, n)) }
      if type == 2 || type == 11 { let st = Int(u(shoff+Int(u(s+40,4))*64+24,8)); for k in 0..<n/24 { let y = o+k*24; if d[y+4] & 15 == 2 && u(y+6,2) != 0 { let nm = str(st+Int(u(y,4))); m.syms[nm] = u(y+8,8); if type == 2 || true { funcs.append((u(y+8,8), u(y+16,8), nm)) } } } }
      if type == 4 { for k in 0..<n/24 { let y = o+k*24; if u(y+8,4) == 8 { rela[u(y,8)] = u(y+16,8) } } } }
    funcs.sort { $0.0 < $1.0 }
    for (va,o,n) in psec { for k in 0..<n/8 { let a = rela[va+UInt64(k*8)] ?? u(o+k*8,8); if a == 0 { continue }
      guard let f = funcs.last(where: { $0.0 <= a }) else { continue }
      m.sites.append(FunctionSite(function: FunctionSymbol(name: f.2, address: f.0, byteCount: f.1), verdict: .traceable(Site(address: a, shape: .smallNops(count: 5), original: Array(d[off(a)..<off(a)+5]), tail: []), exits: true, remark: nil))) } }
    return m } }
