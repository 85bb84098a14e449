import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroRunner
import Glibc

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Whether this machine and this home are fit, and what to do where not.",
    discussion: """
      Looks, and makes a few small files that it removes again; changes nothing else. The server of each agent of type \
      llm is asked whether it takes the key, sandbox engines are tried out where an agent of type code needs one, and the \
      programs that agents and servers of tools start are looked up. Exit 0 when all is well or there are only warnings, 69 when something needed is missing or broken, 72 when the journal is missing or damaged, 78 \
      when the configuration is wrong, may be written by others, or there is no home.

      --rebuild-journal makes the journal anew: from what can still be read of the old one, which is kept in \
      data/damaged/, from the spool, from data/runs and from the logs of wardens. It says what came from where, and what \
      could not be restored. Exit 75 while a runner is at work, 64 when the journal is sound.
      """)
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption
  @Flag(help: "Replace a damaged or missing journal by what is left of it and of the runs.") var rebuildJournal = false

  func run() throws {
    if rebuildJournal { return try rebuild() }
    let environment = Site.readEnvironment()
    let machine = MachineChecks(environment: environment)
    var findings = machine.findings()
    let site = locate(environment, &findings)
    if let site {
      findings += HomeChecks(home: site, path: machine.path).findings()
      findings += RecordChecks(home: site).findings()
    }
    if output.json { show(asJSON: findings, site) } else { show(findings) }
    if findings.contains(where: { $0.level == .problem && Self.ofConfiguration.contains($0.check) }) {
      throw AstroCore.ExitCode.configuration
    }
    if findings.contains(where: { $0.level == .problem && $0.check == "journal" }) {
      throw AstroCore.ExitCode.journalDamaged
    }
    if findings.contains(where: { $0.level == .problem }) { throw AstroCore.ExitCode.unavailable }
  }

  private static let ofConfiguration: Set<String> = ["home", "configuration", "permissions"]

  /// The home with its places; those of the defaults where the configuration cannot be read, so that the rest is still
  /// looked at.
  private func locate(_ environment: [String: String], _ findings: inout [Finding]) -> Home? {
    let root: String
    do throws(Failure) {
      root = try Home.locate(flag: home.home, environment: environment, workingDirectory: Site.workingDirectory())
    } catch {
      findings.append(.problem("home", error.description, "make one: astro init"))
      return nil
    }
    findings.append(.ok("home", root))
    var system = SystemConfiguration()
    do throws(ConfigurationError) {
      let configuration = try Configuration.load(home: root, environment: environment)
      system = configuration.system
      Message.show(configuration.warnings)
      let count = configuration.agents.count
      findings.append(
        configuration.warnings.isEmpty
          ? .ok("configuration", "valid, \(count) agent\(count == 1 ? "" : "s")")
          : .warning("configuration", "\(configuration.warnings.count) warnings, shown above", "mend the lines named"))
      let keys = KeyChecks(uses: configuration.secretUses, home: root, environment: environment)
      findings += keys.findings()
      findings += ProgramChecks(programs: configuration.agentPrograms, environment: environment).findings()
      findings += AgentChecks(
        configuration: configuration, home: Home(root: root, system: system), environment: environment,
        withoutKeys: keys.withoutKeys
      ).findings()
    } catch {
      Message.show(error.diagnostics)
      let count = error.diagnostics.count { $0.severity == .error }
      findings.append(
        .problem(
          "configuration", "\(count) error\(count == 1 ? "" : "s") in \(root)/config; the default places are looked at",
          "mend the lines named: \(error.diagnostics.first.map(place) ?? "")"))
    }
    return Home(root: root, system: system)
  }

  private func place(_ diagnostic: Diagnostic) -> String {
    "\(diagnostic.file)\(diagnostic.line > 0 ? ":\(diagnostic.line)" : ""): \(diagnostic.message)"
  }

  private func show(_ findings: [Finding]) {
    for finding in findings {
      let level = finding.level.rawValue + String(repeating: " ", count: 7 - finding.level.rawValue.count)
      Output.line(Terminal.printable("\(level)  \(finding.check): \(finding.message)"))
      if let advice = finding.advice { Output.line(Terminal.printable("         → \(advice)")) }
    }
    let problems = findings.count { $0.level == .problem }
    let warnings = findings.count { $0.level == .warning }
    Message.note("\(findings.count) looked at: \(problems) problems, \(warnings) warnings")
  }

  private func show(asJSON findings: [Finding], _ home: Home?) {
    let worst = Finding.Level.allCases.last { level in findings.contains { $0.level == level } } ?? .ok
    Output.json { writer in
      writer.beginObject()
      writer.member("status", worst.rawValue)
      writer.member("version", Astro.version)
      writer.member("home", home.map { .string($0.root) } ?? .null)
      writer.key("findings")
      writer.beginArray()
      for finding in findings { finding.write(to: &writer) }
      writer.endArray()
      writer.endObject()
    }
  }
}
