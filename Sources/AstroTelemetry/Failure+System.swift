import AstroCore
import Glibc

extension Failure {
  /// A failed system call, with the kernel's words for `error`.
  static func system(_ code: Code, _ subject: String, _ message: String, errno error: Int32) -> Failure {
    Failure(code, subject: subject, message: message, errno: error, reason: String(cString: strerror(error)))
  }
}
