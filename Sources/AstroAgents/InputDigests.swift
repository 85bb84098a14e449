import AstroCore
import Dispatch
import Synchronization

/// What is in the files of one task, each read once for all agents that could do it.
public struct InputDigests: Sendable {
  /// One that cannot be read is not in it: whoever performs the task says so.
  private var known: [String: InputFile.Digest] = [:]

  /// Of a task that names no files.
  public init() {}

  /// Apart from ``BlockingWork``: it takes as long as files are large, and what is written for attempts must not wait for it.
  private static let queue = DispatchQueue(label: "astro.inputs", qos: .utility, attributes: .concurrent)

  /// Reads files, on a thread of Dispatch's; not to their end when the task is cancelled.
  /// - Parameter directory: `files/` of the run.
  public init(of names: Set<String>, in directory: String) async {
    let mark = CancelMark()
    known = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        Self.queue.async {
          var known: [String: InputFile.Digest] = [:]
          for name in names {
            known[name] = try? InputFile(name: name, directory: directory).digest {
              !mark.isSet.load(ordering: .relaxed)
            }
          }
          continuation.resume(returning: known)
        }
      }
    } onCancel: {
      mark.isSet.store(true, ordering: .relaxed)
    }
  }

  private final class CancelMark: Sendable {
    let isSet = Atomic(false)
  }

  /// `nil` where one of them is not known.
  public func of(_ names: [String]) -> (contents: [String: String], looks: [String: String])? {
    guard names.allSatisfy({ known[$0] != nil }) else { return nil }
    let used = known.filter { names.contains($0.key) }
    return (used.mapValues(\.content), used.mapValues(\.look))
  }
}
