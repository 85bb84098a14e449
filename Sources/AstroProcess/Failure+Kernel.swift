import AstroCore
import Glibc

extension Failure {
  /// A failed system call, told with the current `errno`: read it before anything else can change it.
  static func kernel(_ code: Code, _ subject: String, _ message: String, _ number: Int32 = Glibc.errno) -> Failure {
    Failure(code, subject: subject, message: message, errno: number, reason: kernelWords(number))
  }
}

/// strerror(3) in the C locale.
func kernelWords(_ number: Int32) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { space in
    guard let start = space.baseAddress, strerror_r(number, start, 128) == 0 else { return "error \(number)" }
    return String(cString: start)
  }
}
