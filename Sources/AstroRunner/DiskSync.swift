import AstroCore
import CLinux
import Glibc

/// Makes everything written to one file system durable, without the loop waiting for it: syncfs(2) takes as long as there
/// is unwritten data, of whoever wrote it. One at a time.
final class DiskSync {
  private let directory: Int32
  /// An eventfd(2), readable once what ``begin()`` began has ended: 1 for success, else 1 more than `errno`.
  let descriptor: Int32
  private let path: String
  private var isRunning = false

  /// - Parameter path: any directory of the file system.
  init(_ path: String) throws(Failure) {
    self.path = path
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    descriptor = clinux_eventfd()
    guard directory >= 0, descriptor >= 0 else { throw Self.failure(path, errno) }
  }

  deinit {
    // A thread still at work would write to whoever got the number next.
    guard !isRunning else { return }
    close(directory)
    close(descriptor)
  }

  func begin() throws(Failure) {
    precondition(!isRunning, "one at a time")
    let work = UnsafeMutablePointer<(directory: Int32, descriptor: Int32)>.allocate(capacity: 1)
    work.initialize(to: (directory, descriptor))
    var thread = pthread_t()
    let problem = pthread_create(
      &thread, nil,
      { context in
        let work = context!.assumingMemoryBound(to: (directory: Int32, descriptor: Int32).self)
        var answer = UInt64(clinux_syncfs(work.pointee.directory) == 0 ? 1 : 1 + errno)
        write(work.pointee.descriptor, &answer, 8)
        work.deallocate()
        return nil
      }, work)
    guard problem == 0 else {
      work.deallocate()
      // No thread to be had: then the loop waits.
      try now()
      var answer: UInt64 = 1
      write(descriptor, &answer, 8)
      isRunning = true
      return
    }
    pthread_detach(thread)
    isRunning = true
  }

  /// Whether what was begun has ended since this was last asked. Throws `not_durable` when something could not be
  /// written: what it was meant to keep may be lost.
  func hasEnded() throws(Failure) -> Bool {
    var answer: UInt64 = 0
    guard isRunning, read(descriptor, &answer, 8) == 8 else { return false }
    isRunning = false
    guard answer == 1 else { throw Self.failure(path, Int32(answer - 1)) }
    return true
  }

  /// The same, waiting for it.
  func now() throws(Failure) {
    guard clinux_syncfs(directory) == 0 else { throw Self.failure(path, errno) }
  }

  private static func failure(_ path: String, _ problem: Int32) -> Failure {
    Failure(
      .notDurable, subject: path, message: "cannot make its file system durable", errno: problem,
      reason: String(cString: strerror(problem)))
  }
}
