import ArgumentParser
import AstroCore
import AstroRunner
import AstroWorkflow
import Glibc

struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate", abstract: "Check workflow files; all errors at once.",
    discussion: """
      In a home, tasks are also checked against its agents, which say what they would refuse. Exit code 65 when a file \
      is invalid, 66 when one cannot be read; the others are checked all the same.
      """)
  @OptionGroup var home: HomeOption
  @OptionGroup var output: JSONOption
  @Argument(help: "The files; - is stdin.") var files: [String]

  /// What became of one file.
  private struct Verdict {
    var file: String
    /// `nil` when the file is invalid.
    var tasks: Int?
    /// Of a batch file.
    var requests: Int?
    var diagnostics: [Diagnostic]
    var isUnreadable = false
  }

  func run() throws {
    let examiner = try home.openIfThere().map { Examiner($0.configuration) }
    var verdicts: [Verdict] = []
    for file in files {
      let verdict = check(file, examiner)
      if !output.json { show(verdict) }
      verdicts.append(verdict)
    }
    if output.json { Output.json { writer in Self.write(verdicts, to: &writer) } }
    if verdicts.contains(where: \.isUnreadable) { throw AstroCore.ExitCode.notFound }
    if verdicts.contains(where: { $0.tasks == nil }) { throw AstroCore.ExitCode.invalidWorkflow }
  }

  private func check(_ file: String, _ examiner: Examiner?) -> Verdict {
    let bytes: [UInt8]
    do {
      bytes = try WorkflowFile.read(file)
    } catch let failure as Failure {
      let message = failure.message + (failure.reason.map { ": \($0)" } ?? "")
      return Verdict(
        file: file, diagnostics: [Diagnostic(code: "unreadable", message: message, file: file)],
        isUnreadable: failure.code != .invalidWorkflow)
    } catch {
      return Verdict(
        file: file, diagnostics: [Diagnostic(code: "unreadable", message: "\(error)", file: file)], isUnreadable: true)
    }
    let parsed = examiner?.parse(bytes, file: file) ?? WorkflowParser.parse(bytes, file: file)
    return Verdict(
      file: file, tasks: parsed.plan?.tasks.count, requests: parsed.plan?.requests, diagnostics: parsed.diagnostics)
  }

  private func show(_ verdict: Verdict) {
    Message.show(verdict.diagnostics)
    guard let tasks = verdict.tasks else { return }
    let content =
      verdict.requests.map { "\($0) \($0 == 1 ? "request" : "requests")" }
      ?? "\(tasks) \(tasks == 1 ? "task" : "tasks")"
    Output.line("\(Terminal.printable(verdict.file)): valid, \(content)")
  }

  private static func write(_ verdicts: [Verdict], to writer: inout JSONWriter) {
    writer.beginArray()
    for verdict in verdicts {
      writer.beginObject()
      writer.member("file", verdict.file)
      writer.member("valid", verdict.tasks != nil)
      writer.key("tasks")
      if let tasks = verdict.tasks { writer.integer(tasks) } else { writer.null() }
      if let requests = verdict.requests { writer.member("requests", requests) }
      writer.key("errors")
      writer.beginArray()
      for diagnostic in verdict.diagnostics { diagnostic.write(to: &writer) }
      writer.endArray()
      writer.endObject()
    }
    writer.endArray()
  }
}
