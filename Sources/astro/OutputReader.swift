import AstroCore
import AstroJournal
import Glibc

/// Reads the output of the attempts somebody asked for, wherever it lies and as it grows.
struct OutputReader {
  private let selection: OutputSelection
  private let run: WorkflowID
  private var locator: OutputLocator
  /// The newest attempt of each task when the reading began: earlier ones are history.
  private let first: [String: Int]
  private var open: [(source: PiecePrinter.Source, descriptor: Int32)] = []
  private var known: Set<PiecePrinter.Source> = []
  private var ended: Set<AttemptKey> = []

  init(_ selection: OutputSelection, of snapshot: RunSnapshot, site: Site) {
    self.selection = selection
    run = snapshot.run.id
    locator = OutputLocator(run, site: site)
    first = Dictionary(
      RunSnapshot.newest(snapshot.attempts).map { ($0.key.task, $0.key.number) }, uniquingKeysWith: max)
  }

  /// Opens what has come to be since the last call.
  mutating func locate(in snapshot: RunSnapshot) throws {
    for attempt in snapshot.attempts(of: selection) where isWanted(attempt.key) {
      for stream in selection.streams {
        let source = PiecePrinter.Source(key: attempt.key, stream: stream)
        guard !known.contains(source) else { continue }
        switch try locator.open(attempt, stream) {
        case .file(let descriptor): open.append((source, descriptor))
        case .nothing: break
        case .notYet: continue
        }
        known.insert(source)
      }
    }
  }

  private func isWanted(_ key: AttemptKey) -> Bool {
    selection.attempt != nil || key.number >= first[key.task] ?? 1
  }

  var sourcesWithContent: Int {
    open.count { entry in
      var status = stat()
      return fstat(entry.descriptor, &status) == 0 && status.st_size > 0
    }
  }

  /// Prints what was added to every open file since the last call, in the order of their starts.
  func pump(into printer: inout PiecePrinter) {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    for (source, descriptor) in open {
      while true {
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        if count <= 0 { break }
        printer.print(buffer[..<count], of: source)
      }
    }
  }

  /// Closes what is open.
  mutating func finish(_ printer: inout PiecePrinter) {
    for (source, descriptor) in open {
      printer.finish(source)
      close(descriptor)
    }
    open.removeAll()
  }

  // MARK: Following

  /// Prints until the task, or the run, has ended. An end is in the journal only after all that the attempt printed is in
  /// its files, so the journal is read first and the files after it.
  mutating func follow(_ journal: JournalReader, _ watch: FollowWatch, asJSON: Bool) throws {
    let one = selection.streams.count == 1 && selection.attempt != nil
    var printer = PiecePrinter(asJSON ? .json : .plain(headers: !one))
    var snapshot = try journal.read { try RunSnapshot(run, in: $0) }
    var watched = 0
    while true {
      try locate(in: snapshot)
      let witnesses = locator.witnesses
      for path in witnesses { watch.watch(path, as: .state) }
      for (_, descriptor) in open { watch.watch("/proc/self/fd/\(descriptor)", as: .output) }
      pump(into: &printer)
      tellEnds(in: snapshot, &printer, quietly: asJSON)
      if snapshot.isOver(selection) { return finish(&printer) }
      // What changed before a watch was placed is heard of by nobody: then look again instead of waiting.
      let isNew = witnesses.count != watched
      watched = witnesses.count
      if try isNew || watch.wait() != .changed([.output]) {
        snapshot = try journal.read { try RunSnapshot(run, in: $0) }
      }
    }
  }

  /// Closes the files of attempts that have ended, and says on stderr how those ended that did not go well.
  private mutating func tellEnds(in snapshot: RunSnapshot, _ printer: inout PiecePrinter, quietly: Bool) {
    for attempt in snapshot.attempts(of: selection) where isWanted(attempt.key) {
      guard let outcome = attempt.outcome, ended.insert(attempt.key).inserted else { continue }
      for (source, descriptor) in open where source.key == attempt.key {
        printer.finish(source)
        close(descriptor)
      }
      open.removeAll { $0.source.key == attempt.key }
      if !quietly, let message = outcome.message {
        Message.note("\(attempt.key.task), attempt \(attempt.key.number): \(message)")
      }
    }
  }
}
