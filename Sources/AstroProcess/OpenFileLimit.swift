import Glibc

/// RLIMIT_NOFILE (getrlimit(2)). The warden holds two scratch files open for each running command, so a usual soft limit
/// of 1024 would end at 500 of them: it takes all that the hard limit allows. Commands get what the runner was given,
/// because select(2), and programs that close every possible descriptor, suffer from a high one.
struct OpenFileLimit {
  /// What commands get.
  let inherited: rlimit

  init() {
    var limit = rlimit()
    getrlimit(Self.resource, &limit)
    inherited = limit
  }

  private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

  func raise() {
    guard inherited.rlim_cur < inherited.rlim_max else { return }
    var limit = inherited
    limit.rlim_cur = limit.rlim_max
    setrlimit(Self.resource, &limit)
  }
}
