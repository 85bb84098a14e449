import AstroTestKit
import GRDB
import Testing

@testable import AstroJournal

@Suite struct SchemaTests {
  private static let steps = [
    "CREATE TABLE a(id TEXT PRIMARY KEY) STRICT;\nCREATE INDEX a_id ON a(id);", "CREATE TABLE b(n INTEGER) STRICT;",
    "CREATE TABLE c(n INTEGER) STRICT;",
  ]
  private let home = TemporaryDirectory()

  private func database<T>(_ body: (Database) throws -> T) throws -> T {
    try DatabaseQueue(path: home.path("j.sqlite")).writeWithoutTransaction(body)
  }

  /// Made by the first so many steps.
  private func made(by count: Int) throws {
    try database { try Schema.migrate($0, from: 0, steps: Array(Self.steps.prefix(count))) }
  }

  @Test func anOlderVersionIsToldAndBroughtUpToDateWithWhatIsInIt() throws {
    try made(by: 1)
    try database { db in
      try db.execute(sql: "INSERT INTO a VALUES('kept')")
      #expect(try Schema.inspect(db, steps: Self.steps) == .outdated(from: 1))
      try Schema.migrate(db, from: 1, steps: Self.steps)
      #expect(try Schema.inspect(db, steps: Self.steps) == .current)
      #expect(try String.fetchOne(db, sql: "SELECT id FROM a") == "kept")
      #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM b, c") == 0)
    }
  }

  @Test func aVersionWithMoreTablesIsNewer() throws {
    try made(by: 3)
    let finding = try database { try Schema.inspect($0, steps: Array(Self.steps.prefix(2))) }
    #expect(finding == .newer(3))
  }

  @Test(arguments: [
    ("PRAGMA user_version = 1", "its version is 1 and its mark 1098085490"),
    ("PRAGMA user_version = 3", "its version is 3 and its mark 1098085490"),
    ("PRAGMA application_id = 7", "its version is 2 and its mark 7"),
    ("DROP TABLE b", "its version is 2 and its mark 1098085490"),
    ("DROP INDEX a_id", "its tables are not those of its version"),
  ])
  func whatItsTablesContradictIsDamage(sql: String, what: String) throws {
    try made(by: 2)
    let finding = try database { db in
      try db.execute(sql: sql)
      return try Schema.inspect(db, steps: Array(Self.steps.prefix(2)))
    }
    #expect(finding == .damaged(what))
  }

  /// A step that fails leaves the version it began with.
  @Test func aStepThatFailsChangesNothing() throws {
    try made(by: 1)
    let broken = [Self.steps[0], Self.steps[1], "CREATE TABLE a(x)"]
    try database { db throws in
      #expect(throws: DatabaseError.self) { try Schema.migrate(db, from: 1, steps: broken) }
      #expect(try Schema.inspect(db, steps: broken) == .outdated(from: 1))
    }
  }

  @Test func stepsOnlyCreate() {
    for step in Schema.migrations {
      for statement in step.split(separator: ";").map({ $0.drop { $0.isWhitespace } }) where !statement.isEmpty {
        #expect(statement.hasPrefix("CREATE "), "\(statement)")
      }
    }
  }
}
