import Glibc

/// Files of a control group (cgroups(7)): each write(2) is one order, each read(2) one answer.
enum ControlFile {
  /// False, with `errno` set, when the kernel refuses.
  @discardableResult
  static func write(_ text: String, to path: String) -> Bool {
    guard let descriptor = Descriptor(opening: path, O_WRONLY) else { return false }
    return write(text, to: descriptor)
  }

  static func write(_ text: String, to descriptor: borrowing Descriptor) -> Bool {
    Glibc.write(descriptor.number, text, text.utf8.count) == text.utf8.count
  }

  static func read(_ path: String) -> String? {
    Descriptor(opening: path, O_RDONLY)?.readAll().map { String(decoding: $0, as: UTF8.self) }
  }

  /// The number of a line `name number`.
  static func number(_ name: String, in path: String) -> Int64? {
    let line = read(path)?.split(separator: "\n").first { $0.hasPrefix(name + " ") }
    return line.flatMap { Int64($0.dropFirst(name.utf8.count + 1)) }
  }

  static func number(in path: String) -> Int64? { read(path).flatMap { Int64($0.prefix { $0 != "\n" }) } }
}
