import Foundation
import Glibc
import Testing

/// For what nobody announces: looks again and again, bounded; fails with `what` when it never came true.
func eventually(_ what: String, _ condition: () throws -> Bool) throws {
  let deadline = Date(timeIntervalSinceNow: 60)
  while try !condition() {
    try #require(Date() < deadline, "never: \(what)")
    poll(nil, 0, 10)
  }
}
