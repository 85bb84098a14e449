import AstroCore
import Glibc

/// What the runner asks of its warden: frames of a 4-byte length (native order; the length of what follows), one byte
/// for the kind, two 4-byte numbers, and strings that each end in NUL: the three parts of the attempt's key, then what
/// the kind adds. argv and envp are therefore used where they lie, without a copy. The answers are lines of the log.
enum WireFormat {
  enum Kind: UInt8 {
    /// Numbers: how many arguments, how many variables. Strings: workdir, confinement, input, arguments, variables.
    case start = 1
    /// Numbers: the signal, 0.
    case signal = 2
    /// A request the runner's side found unfit: the warden only records it. Numbers: 0, 0. Strings: the reason.
    case refuse = 3
    /// As ``start``, and one more string: the number of ends of this warden at which it starts, in decimal.
    case hold = 4
    /// Start a held attempt now. Numbers: 0, 0.
    case release = 5
    /// Forget a held start. Numbers: 0, 0.
    case withdraw = 6
    /// Ahead of the start of the same attempt: what must be masked in its output. Numbers: how many secrets, 0. Strings:
    /// the path of `$ASTRO_OUTPUT`, the secrets.
    case mask = 7
  }

  /// Twice what execve(2) takes by default, under three quarters of the 8 MiB stack that it never exceeds.
  static let largestFrame = 6 << 20
  static let headerSize = 4 + 1 + 4 + 4

  /// Appends the frame of a start, or of a refusal when the request cannot be put into one.
  /// - Parameter end: the number of ends at which a held request starts; `nil` is now.
  static func start(_ request: StartRequest, atEnd end: UInt64? = nil, to bytes: inout [UInt8]) {
    guard let flaw = flaw(in: request) else {
      if let masking = request.masking {
        frame(.mask, request.key, Int32(masking.secrets.count), 0, [masking.outputFile] + masking.secrets, to: &bytes)
      }
      let strings =
        [request.workdir, request.confinement.text, request.input ?? ""] + request.arguments + request.environment
        + (end.map { [String($0)] } ?? [])
      let counts = (Int32(request.arguments.count), Int32(request.environment.count))
      return frame(end == nil ? .start : .hold, request.key, counts.0, counts.1, strings, to: &bytes)
    }
    frame(.refuse, request.key, 0, 0, [flaw], to: &bytes)
  }

  static func release(_ key: AttemptKey, to bytes: inout [UInt8]) { frame(.release, key, 0, 0, [], to: &bytes) }
  static func withdraw(_ key: AttemptKey, to bytes: inout [UInt8]) { frame(.withdraw, key, 0, 0, [], to: &bytes) }

  static func signal(_ key: AttemptKey, _ signo: Int32, to bytes: inout [UInt8]) {
    frame(.signal, key, signo, 0, [], to: &bytes)
  }

  /// Why no execve(2) could ever take it, in one sentence.
  static func flaw(in request: StartRequest) -> String? {
    guard !request.arguments.isEmpty else { return "there is no command" }
    if request.workdir.holdsNUL { return "workdir holds a NUL byte" }
    if request.input?.holdsNUL == true { return "what it is to read holds a NUL byte" }
    for (index, text) in request.arguments.enumerated() where text.holdsNUL {
      return "argument \(index) holds a NUL byte"
    }
    for text in request.environment where text.holdsNUL {
      return "environment variable \(text.prefix { $0 != "=" && $0 != "\0" }) holds a NUL byte"
    }
    let size = (request.arguments + request.environment).reduce(0) { $0 + $1.utf8.count + 1 }
    let room = largestFrame - headerSize - request.workdir.utf8.count - request.confinement.text.utf8.count - 4096
    guard size <= room else { return "arguments and environment are too large: \(size) bytes" }
    let input = request.input?.utf8.count ?? 0
    return input <= room - size ? nil : "what it is to read is too large: \(input) bytes"
  }

  private static func frame(
    _ kind: Kind, _ key: AttemptKey, _ first: Int32, _ second: Int32, _ strings: [String], to bytes: inout [UInt8]
  ) {
    let start = bytes.count
    bytes.append(contentsOf: [0, 0, 0, 0, kind.rawValue])
    withUnsafeBytes(of: first) { bytes.append(contentsOf: $0) }
    withUnsafeBytes(of: second) { bytes.append(contentsOf: $0) }
    for text in [key.workflow.text, key.task, String(key.number)] + strings {
      bytes.append(contentsOf: text.utf8)
      bytes.append(0)
    }
    withUnsafeBytes(of: UInt32(bytes.count - start - 4)) { bytes.replaceSubrange(start..<start + 4, with: $0) }
  }
}

extension String {
  /// Whether a C string made of it would end early.
  fileprivate var holdsNUL: Bool {
    var text = self
    return text.withUTF8 { bytes in bytes.baseAddress.map { memchr($0, 0, bytes.count) != nil } ?? false }
  }
}

/// One frame as the warden sees it, in place in its input buffer and valid only there.
struct WireFrame {
  let kind: WireFormat.Kind
  let key: AttemptKey
  let first: Int32
  let second: Int32
  /// The strings after the key.
  private let strings: UnsafeRawBufferPointer

  enum Reading {
    case frame(WireFrame, size: Int)
    case incomplete
    /// Not a frame: the other end is not a runner of this version.
    case malformed
  }

  static func read(_ bytes: UnsafeRawBufferPointer) -> Reading {
    guard bytes.count >= 4 else { return .incomplete }
    let size = 4 + Int(bytes.loadUnaligned(as: UInt32.self))
    guard size >= WireFormat.headerSize, size <= WireFormat.largestFrame else { return .malformed }
    guard bytes.count >= size else { return .incomplete }
    guard let frame = WireFrame(UnsafeRawBufferPointer(rebasing: bytes[..<size])) else { return .malformed }
    return .frame(frame, size: size)
  }

  private init?(_ bytes: UnsafeRawBufferPointer) {
    guard let kind = WireFormat.Kind(rawValue: bytes[4]), bytes.last == 0 else { return nil }
    var rest = UnsafeRawBufferPointer(rebasing: bytes[WireFormat.headerSize...])
    guard let workflow = Self.text(&rest), let task = Self.text(&rest), let digits = Self.text(&rest),
      let number = Int(digits)
    else { return nil }
    self.kind = kind
    self.key = AttemptKey(workflow: WorkflowID(unchecked: workflow), task: task, number: number)
    self.first = bytes.loadUnaligned(fromByteOffset: 5, as: Int32.self)
    self.second = bytes.loadUnaligned(fromByteOffset: 9, as: Int32.self)
    self.strings = rest
  }

  /// The first string after the key.
  var text: String? {
    var rest = strings
    return Self.text(&rest)
  }

  /// Where each string after the key begins, in order; nil when they are not `count`.
  func pointers(count: Int) -> [UnsafeMutablePointer<CChar>]? {
    guard count >= 0, count <= strings.count, let base = strings.baseAddress else { return nil }
    var pointers: [UnsafeMutablePointer<CChar>] = []
    pointers.reserveCapacity(count)
    var start = 0
    for (index, byte) in strings.enumerated() where byte == 0 {
      // execve(2) takes char *const[] for history's sake and writes to none of it.
      pointers.append(UnsafeMutableRawPointer(mutating: base + start).assumingMemoryBound(to: CChar.self))
      start = index + 1
    }
    return pointers.count == count ? pointers : nil
  }

  private static func text(_ rest: inout UnsafeRawBufferPointer) -> String? {
    guard let end = rest.firstIndex(of: 0) else { return nil }
    defer { rest = UnsafeRawBufferPointer(rebasing: rest[(end + 1)...]) }
    return String(validating: rest[..<end], as: UTF8.self)
  }
}
