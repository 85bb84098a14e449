import AstroConfiguration
import AstroSpool
import Glibc

extension Site {
  /// The file in `spool/` that a person means, with or without the directory before its name; `nil` when none has it. One
  /// that `astro submit` placed is named by the run it will be.
  func spoolFile(_ text: String) -> FileName? {
    let slash = text.utf8.lastIndex(of: UInt8(ascii: "/"))
    let name = FileName(bytes: text.utf8[(slash.map { text.utf8.index(after: $0) } ?? text.startIndex)...])
    let names = [name] + SubmissionFormat.allCases.map { FileName("\(text).\($0.rawValue)") }
    return names.compactMap { $0 }.first { isInSpool($0) }
  }

  private func isInSpool(_ file: FileName) -> Bool {
    let path = Array("\(home.spool)/".utf8) + file.bytes + [0]
    return path.withUnsafeBytes { bytes in
      var status = stat()
      return bytes.bindMemory(to: CChar.self).baseAddress.map { lstat($0, &status) == 0 } ?? false
    }
  }
}
