import AstroCore
import Glibc

extension Failure {
  /// The operational error for a system call that failed with `number`.
  static func system(_ subject: String, _ message: String, _ number: Int32) -> Failure {
    let code: Code =
      switch number {
      case ENOENT: .notFound
      case EEXIST, EXDEV: .cannotCreate
      case EMFILE, ENFILE, ENOMEM, EAGAIN: .tryLater
      default: .io
      }
    return Failure(code, subject: subject, message: message, errno: number, reason: String(cString: strerror(number)))
  }
}

/// Repeats a call that a signal interrupted.
func uninterrupted<Number: SignedInteger>(_ call: () -> Number) -> Number {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}
