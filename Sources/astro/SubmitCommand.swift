import ArgumentParser
import AstroConfiguration
import AstroCore
import AstroJournal
import AstroRunner
import AstroSpool
import Glibc

struct SubmitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "submit",
    abstract: "Check workflow files, then place them into the spool; prints the runs' identifiers.",
    discussion: """
      All files are checked before the first is placed: one that is wrong keeps all out (exit code 65). What is placed \
      is on disk when this returns, and becomes a run of exactly the identifier that was printed. A last line without \
      its newline gets one. Exit code 73 when the spool cannot be written to; nothing is left behind then. With --wait: \
      1 when a run failed, 130 on Ctrl-C, which leaves the runs alone.
      """)
  @OptionGroup var home: HomeOption
  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var output: JSONOption
  @Flag(name: .customLong("no-cache"), help: "Do everything anew, also what has a cached result.") var noCache = false
  @Flag(help: "Stay until all of them have ended.") var wait = false
  @Argument(help: "The workflow files; - is stdin.") var files: [String]

  func run() throws {
    let site = try home.open()
    let submissions = try check(site)
    // Not before everything is read: Ctrl-C must end a read from a terminal. And before the journal starts a thread.
    let signals = wait ? SignalInbox() : nil
    let (placed, failure) = Submission.place(submissions, in: site.home.spool, try openJournal(site))
    if !(wait && output.json) { show(placed, site) }
    if let failure { throw failure.asCannotCreate }
    if let signals { try waitForEnds(of: placed, signals, site) }
  }

  /// Everything about every file, before anything is changed.
  private func check(_ site: Site) throws -> [Submission] {
    var given = try parameters.values()
    if noCache { given[RunOption.noCache] = "true" }
    let examiner = Examiner(site.configuration)
    var submissions: [Submission] = []
    var isValid = true
    for file in files {
      let bytes = try WorkflowFile.read(file)
      let now = site.clock.now().wall
      do throws(InvalidWorkflow) {
        let workflow = try examiner.check(bytes, file: file, given: given, at: now)
        Message.show(workflow.warnings)
        submissions.append(Submission(workflow, bytes: bytes, params: given, at: now))
      } catch {
        Message.show(error.diagnostics)
        isValid = false
      }
    }
    guard isValid else { throw AstroCore.ExitCode.invalidWorkflow }
    return submissions
  }

  private func openJournal(_ site: Site) throws -> Journal {
    do {
      return try site.openJournal()
    } catch let failure as Failure {
      throw failure.asCannotCreate
    }
  }

  private func show(_ placed: [Submission], _ site: Site) {
    guard output.json else {
      for submission in placed { Output.line(submission.id.text) }
      return
    }
    Output.json { writer in
      writer.beginArray()
      for submission in placed {
        writer.beginObject()
        submission.writeMembers(to: &writer, spool: site.home.spool)
        writer.endObject()
      }
      writer.endArray()
    }
  }

  private func waitForEnds(of placed: [Submission], _ signals: SignalInbox, _ site: Site) throws {
    let wait = SubmissionWait(placed, site)
    let states = try wait.run(until: signals)
    if output.json {
      Output.json { writer in
        writer.beginArray()
        for submission in placed {
          writer.beginObject()
          submission.writeMembers(to: &writer, spool: site.home.spool)
          writer.member("state", ifPresent: states[submission.id]?.rawValue)
          writer.endObject()
        }
        writer.endArray()
      }
    }
    guard states.count == placed.count else { throw AstroCore.ExitCode.interrupted }
    if states.values.contains(where: { $0.exitCode != .ok }) { throw AstroCore.ExitCode.runFailed }
  }
}

extension Submission {
  fileprivate func writeMembers(to writer: inout JSONWriter, spool: String) {
    writer.member("workflow_id", id.text)
    writer.member("name", workflow.name)
    writer.member("user_id", workflow.user)
    writer.member("path", "\(spool)/\(fileName.printable)")
  }
}

extension Failure {
  /// The same, said of something that could not be made: the spool or the journal belongs to another user, the disk is
  /// full, the file system is read-only.
  fileprivate var asCannotCreate: Failure {
    guard errno != nil, code != .noSpace else { return self }
    var failure = self
    failure.code = .cannotCreate
    return failure
  }
}
