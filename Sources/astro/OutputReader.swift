import AstroCore
import AstroJournal
import AstroProcess
import CLinux
import Glibc

/// Reads the output of the attempts somebody asked for, wherever it lies and as it grows. Only files of running attempts
/// are kept open: a run may have more tasks than a process may have files.
struct OutputReader {
  private struct Open {
    var source: PiecePrinter.Source
    var descriptor: Int32
    var isScratch: Bool
    /// Up to where it has been printed.
    var offset: Int64 = 0

    /// Whether anything has been printed into it.
    var hasContent: Bool {
      var status = stat()
      return fstat(descriptor, &status) == 0 && status.st_size > 0
    }

    /// Prints what was added since the last call.
    mutating func pump(into printer: inout PiecePrinter) {
      var buffer = [UInt8](repeating: 0, count: 64 << 10)
      while !isScratch || skipHole(&printer) {
        var count = pread(descriptor, &buffer, buffer.count, off_t(offset))
        if count < 0, errno == EINTR { continue }
        if count <= 0 { return }
        // What has become a hole since the look may have been read as zeros.
        if isScratch { count = min(count, max(0, Int(clinux_seek_hole(descriptor, offset) - offset))) }
        printer.print(buffer[..<count], of: source)
        offset += Int64(count)
      }
    }

    /// Says how much is not there any more. False when nothing follows so far.
    private mutating func skipHole(_ printer: inout PiecePrinter) -> Bool {
      let data = clinux_seek_data(descriptor, offset)
      if data > offset {
        printer.print(Array("\n\(OutputBound.mark(data - offset))\n".utf8)[...], of: source)
        offset = data
      }
      return data >= 0
    }

    mutating func finish(_ printer: inout PiecePrinter) {
      pump(into: &printer)
      printer.finish(source)
      close(descriptor)
    }
  }

  private let selection: OutputSelection
  private let run: WorkflowID
  private var locator: OutputLocator
  /// The newest attempt of each task when the reading began: earlier ones are history.
  private let first: [String: Int]
  private var open: [Open] = []
  private var known: Set<PiecePrinter.Source> = []
  private var ended: Set<AttemptKey> = []

  init(_ selection: OutputSelection, of snapshot: RunSnapshot, site: Site) {
    self.selection = selection
    run = snapshot.run.id
    locator = OutputLocator(run, site: site)
    first = Dictionary(
      RunSnapshot.newest(snapshot.attempts).map { ($0.key.task, $0.key.number) }, uniquingKeysWith: max)
  }

  private func wanted(in snapshot: RunSnapshot) -> [AttemptRecord] {
    snapshot.attempts(of: selection).filter {
      selection.attempt != nil || $0.key.number >= first[$0.key.task] ?? 1
    }
  }

  // MARK: What there is now

  /// Prints what there is, one file after the other in the order of their starts. Headers begin with the second file
  /// that holds anything, so the first is kept until it is known whether there is one.
  /// - Returns: whether anything was printed.
  mutating func show(_ snapshot: RunSnapshot, _ form: PiecePrinter.Form) throws -> Bool {
    var only: Open?
    var printer: PiecePrinter?
    for attempt in wanted(in: snapshot) {
      for stream in selection.streams {
        guard case .file(let descriptor, let isScratch) = try locator.open(attempt, stream) else { continue }
        var next = Open(
          source: .init(key: attempt.key, stream: stream), descriptor: descriptor, isScratch: isScratch)
        guard next.hasContent else {
          close(descriptor)
          continue
        }
        guard var former = only else {
          only = next
          continue
        }
        var several = printer ?? PiecePrinter(form, hasHeaders: true)
        if printer == nil { former.finish(&several) }
        next.finish(&several)
        printer = several
      }
    }
    if var only, printer == nil {
      var alone = PiecePrinter(form, hasHeaders: false)
      only.finish(&alone)
    }
    return only != nil
  }

  // MARK: Following

  /// Prints until the task, or the run, has ended. An end is in the journal only after all that the attempt printed is in
  /// its files, so the journal is read first and the files after it.
  mutating func follow(_ journal: JournalReader, _ watch: FollowWatch, _ form: PiecePrinter.Form) throws {
    let isOne = selection.streams.count == 1 && selection.attempt != nil
    var printer = PiecePrinter(form, hasHeaders: !isOne)
    var snapshot = try journal.read { try RunSnapshot(run, in: $0) }
    var watched = 0
    while true {
      try locate(in: snapshot)
      let witnesses = locator.witnesses
      for path in witnesses { watch.watch(path, as: .state) }
      for file in open { watch.watch("/proc/self/fd/\(file.descriptor)", as: .output) }
      for index in open.indices { open[index].pump(into: &printer) }
      try finishEnded(in: snapshot, &printer, quietly: form == .json)
      if snapshot.isOver(selection) { return }
      // What changed before a watch was placed is heard of by nobody: then look again instead of waiting.
      let isNew = witnesses.count != watched
      watched = witnesses.count
      if try isNew || watch.wait() != .changed([.output]) {
        snapshot = try journal.read { try RunSnapshot(run, in: $0) }
      }
    }
  }

  /// Opens the files of attempts that run.
  private mutating func locate(in snapshot: RunSnapshot) throws {
    for attempt in wanted(in: snapshot) where attempt.ending == nil {
      for stream in selection.streams {
        let source = PiecePrinter.Source(key: attempt.key, stream: stream)
        guard !known.contains(source) else { continue }
        switch try locator.open(attempt, stream) {
        case .file(let descriptor, let isScratch):
          open.append(Open(source: source, descriptor: descriptor, isScratch: isScratch))
        case .nothing: break
        case .notYet: continue
        }
        known.insert(source)
      }
    }
  }

  /// Prints the rest of attempts that have ended, and says on stderr how those ended that did not go well.
  private mutating func finishEnded(
    in snapshot: RunSnapshot, _ printer: inout PiecePrinter, quietly: Bool
  ) throws {
    for attempt in wanted(in: snapshot) {
      guard let outcome = attempt.outcome, ended.insert(attempt.key).inserted else { continue }
      for stream in selection.streams {
        let source = PiecePrinter.Source(key: attempt.key, stream: stream)
        if let index = open.firstIndex(where: { $0.source == source }) {
          var file = open.remove(at: index)
          file.finish(&printer)
        } else if !known.contains(source), case .file(let descriptor, let isScratch) = try locator.open(attempt, stream)
        {
          var file = Open(source: source, descriptor: descriptor, isScratch: isScratch)
          file.finish(&printer)
        }
      }
      if !quietly, let message = outcome.message {
        Message.note("\(attempt.key.task), attempt \(attempt.key.number): \(message)")
      }
    }
  }
}
