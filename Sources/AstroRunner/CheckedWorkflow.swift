public import AstroCore
import AstroScheduling
public import AstroSpool
import Glibc

/// A workflow file of the calling user that a runner of this home would accept.
public struct CheckedWorkflow: Sendable {
  public let plan: WorkflowPlan
  public let name: String
  public let user: String
  /// Bound and typed.
  public let params: [String: JSONValue]
  public let warnings: [Diagnostic]
  public let format: SubmissionFormat
  /// Of a batch file; `nil` of any other.
  public let requests: BatchLines?
}

/// Everything that is wrong with a file.
public struct InvalidWorkflow: Error, Sendable {
  public let diagnostics: [Diagnostic]
}

extension Examiner {
  /// Checks a file as a runner would: the text, the parameters, the user, and whether there are agents for its tasks.
  /// - Parameters:
  ///   - path: as the user named it.
  ///   - given: `-p name=value`.
  public func check(
    _ bytes: [UInt8], file path: String, given: [String: String], at now: Timestamp
  ) throws(InvalidWorkflow) -> CheckedWorkflow {
    let admission = examine(bytes, ownFile: path, at: now, given: given)
    guard let plan = admission.plan else {
      throw InvalidWorkflow(diagnostics: admission.warnings + admission.errors)
    }
    return CheckedWorkflow(
      plan: plan, name: admission.name, user: admission.user, params: admission.params, warnings: admission.warnings,
      format: admission.format, requests: plan.requests == nil ? nil : BatchLines(bytes))
  }

  /// Examines a file that is not in the spool; it counts as the calling user's.
  func examine(_ bytes: [UInt8], ownFile path: String, at now: Timestamp, given: [String: String]) -> Admission {
    let bytesOfName = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path.utf8[path.utf8.index(after: $0)...] }
    var owners = Owners()
    let origin = Origin(
      file: Array(bytesOfName ?? path.utf8[...]), shown: path, format: SubmissionFormat(path: path),
      owner: geteuid(), ownerName: owners.name(of: geteuid()), submittedAt: now, sha256: Candidate.sha256(of: bytes))
    return examine(bytes, from: origin, given: given)
  }

  /// The agents that could take a task that asks for `request`, as configured.
  func agents(for request: AgentRequest) -> [AgentPool.Member] { agents.filter { $0.suits(request) } }
}

extension SubmissionFormat {
  /// By the name of a file that somebody means to be one; without a suffix that says more it is YAML.
  fileprivate init(path: String) {
    self = Self.allCases.first { path.hasSuffix(".\($0.rawValue)") } ?? .yaml
  }
}
