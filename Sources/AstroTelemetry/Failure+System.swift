import AstroCore
import Glibc

extension Failure {
  /// A failed system call, with the kernel's words for `error`.
  static func system(_ code: Code, _ subject: String, _ message: String, errno error: Int32) -> Failure {
    let code = error == ENOSPC || error == EDQUOT ? Code.noSpace : code
    return Failure(code, subject: subject, message: message, errno: error, reason: String(cString: strerror(error)))
  }
}
