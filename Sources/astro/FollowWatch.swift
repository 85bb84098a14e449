import AstroCore
import AstroRunner
import Glibc

/// Sleeps until something that is followed may have changed (inotify(7)), Ctrl-C was pressed, or nobody reads our output
/// any more. What it says is a hint: callers look for themselves, at the latest after `longest`.
final class FollowWatch {
  /// Two classes of files, so that a task that prints much does not make the journal be read at every line.
  enum Subject: Int, CaseIterable { case output, state }

  enum Wake: Equatable {
    case changed(Set<Subject>)
    /// Nothing was heard for `longest`: on a file system without events, or with all watches in use, this is the pace.
    case quiet
  }

  /// How late a change without an event is noticed, in milliseconds.
  private static let longest: Int32 = 1000
  private static let ofFile = UInt32(IN_MODIFY) | UInt32(IN_MOVE_SELF) | UInt32(IN_DELETE_SELF)
  /// Not what happens inside its files: the journal beside them is written all the time.
  private static let ofDirectory = UInt32(IN_CREATE) | UInt32(IN_MOVED_TO) | UInt32(IN_ONLYDIR)

  private let signals = SignalInbox()
  private let descriptors: [Int32]

  /// Before any other thread exists: see ``AstroRunner/SignalInbox``.
  init() {
    descriptors = Subject.allCases.map { _ in inotify_init1(Int32(O_CLOEXEC | O_NONBLOCK)) }
  }

  deinit { for descriptor in descriptors where descriptor >= 0 { close(descriptor) } }

  /// Watching the same file again is free; one that is not there is tried again by the next call.
  func watch(_ path: String, as subject: Subject) {
    let descriptor = descriptors[subject.rawValue]
    if descriptor >= 0 { inotify_add_watch(descriptor, path, Self.ofFile) }
  }

  /// Hears of names that come to be in a directory.
  func watch(directory: String, as subject: Subject) {
    let descriptor = descriptors[subject.rawValue]
    if descriptor >= 0 { inotify_add_watch(descriptor, directory, Self.ofDirectory) }
  }

  /// - Throws: ``AstroCore/ExitCode/interrupted`` after Ctrl-C, ``AstroCore/ExitCode/ok`` when the reader of a pipe has
  ///   left, which a follower that never writes again would otherwise not notice.
  func wait() throws -> Wake {
    if Output.failure != nil { throw AstroCore.ExitCode.ok }
    var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    entries.append(pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0))
    entries.append(pollfd(fd: STDOUT_FILENO, events: 0, revents: 0))
    let ready = poll(&entries, nfds_t(entries.count), Self.longest)
    guard ready > 0 else { return .quiet }
    if !signals.take().isEmpty { throw AstroCore.ExitCode.interrupted }
    if entries[entries.count - 1].revents & Int16(POLLERR) != 0 { throw AstroCore.ExitCode.ok }
    let heard = Set(Subject.allCases.filter { entries[$0.rawValue].revents != 0 })
    for subject in heard { drain(descriptors[subject.rawValue]) }
    return heard.isEmpty ? .quiet : .changed(heard)
  }

  private func drain(_ descriptor: Int32) {
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    while read(descriptor, &buffer, buffer.count) > 0 {}
  }
}
