import Foundation
import Glibc
import Testing

/// A secret to be looked for: in every file of a home, in the journal as text, in what was shown, and in the arguments of
/// every process, as it is and as encoders write it.
struct Canary {
  let value: String

  /// No line of it, and no word, can be anywhere by chance.
  init(_ name: String, isLong: Bool = false) {
    let mark = UUID().uuidString
    value =
      isLong
      ? "-----BEGIN \(name)-----\n  \(mark)/+\"\\&é one\n\(String(mark.reversed())) two, and more than a line of base64 has room for\n---END"
      : "\(name) \(mark)/+\"\\&é"
  }

  /// The ways it may be found, by name. Of base64, what does not depend on what stands around it.
  var forms: [(name: String, bytes: [UInt8])] {
    var forms: [(String, [UInt8])] = [("raw", Array(value.utf8))]
    let lines = value.split(separator: "\n").filter { $0.utf8.count >= 8 }
    for line in lines { forms.append(("line", Array(line.trimmingCharacters(in: .whitespaces).utf8))) }
    let unreserved = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
    for safe in [unreserved, unreserved.union(CharacterSet(charactersIn: "/"))] {
      let percent = value.addingPercentEncoding(withAllowedCharacters: safe) ?? ""
      forms.append(("URL", Array(percent.utf8)))
      forms.append(("form", Array(percent.replacingOccurrences(of: "%20", with: "+").utf8)))
    }
    let json = value.unicodeScalars.map { scalar in
      switch scalar {
      case "\n": "\\n"
      case "\"": "\\\""
      case "\\": "\\\\"
      case "é": "\\u00e9"
      default: String(scalar)
      }
    }.joined()
    forms.append(("JSON", Array(json.utf8)))
    forms.append(("JSON with slashes", Array(json.replacingOccurrences(of: "/", with: "\\/").utf8)))
    for before in 0..<3 {
      let text = Data([UInt8](repeating: 0, count: before) + value.utf8).base64EncodedString()
      // Sixteen digits well inside: base64(1) breaks lines only after 76.
      forms.append(("base64", Array(text.utf8.dropFirst(24).prefix(16))))
      forms.append(
        (
          "base64 for URLs",
          Array(text.utf8.dropFirst(24).prefix(16).map { $0 == 0x2B ? 0x2D : $0 == 0x2F ? 0x5F : $0 })
        ))
    }
    return forms
  }

  private func traces(in bytes: Data, of place: String) -> [String] {
    forms.filter { bytes.range(of: Data($0.bytes)) != nil }.map { "\(place): \($0.name)" }
  }

  func traces(in text: String, of place: String) -> [String] { traces(in: Data(text.utf8), of: place) }

  /// Where anything of it is: the files of a home with their names, WAL and all, and what the journal says as text.
  func traces(in home: Home) throws -> [String] {
    var found: [String] = []
    let paths = try FileManager.default.subpathsOfDirectory(atPath: home.path)
    for name in paths {
      found += traces(in: name, of: "the name of \(name)")
      var status = stat()
      guard lstat("\(home.path)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
      found += traces(in: try Data(contentsOf: URL(fileURLWithPath: "\(home.path)/\(name)")), of: name)
    }
    return found + traces(in: try home.sql(".dump"), of: "sqlite3 .dump")
  }

  /// Which processes show it in their arguments.
  var tracesInArguments: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.filter { Int32($0) != nil }.flatMap { pid in
      traces(
        in: (try? FileHandle(forReadingAtPath: "/proc/\(pid)/cmdline")?.readToEnd()) ?? Data(), of: "process \(pid)")
    }
  }
}
