import AstroCore
import Dispatch

/// For calls of the kernel that wait for a disk: on a thread of Dispatch's, since those that tasks run on are as few as the
/// machine has processors.
enum BlockingWork {
  private static let queue = DispatchQueue(label: "astro.blocking", attributes: .concurrent)

  static func run<Value: Sendable>(
    _ work: @escaping @Sendable () throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: Result(catching: work)) }
    }
    return try result.get()
  }
}
