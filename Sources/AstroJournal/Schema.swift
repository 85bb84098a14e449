import AstroCore
import GRDB

/// The layout of the database and the steps that lead to it. `PRAGMA user_version` says how many were taken.
///
/// Times are microseconds since 1970 unless their name says `boot`. Tables are STRICT: a value of another type cannot
/// have been written by us.
enum Schema {
  /// `PRAGMA application_id`: "Astr". Tells our file from any other SQLite database.
  static let applicationID: Int64 = 0x4173_7472
  static var version: Int64 { Int64(migrations.count) }

  /// Step `n` leads from version `n` to `n + 1`. Published steps never change, and a step only creates tables and indexes:
  /// of one that is altered SQLite rewrites the text by which ``inspect(_:steps:)`` knows it.
  static let migrations: [String] = [first]

  /// What a file turned out to be.
  enum Finding: Equatable { case current, outdated(from: Int64), empty, newer(Int64), foreign, damaged(String) }

  static func inspect(_ db: Database, steps: [String] = migrations) throws -> Finding {
    let found = try Int64.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    let mark = try Int64.fetchOne(db, sql: "PRAGMA application_id") ?? 0
    let statements = Set(try String.fetchAll(db, sql: "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"))
    let isMarked = mark == applicationID
    let latest = Int64(steps.count)
    // Tables decide before numbers: of ours exactly, a number that says otherwise is what is wrong.
    for version in stride(from: latest, to: 0, by: -1) {
      let made = Self.statements(of: steps.prefix(Int(version)))
      guard made.isSubset(of: statements) else { continue }
      if isMarked, found == version { return version == latest ? .current : .outdated(from: version) }
      if isMarked, found > latest, made != statements { return .newer(found) }
      return .damaged("its version is \(found) and its mark \(mark)")
    }
    // Many programs count their own user_version from 1: without our mark the number means nothing.
    if isMarked, found > latest { return .newer(found) }
    if isMarked, found > 0 { return .damaged("its tables are not those of its version") }
    // Our own steps are one transaction with the mark and the version: whatever else has tables was made by someone else.
    return statements.isEmpty && found == 0 ? .empty : .foreign
  }

  /// What SQLite keeps of the text that makes the tables: each statement as it is written.
  private static func statements(of steps: ArraySlice<String>) -> Set<String> {
    Set(steps.joined().split(separator: ";").map { String($0.drop { $0.isWhitespace }) }.filter { !$0.isEmpty })
  }

  /// Switches the file to write-ahead logging, where readers do not block the writer. A copy made by `VACUUM INTO` or
  /// `.backup` has lost it. Costs nothing where it is in force; outside any transaction, as SQLite demands.
  static func useWriteAheadLog(_ db: Database, path: String) throws {
    let mode = try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL") ?? ""
    guard mode == "wal" else {
      throw Failure(
        .journal, subject: path,
        message:
          "cannot use a write-ahead log here (SQLite stays in mode '\(mode)'); put the data directory on a local disk")
    }
  }

  /// Brings the file from `found` to ``version``. Called inside the gate. One transaction: killed anywhere, the file has
  /// its old version and the next opener starts again.
  static func migrate(_ db: Database, from found: Int64, steps: [String] = migrations) throws {
    try db.inTransaction(.immediate) {
      for step in steps[Int(found)...] { try db.execute(sql: step) }
      try db.execute(sql: "PRAGMA application_id = \(applicationID); PRAGMA user_version = \(steps.count)")
      return .commit
    }
  }

  /// A run's content lies apart from its row: SQLite rewrites a whole row at each change, and contents are up to 64 MiB.
  private static let first = """
    CREATE TABLE run(
      id TEXT PRIMARY KEY, name TEXT NOT NULL, user TEXT NOT NULL, state TEXT NOT NULL, priority INTEGER NOT NULL,
      file BLOB NOT NULL, extension TEXT NOT NULL, sha256 TEXT NOT NULL, params TEXT NOT NULL,
      submitted_at INTEGER NOT NULL, claimed_at INTEGER NOT NULL, started_at INTEGER, finished_at INTEGER,
      owner TEXT, settled INTEGER NOT NULL, cancel_requested INTEGER NOT NULL, reason TEXT,
      errors TEXT NOT NULL, rate_limit TEXT, hold_requested INTEGER NOT NULL,
      retried_at INTEGER, tasks INTEGER NOT NULL, submitter INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX run_state ON run(state);
    CREATE INDEX run_claimed ON run(claimed_at);
    CREATE INDEX run_finished ON run(finished_at);
    CREATE INDEX run_unsettled ON run(owner) WHERE settled = 0;
    CREATE TABLE content(run TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
    CREATE TABLE task(
      run TEXT NOT NULL, task TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, not_before INTEGER,
      reason TEXT, exit_code INTEGER, outputs TEXT NOT NULL, stdout BLOB, started_at INTEGER, finished_at INTEGER,
      base INTEGER NOT NULL, PRIMARY KEY(run, task)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE attempt(
      run TEXT NOT NULL, task TEXT NOT NULL, number INTEGER NOT NULL, agent TEXT NOT NULL, launcher TEXT NOT NULL,
      started_at INTEGER NOT NULL, started_boot INTEGER NOT NULL, boot_id TEXT NOT NULL, finished_at INTEGER,
      duration_us INTEGER, outcome TEXT, exit_code INTEGER, signal INTEGER, message TEXT, user_us INTEGER,
      system_us INTEGER, peak_kib INTEGER, ending TEXT, stdout_omitted INTEGER, stderr_omitted INTEGER,
      cached INTEGER, charges TEXT, PRIMARY KEY(run, task, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX attempt_running ON attempt(launcher) WHERE outcome IS NULL;
    CREATE TABLE limit_state(
      limiter TEXT NOT NULL, key TEXT NOT NULL, boot_id TEXT NOT NULL, written_boot INTEGER NOT NULL,
      written_at INTEGER NOT NULL, expires_boot INTEGER NOT NULL, log BLOB NOT NULL, PRIMARY KEY(limiter, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX limit_expiry ON limit_state(boot_id, expires_boot);
    CREATE TABLE series(name TEXT PRIMARY KEY, value REAL NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE agent(
      id TEXT PRIMARY KEY, successes REAL NOT NULL, failures REAL NOT NULL, infrastructure_failures INTEGER NOT NULL,
      probe_at INTEGER, last_error TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE hold(
      run TEXT NOT NULL, task TEXT NOT NULL, number INTEGER NOT NULL, limiter TEXT NOT NULL, key TEXT NOT NULL,
      PRIMARY KEY(run, task, number, limiter, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX hold_place ON hold(limiter, key);
    CREATE TABLE call(
      id INTEGER PRIMARY KEY, run TEXT NOT NULL, task TEXT NOT NULL, number INTEGER NOT NULL, agent TEXT NOT NULL,
      model TEXT NOT NULL, started_at INTEGER NOT NULL, started_boot INTEGER NOT NULL, boot_id TEXT NOT NULL,
      reserved_tokens INTEGER NOT NULL, reserved_cost INTEGER, charges TEXT NOT NULL, budgets TEXT NOT NULL,
      status TEXT, duration_us INTEGER, input INTEGER, cache_read INTEGER, cache_write INTEGER,
      cache_write_hour INTEGER, output INTEGER, reasoning INTEGER, cost INTEGER, answered_by TEXT, line INTEGER
    ) STRICT;
    CREATE INDEX call_settled ON call(agent, model, id) WHERE status = 'success';
    CREATE INDEX call_run ON call(run, task, number);
    CREATE INDEX call_open ON call(agent) WHERE status IS NULL;
    CREATE TABLE budget(
      scope TEXT NOT NULL, key TEXT NOT NULL, cost_held INTEGER NOT NULL, cost_spent INTEGER NOT NULL,
      tokens_held INTEGER NOT NULL, tokens_spent INTEGER NOT NULL, calls INTEGER NOT NULL, cost_cap INTEGER,
      tokens_cap INTEGER, calls_cap INTEGER, changed_at INTEGER NOT NULL, PRIMARY KEY(scope, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE spent_key(
      account TEXT PRIMARY KEY, until INTEGER NOT NULL, pause_us INTEGER NOT NULL, reason TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE cache(
      key TEXT PRIMARY KEY, outcome TEXT NOT NULL, outputs TEXT NOT NULL, stdout BLOB NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE leader(
      run TEXT NOT NULL, task TEXT NOT NULL, number INTEGER NOT NULL, key TEXT, files TEXT NOT NULL,
      PRIMARY KEY(run, task, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX leader_key ON leader(key);
    CREATE TABLE submission(
      id TEXT PRIMARY KEY, params TEXT NOT NULL, user TEXT NOT NULL, created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    """
}
