import AstroCore
import Glibc

/// Decides whether a file is complete, with a memory of those that had to wait.
final class Inspector {
  private let rules: SpoolRules
  private let clock: any AstroCore.Clock
  private let probes: SpoolProbes
  private var rests: RestTable
  /// The same of files that could not be read.
  private var troubles: RestTable
  private var owners = Owners()

  init(rules: SpoolRules, clock: any AstroCore.Clock, probes: SpoolProbes) {
    self.rules = rules
    self.clock = clock
    self.probes = probes
    rests = RestTable(rules: rules)
    troubles = RestTable(rules: rules)
  }

  /// Looks at something whose name alone says that it is no workflow. It is not opened. Regular files are given a
  /// moment first: `sed -i` and others write to an odd name and rename it.
  func look(atOdd name: FileName, in directory: Directory, _ reason: Refusal.Reason) -> Look {
    readable(name, in: directory) { () throws(Failure) in
      guard let status = try directory.status(of: name) else { return .gone }
      if let look = lookAtKind(of: status) { return look }
      return afterRest(rules.newlineGrace, of: status, in: directory, .unsettled, else: reason)
    }
  }

  /// Looks at something that has the name of a workflow.
  func look(at name: FileName, in directory: Directory, as format: SubmissionFormat) -> Look {
    readable(name, in: directory) { () throws(Failure) in try open(name, in: directory, as: format) }
  }

  /// What the kernel cannot read for us now, it may in a while: looked at again after a second, two, four, … and refused
  /// in the end, unless it is only we who are short of descriptors or memory.
  private func readable(_ name: FileName, in directory: Directory, _ look: () throws(Failure) -> Look) -> Look {
    do throws(Failure) {
      return try look()
    } catch {
      guard let status = (try? directory.status(of: name)).flatMap({ $0 }) else {
        return wait(.unreadable, rules.writerRecheck)
      }
      let rested = Duration.microseconds(troubles.rest(of: status.identity, at: clock.now().boot))
      if error.code != .tryLater, rested >= rules.damageGrace {
        return refuse(status, .damaged(error.reason ?? error.message))
      }
      return wait(.unreadable, max(rules.writerRecheck, rested))
    }
  }

  private func open(_ name: FileName, in directory: Directory, as format: SubmissionFormat) throws(Failure) -> Look {
    // Judged before it is opened: opening a pipe wakes its writer, and opening a device may do anything.
    guard let status = try directory.status(of: name) else { return .gone }
    if let look = lookAtKind(of: status) ?? lookAtShape(of: status, in: directory) { return look }
    switch try directory.open(name) {
    case .missing: return .gone
    case .denied: return afterRest(rules.newlineGrace, of: status, in: directory, .unsettled, else: .unreadable)
    case .notAFile: return wait(.beingWritten, rules.writerRecheck)  // replaced just now: look again
    case .opened(let file): return try inspect(file, name, in: directory, as: format)
    }
  }

  private func inspect(
    _ file: consuming Descriptor, _ name: FileName, in directory: Directory, as format: SubmissionFormat
  ) throws(Failure) -> Look {
    let subject = directory.path(of: name)
    let answer = probes.lease(file)
    // Only now: what was true before the lease may have changed before it, and the name may mean another file by now.
    let status = try file.status(of: subject)
    if let look = lookAtKind(of: status) ?? lookAtShape(of: status, in: directory) { return look }
    if answer == .beingWritten { return wait(.beingWritten, rules.writerRecheck) }
    if status.identity.size == 0 {
      return afterRest(rules.emptyGrace, of: status, in: directory, .empty, else: .empty(after: rules.emptyGrace))
    }
    if answer == .unknown, let missing = restMissing(to: rules.restPeriod, status.identity, in: directory) {
      return wait(.resting, missing)
    }
    // The last byte alone first: a large cut-off copy is not read whole at each look.
    if rules.requireFinalNewline, try file.read(1, from: status.identity.size - 1, subject) != [0x0A] {
      let reason = Refusal.Reason.cutOff(after: rules.newlineGrace)
      return afterRest(rules.newlineGrace, of: status, in: directory, .noFinalNewline, else: reason)
    }
    // One byte more than there should be shows a file that grew.
    let bytes = try file.read(Int(status.identity.size) + 1, from: 0, subject)
    let undisturbed = answer == .unknown || Lease.stands(file)
    let after = try file.status(of: subject)
    guard undisturbed, bytes.count == status.identity.size, after.identity.hasSameContent(as: status.identity) else {
      return wait(.beingWritten, rules.writerRecheck)
    }
    guard let ownerName = owners.answer(for: status.owner) else { return wait(.unreadable, rules.writerRecheck) }
    // Where it had to rest it is remembered: a throttled file must not rest anew at every look.
    if answer == .granted { rests.forget(status.identity) }
    troubles.forget(status.identity)
    return .ready(
      Candidate(
        name: name, format: format, bytes: bytes, status: after, ownerName: ownerName,
        evidence: answer == .granted ? .lease : .rest, descriptor: file))
  }

  /// The end of the look for whatever is not a regular file.
  private func lookAtKind(of status: FileStatus) -> Look? {
    switch status.kind {
    case .regular: nil
    case .directory: .ignored
    case .symbolicLink: refuse(status, .symbolicLink)
    case .fifo: refuse(status, .fifo)
    case .socket: refuse(status, .socket)
    case .device: refuse(status, .device)
    }
  }

  /// Size and links, before a byte is read. A second link is given a moment: linking a finished file in and unlinking
  /// its other name is an old and sound way to deposit.
  private func lookAtShape(of status: FileStatus, in directory: Directory) -> Look? {
    if status.identity.size > rules.maxBytes {
      return refuse(status, .tooLarge(bytes: status.identity.size, limit: rules.maxBytes))
    }
    guard status.links > 1 else { return nil }
    return afterRest(rules.newlineGrace, of: status, in: directory, .unsettled, else: .hardLink)
  }

  private func refuse(_ status: FileStatus, _ reason: Refusal.Reason) -> Look {
    rests.forget(status.identity)
    return .refused(
      Refusal(
        reason: reason, identity: status.identity, owner: status.owner, ownerName: owners.name(of: status.owner),
        modifiedAt: status.modifiedAt))
  }

  private func afterRest(
    _ period: Duration, of status: FileStatus, in directory: Directory, _ waiting: NotYet.Reason,
    else reason: Refusal.Reason
  ) -> Look {
    if let missing = restMissing(to: period, status.identity, in: directory) { return wait(waiting, missing) }
    return refuse(status, reason)
  }

  private func wait(_ reason: NotYet.Reason, _ duration: Duration) -> Look {
    .notYet(NotYet(reason: reason, lookAgainAt: clock.now().boot + duration.microseconds))
  }

  /// How much longer a file must stand still to have rested for `period`; `nil` when it has.
  ///
  /// It has rested since its last change on the file system's own clock, or since this process first saw it as it is,
  /// whichever is longer. The first makes a pass that ends before the period does (`drain` from cron) come to a
  /// decision in some later pass; the second holds where those times cannot be trusted.
  private func restMissing(to period: Duration, _ identity: FileIdentity, in directory: Directory) -> Duration? {
    var rested = rests.rest(of: identity, at: clock.now().boot)
    if rested < period.microseconds, let now = probes.fileSystemNow(directory) {
      let lastChange = max(identity.changedNanoseconds, identity.modifiedNanoseconds)
      let (age, overflow) = now.subtractingReportingOverflow(lastChange)
      if !overflow { rested = max(rested, age / 1000) }
    }
    return rested >= period.microseconds ? nil : .microseconds(period.microseconds - rested)
  }
}
