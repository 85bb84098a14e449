public import AstroConfiguration
import AstroCore
import AstroJournal
import AstroLLM
import AstroScheduling
import AstroSpool
public import AstroWorkflow
import Glibc

/// Turns bytes into an ``Admission``: everything that can be said about a file without the journal.
public struct Examiner {
  let agents: [AgentPool.Member]
  let surroundings: Surroundings
  let trustedUsers: Set<String>
  let ownUser: UInt32 = geteuid()

  /// One that knows the agents and the trusted users of a home.
  public init(_ configuration: Configuration) {
    agents = configuration.members
    surroundings = configuration.surroundings
    trustedUsers = Set(configuration.system.trustedUsers)
  }

  /// - Parameter given: parameters of `astro run -p` or of a submission.
  func examine(_ bytes: [UInt8], from origin: Origin, given: [String: String] = [:]) -> Admission {
    let (file, shown) = (origin.file, origin.shown)
    let (owner, ownerName) = (origin.owner, origin.ownerName)
    let stem = file.prefix(upTo: file.lastIndex(of: UInt8(ascii: ".")) ?? file.endIndex)
    var admission = Admission(
      format: origin.format, file: file, shownFile: shown, bytes: bytes, sha256: origin.sha256,
      submittedAt: origin.submittedAt, user: ownerName, submitter: owner, name: Name.derived(fromStem: stem))
    let parsed = parse(bytes, file: shown)
    admission.errors = parsed.diagnostics.filter { $0.severity == .error }
    admission.warnings = parsed.diagnostics.filter { $0.severity == .warning }
    if let user = parsed.user, user != ownerName {
      if mayNameUsers(owner, ownerName), mayBeRoot(owner, user) {
        admission.user = user
      } else {
        var errors = PlacedErrors(in: bytes, file: shown)
        errors.add(
          "untrusted_user", "'\(ownerName)' may not submit for user '\(user)'", at: ["user"],
          hint: mayBeRoot(owner, user)
            ? "remove 'user:', or add '\(ownerName)' to trusted_users in config/system_config.yaml"
            : "remove 'user:': only files of root run as root")
        admission.errors += errors.diagnostics
      }
    }
    guard let plan = parsed.plan else { return admission }
    admission.errors += secretErrors(plan, owner, ownerName, bytes, shown)
    if let name = plan.name { admission.name = name }
    let bound = Parameters.bind(given.filter { $0.key != RunOption.noCache }, to: plan, source: bytes, file: shown)
    admission.params = bound.values
    if given[RunOption.noCache] != nil { admission.params[RunOption.noCache] = .bool(true) }
    admission.errors += bound.diagnostics.filter { $0.severity == .error }
    admission.warnings += bound.diagnostics.filter { $0.severity == .warning }
    if admission.errors.isEmpty { admission.plan = plan }
    return admission
  }

  /// Examines a file that may have been announced by `astro submit`: then it keeps the announced identifier as its
  /// name's origin, and brings the parameters and the user stored under it.
  func examine(_ bytes: [UInt8], from origin: Origin, announced: SubmissionRecord?) -> Admission {
    guard let announced, let id = WorkflowID(validating: announced.id) else { return examine(bytes, from: origin) }
    var admission = examine(bytes, from: origin, given: announced.params)
    admission.submission = id
    if admission.plan?.name == nil { admission.name = id.name }
    // Whoever can put a file into the spool could take an announced name: that alone makes him nobody else.
    if admission.plan?.user == nil, mayNameUsers(origin.owner, origin.ownerName),
      mayBeRoot(origin.owner, announced.user)
    {
      admission.user = announced.user
    }
    return admission
  }

  /// What at each start would be refused again, said before the first.
  private func secretErrors(
    _ plan: WorkflowPlan, _ owner: UInt32, _ ownerName: String, _ bytes: [UInt8], _ shown: String
  ) -> [Diagnostic] {
    guard !plan.secrets.isEmpty, !mayUseOurSecrets(owner, ownerName) else { return [] }
    var errors = PlacedErrors(in: bytes, file: shown)
    for secret in plan.secrets {
      guard case .environment = secret.source else { continue }
      errors.add(
        "untrusted_secret", "'\(ownerName)' may not use the runner's environment", at: ["secrets", secret.name, "env"],
        hint: "keep it in a file that only '\(ownerName)' can read: {file: path}")
    }
    return errors.diagnostics
  }

  /// Whether workflows of this user may use what is the runner's own.
  func trusts(_ user: UInt32) -> Bool {
    var owners = Owners()
    return mayUseOurSecrets(user, owners.name(of: user))
  }

  /// Whoever is trusted to speak for other users is not trusted with what is root's.
  private func mayUseOurSecrets(_ owner: UInt32, _ name: String) -> Bool {
    ownUser == 0 ? owner == 0 : mayNameUsers(owner, name)
  }

  /// Whether files of this owner may run for another user.
  private func mayNameUsers(_ owner: UInt32, _ name: String) -> Bool {
    owner == 0 || owner == ownUser || trustedUsers.contains(name)
  }

  /// With a runner that is root, a run of root's may do everything: whoever is trusted to speak for other users is not
  /// trusted with that.
  private func mayBeRoot(_ owner: UInt32, _ user: String) -> Bool { ownUser != 0 || owner == 0 || user != "root" }

  /// What the text says, checked against what the home has.
  public func parse(_ bytes: [UInt8], file: String) -> ParsedWorkflow {
    var parsed = WorkflowParser.parse(bytes, file: file, in: surroundings)
    let errors = schemaErrors(parsed.plan?.tools ?? [], bytes, file)
    if !errors.isEmpty { parsed.plan = nil }
    parsed.diagnostics += errors
    return parsed
  }

  /// What would end each attempt that offers such a tool to a model.
  private func schemaErrors(_ tools: [ToolPlan], _ bytes: [UInt8], _ file: String) -> [Diagnostic] {
    guard !tools.isEmpty else { return [] }
    var errors = PlacedErrors(in: bytes, file: file)
    for tool in tools {
      do throws(JSONSchema.Malformed) { _ = try JSONSchema(tool.parameters) } catch {
        errors.add(
          "bad_schema", "the parameters of tool '\(tool.name)' cannot be used: \(error)",
          at: ["tools", tool.name, "parameters"])
      }
    }
    return errors.diagnostics
  }
}
