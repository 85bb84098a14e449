public import AstroConfiguration
public import AstroCore
public import AstroScheduling
import AstroSpool
import AstroWorkflow
import Glibc

/// A file that has been read and checked, on its way to becoming a run.
struct Admission {
  var format: SubmissionFormat
  /// The name it had in the spool, as bytes and as shown.
  var file: [UInt8]
  var shownFile: String
  var bytes: [UInt8]
  var sha256: String
  var submittedAt: Timestamp
  var user: String
  var name: String
  /// Minted by `astro submit`, with the parameters it stored under it.
  var submission: WorkflowID?
  var params: [String: JSONValue] = [:]
  /// `nil` when the file is refused, for the reasons in ``errors``.
  var plan: WorkflowPlan?
  var errors: [Diagnostic] = []

  var isRefused: Bool { plan == nil }
}

/// Turns bytes into an ``Admission``: everything that can be said about a file without the journal.
public struct Examiner {
  let agents: [AgentPool.Member]
  let trustedUsers: Set<String>
  let ownUser: UInt32 = geteuid()

  init(agents: [AgentPool.Member], trustedUsers: [String]) {
    self.agents = agents
    self.trustedUsers = Set(trustedUsers)
  }

  /// One that knows the agents of a home.
  public init(configuration: Configuration) {
    self.init(agents: configuration.members, trustedUsers: configuration.system.trustedUsers)
  }

  /// - Parameter given: parameters of `astro run -p` or of a submission.
  func examine(_ candidate: Candidate, given: [String: String] = [:]) -> Admission {
    examine(
      candidate.bytes, format: candidate.format, file: candidate.name.bytes, shownAs: candidate.name.printable,
      sha256: candidate.sha256, owner: candidate.owner, ownerName: candidate.ownerName,
      submittedAt: candidate.modifiedAt, given: given)
  }

  func examine(
    _ bytes: [UInt8], format: SubmissionFormat, file: [UInt8], shownAs shown: String, sha256: String, owner: UInt32,
    ownerName: String, submittedAt: Timestamp, given: [String: String]
  ) -> Admission {
    let stem = file.prefix(upTo: file.lastIndex(of: UInt8(ascii: ".")) ?? file.endIndex)
    var admission = Admission(
      format: format, file: file, shownFile: shown, bytes: bytes, sha256: sha256, submittedAt: submittedAt,
      user: ownerName, name: Name.derived(fromStem: stem))
    let parsed = WorkflowParser.parse(bytes, file: shown)
    admission.errors = parsed.diagnostics.filter { $0.severity == .error }
    guard let plan = parsed.plan else { return admission }
    if let name = plan.name { admission.name = name }
    if let user = plan.user, user != ownerName {
      if owner == 0 || owner == ownUser || trustedUsers.contains(ownerName) {
        admission.user = user
      } else {
        admission.errors.append(
          Diagnostic(
            code: "untrusted_user", message: "'\(ownerName)' may not submit for user '\(user)'", file: shown,
            hint: "remove 'user:', or add '\(ownerName)' to trusted_users in config/system_config.yaml"))
      }
    }
    let bound = Parameters.bind(given, to: plan, file: shown)
    admission.params = bound.values
    admission.errors += bound.diagnostics.filter { $0.severity == .error }
    admission.errors += unservable(plan, source: bytes, file: shown)
    if admission.errors.isEmpty { admission.plan = plan }
    return admission
  }

  /// Tasks that no configured agent could ever take: they would wait for ever.
  public func unservable(_ plan: WorkflowPlan, source: [UInt8], file: String) -> [Diagnostic] {
    let offers = agents.map { AgentOffer(id: $0.id, kind: $0.kind, capabilities: $0.capabilities) }
    return plan.unservable(by: offers, source: source, file: file)
  }
}
