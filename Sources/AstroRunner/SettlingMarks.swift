import AstroCore
import Glibc

/// Runs whose files lie in their places, on their way to being marked as settled in the journal: first all that they
/// printed and recorded is made durable. Without its mark the next runner settles a run again, which is harmless.
struct SettlingMarks: ~Copyable {
  /// A run from its start to its end; a retry begins another life.
  struct Life {
    var id: WorkflowID
    var finishedAt: Timestamp?
  }

  /// How long one waits for others to be made durable with it.
  private static let delay = Duration.seconds(1)

  private let sync: DiskSync
  private var waiting: [Life] = []
  /// Since when there are some, in boot time.
  private var since: Int64?
  private var syncing: [Life] = []
  /// To be marked with the next commit.
  private(set) var durable: [Life] = []

  /// - Parameter runs: `data/runs`.
  init(runs: String) throws(Failure) { sync = try DiskSync(runs) }

  mutating func add(_ lives: [Life], at boot: Int64) {
    waiting += lives
    if since == nil, !lives.isEmpty { since = boot }
  }

  /// Takes in what has become durable, and begins with the next when it is time.
  mutating func advance(to boot: Int64) throws(Failure) {
    if try sync.hasEnded() {
      durable += syncing
      syncing.removeAll()
    }
    guard let due = nextDue, boot >= due else { return }
    (syncing, waiting, since) = (waiting, [], nil)
    try sync.begin()
  }

  /// Boot time of the next thing to do here, in microseconds.
  var nextDue: Int64? { syncing.isEmpty ? since.map { $0 + Self.delay.microseconds } : nil }

  /// Readable when ``advance(to:)`` has something to take in; `nil` while nothing is under way.
  var descriptor: Int32? { syncing.isEmpty ? nil : sync.descriptor }

  /// Makes all of them durable, and waits for it.
  mutating func finish() throws(Failure) {
    guard !waiting.isEmpty || !syncing.isEmpty else { return }
    try sync.now()
    durable += syncing + waiting
    (syncing, waiting, since) = ([], [], nil)
  }

  mutating func forgetDurable() { durable.removeAll() }
}
