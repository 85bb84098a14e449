import FoundationEssentials
import GRDB
import GRDBSQLite

/// The values of one writing statement, bound straight to SQLite: a commit binds a few hundred, and making a
/// `DatabaseValue` of each takes as long as the statements themselves.
struct Arguments: ExpressibleByArrayLiteral {
  private let values: [(any Bindable)?]

  init(arrayLiteral values: (any Bindable)?...) { self.values = values }

  /// Runs `statement` once with these values; it is ready for the next time when this returns.
  func execute(_ statement: OpaquePointer) throws {
    defer {
      sqlite3_reset(statement)
      sqlite3_clear_bindings(statement)
    }
    for (index, value) in values.enumerated() {
      let position = Int32(index + 1)
      try check(value?.bind(to: statement, at: position) ?? sqlite3_bind_null(statement, position), statement)
    }
    while true {
      let code = sqlite3_step(statement)
      if code == SQLITE_DONE { return }
      if code != SQLITE_ROW { try check(code, statement) }
    }
  }

  private func check(_ code: Int32, _ statement: OpaquePointer) throws {
    guard code != SQLITE_OK else { return }
    let words = sqlite3_errmsg(sqlite3_db_handle(statement)).map { String(cString: $0) }
    throw DatabaseError(resultCode: ResultCode(rawValue: code), message: words)
  }
}

/// A value SQLite can hold.
protocol Bindable {
  /// - Returns: a result code of SQLite.
  func bind(to statement: OpaquePointer, at position: Int32) -> Int32
}

/// `SQLITE_TRANSIENT`, a macro that Swift cannot see: SQLite makes a copy before the call returns.
private let copied = unsafeBitCast(OpaquePointer(bitPattern: -1), to: sqlite3_destructor_type.self)

extension String: Bindable {
  func bind(to statement: OpaquePointer, at position: Int32) -> Int32 {
    var text = self
    return text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) {
        sqlite3_bind_text64(
          statement, position, $0.baseAddress ?? UnsafePointer(bitPattern: 1), UInt64($0.count), copied,
          UInt8(SQLITE_UTF8))
      }
    }
  }
}

extension FixedWidthInteger {
  fileprivate func bindInteger(to statement: OpaquePointer, at position: Int32) -> Int32 {
    sqlite3_bind_int64(statement, position, Int64(self))
  }
}

extension Int: Bindable {
  func bind(to statement: OpaquePointer, at position: Int32) -> Int32 { bindInteger(to: statement, at: position) }
}

extension Int32: Bindable {
  func bind(to statement: OpaquePointer, at position: Int32) -> Int32 { bindInteger(to: statement, at: position) }
}

extension Int64: Bindable {
  func bind(to statement: OpaquePointer, at position: Int32) -> Int32 { bindInteger(to: statement, at: position) }
}

extension Bool: Bindable {
  func bind(to statement: OpaquePointer, at position: Int32) -> Int32 {
    (self ? 1 : 0).bindInteger(to: statement, at: position)
  }
}

extension Double: Bindable {
  func bind(to statement: OpaquePointer, at position: Int32) -> Int32 {
    sqlite3_bind_double(statement, position, self)
  }
}

extension Data: Bindable {
  func bind(to statement: OpaquePointer, at position: Int32) -> Int32 {
    withUnsafeBytes {
      sqlite3_bind_blob64(
        statement, position, $0.baseAddress ?? UnsafeRawPointer(bitPattern: 1), UInt64($0.count), copied)
    }
  }
}
