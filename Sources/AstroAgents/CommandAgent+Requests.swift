import AstroCore
import AstroProcess
import Glibc

/// What the launcher is asked for an attempt.
extension CommandAgent {
  struct Unstartable: Error {
    let message: String
    var infrastructure = false
  }

  func request(
    for start: AttemptStart, _ accounts: inout Accounts, _ submitter: (WorkflowID) -> Submitter
  ) throws(Unstartable) -> StartRequest {
    let directory = RunDirectory(start.key.workflow, in: runs)
    let account = try account(for: start, &accounts)
    var known: [String] = []
    let values = try environment(of: start, home: account?.home, submitter, secrets: &known)
    var workdir = directory.files
    if let given = start.workdir, !given.isEmpty { workdir = given.hasPrefix("/") ? given : "\(workdir)/\(given)" }
    let process: ProgramProcess
    switch (start.work, programs[start.agent]) {
    case (.process(let arguments), nil) where !arguments.isEmpty:
      process = ProgramProcess(arguments, environment: values)
    case (.request(let value), let program?):
      let with = try reveal(value, of: start.key, submitter, secrets: &known)
      let request = ProgramRequest(
        key: start.key, with: with, directory: directory, environment: values, workdir: workdir,
        resources: start.resources, user: account?.numbers)
      process = try ask(program, request, keeping: value)
    case (.process, .some): throw Unstartable(message: "agent '\(start.agent)' takes no command")
    case (.process, nil): throw Unstartable(message: "there is no command")
    case (.request, nil): throw Unstartable(message: "agent '\(start.agent)' takes commands only")
    }
    var confinement = Confinement()
    confinement.user = account?.numbers
    (confinement.memory, confinement.cpus) = (start.resources.memory, start.resources.cpus)
    confinement.processes = start.resources.processes
    var request = try launch(
      process, of: start.key, in: process.workdir ?? workdir, confined: process.confinement ?? confinement)
    if !known.isEmpty { request.masking = Masking(secrets: known, outputFile: directory.output(of: start.key)) }
    return request
  }

  /// Whom it runs as, and gives that user what it writes to; `nil` is the runner's own user.
  private func account(
    for start: AttemptStart, _ accounts: inout Accounts
  ) throws(Unstartable) -> Accounts.Account? {
    switch accounts.answer(for: start.user) {
    case .own: return nil
    case .none(let reason): throw Unstartable(message: reason)
    case .other(let account):
      do throws(Failure) { try AttemptFiles(start.key, runs: runs).give(to: account.numbers, runs: runs) } catch {
        throw Unstartable(message: error.description, infrastructure: error.errno != EDQUOT)
      }
      return account
    }
  }

  /// From what all commands get to what nothing overrides.
  private func environment(
    of start: AttemptStart, home ownHome: String?, _ submitter: (WorkflowID) -> Submitter, secrets known: inout [String]
  ) throws(Unstartable) -> [String: String] {
    let directory = RunDirectory(start.key.workflow, in: runs)
    var values: [String: String] = [:]
    for (name, value) in inherited { values[name] = value }
    values["HOME"] = ownHome ?? values["HOME"]
    for variable in programs[start.agent]?.variables ?? [] {
      values[variable.name] = try text(of: variable, for: .runner, secrets: &known)
    }
    for (name, value) in start.environment { values[name] = value }
    values["ASTRO_HOME"] = home
    values["ASTRO_WORKFLOW_ID"] = start.key.workflow.text
    values["ASTRO_TASK_ID"] = start.key.task
    values["ASTRO_ATTEMPT"] = String(start.key.number)
    values["ASTRO_IDEMPOTENCY_KEY"] = "\(start.key.workflow.text)/\(start.key.task)"
    values["ASTRO_RUN_DIR"] = directory.files
    values["ASTRO_OUTPUT"] = directory.output(of: start.key)
    guard !start.secretEnvironment.isEmpty else { return values }
    let submitter = submitter(start.key.workflow)
    for variable in start.secretEnvironment {
      values[variable.name] = try text(of: variable, for: submitter, secrets: &known)
    }
    return values
  }

  private func ask(
    _ program: any ProgramAgent, _ request: ProgramRequest, keeping value: RequestValue
  ) throws(Unstartable) -> ProgramProcess {
    do throws(Failure) {
      let process = try program.process(for: request)
      let mark = String(decoding: SecretMask.mark, as: UTF8.self)
      try AttemptFiles(request.key, runs: runs).keepRequest(value.revealed { _ in mark })
      return process
    } catch {
      throw Unstartable(message: error.description, infrastructure: error.code != .invalidWorkflow)
    }
  }

  private func launch(
    _ process: ProgramProcess, of key: AttemptKey, in workdir: String, confined confinement: Confinement
  ) throws(Unstartable) -> StartRequest {
    var arguments = process.arguments
    // As another user it is looked up by whoever becomes that: we may see more than the user may be told of.
    if confinement.user == nil {
      guard let program = Self.resolve(arguments[0], path: process.environment["PATH"] ?? path, from: workdir) else {
        throw Unstartable(message: "no such program: '\(arguments[0])' is not in PATH")
      }
      arguments[0] = program
    }
    var request = StartRequest(
      key: key, arguments: arguments, environment: process.environment.map { "\($0.key)=\($0.value)" },
      workdir: workdir)
    request.confinement = confinement
    request.input = process.input
    return request
  }

  // MARK: Secrets

  private func reveal(
    _ value: RequestValue, of key: AttemptKey, _ submitter: (WorkflowID) -> Submitter, secrets known: inout [String]
  ) throws(Unstartable) -> JSONValue {
    guard !value.secrets.isEmpty else { return value.revealed { _ in "" } }
    let submitter = submitter(key.workflow)
    return try value.revealed { plan throws(Unstartable) in try reveal(plan, for: submitter, secrets: &known) }
  }

  private func text(
    of variable: SecretVariable, for submitter: Submitter, secrets known: inout [String]
  ) throws(Unstartable) -> String {
    var text = ""
    for part in variable.parts {
      switch part {
      case .text(let plain): text += plain
      case .secret(let plan): text += try reveal(plan, for: submitter, secrets: &known)
      }
    }
    return text
  }

  private func reveal(
    _ plan: SecretPlan, for submitter: Submitter, secrets known: inout [String]
  ) throws(Unstartable) -> String {
    do throws(SecretReader.Unavailable) {
      let value = try secrets.value(of: plan, for: submitter)
      if !known.contains(value) { known.append(value) }
      return value
    } catch {
      throw Unstartable(message: error.message)
    }
  }
}
