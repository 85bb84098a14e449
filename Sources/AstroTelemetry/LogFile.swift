public import AstroCore
import Glibc
import Synchronization

/// An append-only file of lines, shared by any number of processes: one write(2) a line on an O_APPEND descriptor, which
/// the kernel serialises, so lines of several writers never mix.
///
/// It never throws once open: a log that cannot be written must not stop the work it describes. Lines that could not be
/// written are counted, told once on stderr, and told in the log itself as soon as it takes lines again.
public final class LogFile: Sendable {
  public let path: String
  /// The line that reports how many were lost, newline included.
  private let notice: @Sendable (_ dropped: Int) -> [UInt8]
  private let state: Mutex<State>

  /// After this many lines the path is looked at again even if the second has not changed.
  static let linesBetweenChecks = 4096

  private struct State {
    var descriptor: Int32
    var identity: Identity
    /// The wall-clock second in which the path was last compared with the descriptor.
    var checkedSecond: Int64 = .min
    var linesSinceCheck = 0
    var bytesSinceCheck = 0
    /// How large the file may become; `nil` is without end.
    var rotation: Rotation?
    var isRotationTold = false
    var dropped = 0
    /// The file ends inside a line: the next write must begin with a newline, or it would be lost with that line.
    var endsTorn: Bool
  }

  private struct Identity: Equatable {
    let device: dev_t
    let inode: ino_t
  }

  /// Opens `path`, creating it with mode 0600; its directory must exist.
  /// - Parameters:
  ///   - rotation: when it is renamed away; `nil` is never.
  ///   - notice: makes the line that reports lost lines, newline included.
  /// - Throws: `cannotCreate` when it cannot be opened for appending.
  public init(
    path: String, rotation: Rotation? = nil, notice: @escaping @Sendable (_ dropped: Int) -> [UInt8]
  ) throws(Failure) {
    self.path = path
    self.notice = notice
    var state = try Self.open(path)
    state.rotation = rotation
    self.state = Mutex(state)
  }

  deinit { state.withLock { _ = close($0.descriptor) } }

  /// Appends one line, newline included. `second` is the wall-clock second of the line: it paces the look-out for
  /// rotation, so that no clock is read here.
  public func append(_ line: UnsafeRawBufferPointer, second: Int64) {
    state.withLock { state in
      lookAround(&state, second)
      state.bytesSinceCheck += line.count
      guard repair(&state) else { return }
      if case .failed(let error, let written) = writeFully(state.descriptor, line) {
        if written > 0 { state.endsTorn = true }
        drop(&state, error)
      }
    }
  }

  /// Changes when it is renamed away (a reloaded configuration).
  public func setRotation(_ rotation: Rotation?) { state.withLock { $0.rotation = rotation } }

  /// Opens the path anew, for SIGHUP. When that fails the old file stays in use, so no line is lost.
  public func reopen() throws(Failure) {
    let fresh = try Self.open(path)
    state.withLock { Self.exchange(&$0, for: fresh) }
  }

  /// Log rotation renames or unlinks the file under us; without this look we would fill a file nobody can see. And
  /// what has become too large is renamed by us.
  private func lookAround(_ state: inout State, _ second: Int64) {
    state.linesSinceCheck += 1
    let bound = state.rotation.map { Int(clamping: $0.size) } ?? .max
    guard
      second != state.checkedSecond || state.linesSinceCheck >= Self.linesBetweenChecks
        || state.bytesSinceCheck >= bound
    else { return }
    state.checkedSecond = second
    state.linesSinceCheck = 0
    state.bytesSinceCheck = 0
    var status = stat()
    if stat(path, &status) == 0, state.identity == Identity(device: status.st_dev, inode: status.st_ino) {
      guard status.st_size >= bound, rotate(&state) else { return }
    }
    // While the path cannot be opened (its directory is gone, say) lines go on into the old file.
    if let fresh = try? Self.open(path) { Self.exchange(&state, for: fresh) }
  }

  /// - Returns: whether the path leads elsewhere now.
  private func rotate(_ state: inout State) -> Bool {
    guard let rotation = state.rotation else { return false }
    do throws(Failure) {
      return try Self.rotate(path, state.descriptor, by: rotation)
    } catch {
      if !state.isRotationTold { Self.tell(error) }
      state.isRotationTold = true
      return false
    }
  }

  /// Ends a torn line and reports lost ones, in one write. `false` when that failed: the line at hand is lost too.
  private func repair(_ state: inout State) -> Bool {
    guard state.dropped > 0 || state.endsTorn else { return true }
    var bytes: [UInt8] = state.endsTorn ? [0x0A] : []
    if state.dropped > 0 { bytes += notice(state.dropped) }
    switch bytes.withUnsafeBytes({ writeFully(state.descriptor, $0) }) {
    case .complete:
      state.dropped = 0
      state.endsTorn = false
      return true
    case .failed(let error, let written):
      if written > 0 { state.endsTorn = true }
      drop(&state, error)
      return false
    }
  }

  private func drop(_ state: inout State, _ error: Int32) {
    state.dropped += 1
    guard state.dropped == 1 else { return }  // once an outage, or a full disk would also flood the console
    Self.tell(.system(.io, path, "cannot be written, log lines are dropped", errno: error))
  }

  private static func tell(_ failure: Failure) {
    let text = Array("astro: \(Terminal.printable(failure.description))\n".utf8)
    _ = text.withUnsafeBytes { writeFully(STDERR_FILENO, $0) }
  }

  private static func exchange(_ state: inout State, for fresh: State) {
    close(state.descriptor)
    state.descriptor = fresh.descriptor
    state.identity = fresh.identity
    state.endsTorn = fresh.endsTorn
  }

  private static func open(_ path: String) throws(Failure) -> State {
    // O_NONBLOCK: a FIFO under this name must not stop the runner. O_RDWR: the last byte is read below.
    let descriptor = Glibc.open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0o600)
    guard descriptor >= 0 else { throw .system(.cannotCreate, path, "cannot be opened for appending", errno: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let error = errno
      close(descriptor)
      throw .system(.io, path, "cannot be examined", errno: error)
    }
    return State(
      descriptor: descriptor, identity: Identity(device: status.st_dev, inode: status.st_ino),
      endsTorn: TornLine.isAtEnd(of: descriptor))
  }
}
