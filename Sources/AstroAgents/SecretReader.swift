public import AstroCore
import CLinux
import Glibc

/// Whose file a run's workflow is, as far as its secrets are concerned.
public struct Submitter: Sendable, Equatable {
  public var user: UInt32
  /// It may use what is the runner's own: it is the runner's user, root, or in `trusted_users`. Else whoever can put a file
  /// into the spool could read the runner's keys.
  public var isTrusted: Bool

  public init(user: UInt32, isTrusted: Bool) {
    self.user = user
    self.isTrusted = isTrusted
  }

  /// For what the configuration names.
  static let runner = Submitter(user: geteuid(), isTrusted: true)
}

/// Reads secrets where they are, at each start of an attempt anew. They go to the command and to the masks of its output,
/// and are kept nowhere.
public struct SecretReader: Sendable {
  /// Why a secret cannot be had, in one sentence without its value.
  public struct Unavailable: Error {
    public let message: String
  }

  /// The largest, in bytes.
  static let longest = 64 << 10

  let environment: [String: String]
  let home: String

  /// - Parameters:
  ///   - environment: the runner's own.
  ///   - home: where relative paths begin.
  public init(environment: [String: String], home: String) {
    self.environment = environment
    self.home = home
  }

  public func value(of secret: SecretPlan, for submitter: Submitter) throws(Unavailable) -> String {
    let value: String
    switch secret.source {
    case .environment(let name):
      guard submitter.isTrusted else {
        throw refused(secret, "the runner's environment is not for workflows of user \(submitter.user)")
      }
      guard let found = environment[name] else { throw refused(secret, "the runner's environment has no \(name)") }
      value = found
    case .file(let path):
      value = try content(of: path.hasPrefix("/") ? path : "\(home)/\(path)", secret, submitter)
    }
    if value.utf8.count > Self.longest { throw refused(secret, "it is longer than 64 KiB") }
    if value.utf8.contains(0) { throw refused(secret, "it holds a NUL byte, which no variable can") }
    if value.utf8.count < SecretMask.shortest {
      throw refused(secret, "it is shorter than \(SecretMask.shortest) bytes, too short to be masked")
    }
    return value
  }

  private func refused(_ secret: SecretPlan, _ why: String) -> Unavailable {
    Unavailable(message: "secret '\(secret.name)' cannot be used: \(why)")
  }

  /// The text of a file, without the newline that editors end it with.
  private func content(of path: String, _ secret: SecretPlan, _ submitter: Submitter) throws(Unavailable) -> String {
    // Not opened before it is known to be a file to be read: to open a device or a FIFO does something to it.
    let place = clinux_open_place(path)
    let problem = errno
    defer { if place >= 0 { close(place) } }
    if let flaw = flaw(place, problem, submitter) {
      throw refused(secret, flaw.isFor(submitter) ? "\(path): \(flaw.text)" : Self.nothing(at: path, for: submitter))
    }
    let descriptor = open("/proc/self/fd/\(place)", O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw refused(secret, "\(path): \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    guard let bytes = read(descriptor) else { throw refused(secret, "\(path): \(String(cString: strerror(errno)))") }
    let text = bytes.last == 0x0A ? bytes.dropLast() : bytes[...]
    guard let value = String(validating: text, as: UTF8.self) else {
      throw refused(secret, "\(path): is not UTF-8")
    }
    return value
  }

  /// What is wrong with a file, and whose file it is.
  private struct Flaw {
    let text: String
    let owner: UInt32?

    /// A runner that is root sees more than the submitter, who could have it look around by what it tells of a path.
    func isFor(_ submitter: Submitter) -> Bool { [0, geteuid(), owner].contains(submitter.user) }
  }

  private static func nothing(at path: String, for submitter: Submitter) -> String {
    "\(path): user \(submitter.user) has no regular file there that nobody else may read or write"
  }

  /// - Parameters:
  ///   - place: a descriptor of the file, by which it is not opened (open(2), O_PATH); negative when there is none.
  ///   - problem: why there is none.
  private func flaw(_ place: Int32, _ problem: Int32, _ submitter: Submitter) -> Flaw? {
    var status = stat()
    guard place >= 0, fstat(place, &status) == 0 else {
      return Flaw(text: String(cString: strerror(place < 0 ? problem : errno)), owner: nil)
    }
    let (owner, kind) = (status.st_uid, status.st_mode & S_IFMT)
    let isUsable = owner == submitter.user || (submitter.isTrusted && [geteuid(), 0].contains(owner))
    let text: String? =
      if kind == S_IFLNK { "is a symbolic link" } else if kind != S_IFREG { "is no regular file" } else if !isUsable {
        "belongs to user \(owner), the workflow to user \(submitter.user)"
      } else if status.st_mode & 0o077 != 0 {
        "others than its owner may read or write it; chmod 600 it"
      } else { nil }
    return text.map { Flaw(text: $0, owner: owner) }
  }

  /// At most so much that it is known to be too long.
  private func read(_ descriptor: Int32) -> [UInt8]? {
    let most = Self.longest + 2
    var failed = false
    let bytes = [UInt8](unsafeUninitializedCapacity: most) { buffer, filled in
      while filled < most {
        let got = Glibc.read(descriptor, buffer.baseAddress! + filled, most - filled)
        if got < 0, errno == EINTR { continue }
        failed = got < 0
        if got <= 0 { break }
        filled += got
      }
    }
    return failed ? nil : bytes
  }
}
