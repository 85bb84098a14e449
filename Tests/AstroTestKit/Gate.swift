import Glibc

/// Holds back the thread of a ``ScriptedServer`` until a test lets it go on.
public final class Gate: @unchecked Sendable {  // guarded by the semaphore itself (sem_overview(7))
  private let semaphore: UnsafeMutablePointer<sem_t>

  public init() {
    semaphore = .allocate(capacity: 1)
    sem_init(semaphore, 0, 0)
  }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  /// Lets one waiter pass, now or when it comes.
  public func open() { sem_post(semaphore) }

  /// Blocks its thread, which must be none of the shared ones: a server's.
  /// - Returns: `false` when it stays shut for a minute.
  @discardableResult public func wait() -> Bool {
    var limit = timespec()
    clock_gettime(CLOCK_REALTIME, &limit)
    limit.tv_sec += 60
    while sem_timedwait(semaphore, &limit) != 0 { if errno != EINTR { return false } }
    return true
  }
}
