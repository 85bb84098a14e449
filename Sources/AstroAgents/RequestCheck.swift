public import AstroCore

/// What an agent would refuse of a task's `with:`, said before the task runs: of the members that no expression decides.
public struct RequestCheck: Sendable {
  private typealias Reading =
    @Sendable (_ with: JSONValue, _ undecided: Set<String>) throws(Failure) -> Void
  private let read: Reading

  private init(_ read: @escaping Reading) { self.read = read }

  public static func llm(_ defaults: LLMTask.Defaults) -> RequestCheck {
    RequestCheck { with, undecided throws(Failure) in
      _ = try LLMTask(with, of: defaults, undecided: undecided)
    }
  }

  public static let commandLine = RequestCheck { with, undecided throws(Failure) in
    _ = try CommandLineRequest(with, defaults: .init(), undecided: undecided)
  }

  public static let code = RequestCheck { with, undecided throws(Failure) in
    _ = try CodeRequest(with, undecided: undecided)
  }

  public static let http = RequestCheck { with, undecided throws(Failure) in
    _ = try HTTPTask(with, undecided: undecided)
  }

  public static let mcp = RequestCheck { with, undecided throws(Failure) in
    _ = try MCPTask(with, undecided: undecided)
  }

  /// Each member that would be refused, with the first thing that is wrong with it.
  /// - Parameters:
  ///   - members: those whose values are known.
  ///   - undecided: the keys of the others.
  public func flaws(in members: [String: JSONValue], undecided: Set<String>) -> [RequestFlaw] {
    var (members, undecided) = (members, undecided)
    var flaws: [RequestFlaw] = []
    while true {
      do throws(Failure) {
        try read(.map(members), undecided)
        return flaws
      } catch {
        // What is wrong with the whole, such as a key that is missing, has another place.
        guard let key = error.requestKey, members.removeValue(forKey: key) != nil else { return flaws }
        flaws.append(RequestFlaw(key: key, message: error.description))
        undecided.insert(key)
      }
    }
  }
}

extension Failure {
  /// Of a failure of ``RequestMembers`` the member it is about: `extract` of `with.extract.title`.
  fileprivate var requestKey: String? {
    let start = "with."
    guard subject.hasPrefix(start) else { return nil }
    return String(subject.dropFirst(start.count).prefix { $0 != "." && $0 != "[" })
  }
}
