import AstroCore
import Synchronization

/// The two ways of the Model Context Protocol to begin: whoever speaks one does not understand the other.
public enum ProtocolEra: String, Sendable, CaseIterable {
  /// Revision 2025-11-25 and before: a session, opened with `initialize`.
  case legacy = "2025-11-25"
  /// Revision 2026-07-28 and after: no session, `_meta` in every request.
  case modern = "2026-07-28"

  /// Revisions of the legacy era; what is used here of tools is the same in all of them.
  static let legacyRevisions: Set<String> = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]

  /// The parameters of a request, as each era wants them.
  func parameters(_ members: [String: JSONValue] = [:]) -> JSONValue {
    switch self {
    case .legacy: .map(members)
    case .modern: .map(members.merging(["_meta": Self.meta]) { own, _ in own })
    }
  }

  static let clientInfo = JSONValue.map(["name": .string("astro"), "version": .string("1")])

  private static let meta = JSONValue.map([
    "io.modelcontextprotocol/protocolVersion": .string(modern.rawValue),
    "io.modelcontextprotocol/clientCapabilities": .map([:]),
    "io.modelcontextprotocol/clientInfo": clientInfo,
  ])

  static let initialization: [String: JSONValue] = [
    "protocolVersion": .string(legacy.rawValue), "capabilities": .map([:]), "clientInfo": clientInfo,
  ]
}

/// Which era each command has turned out to be of, for the life of the process.
public final class EraMemory: Sendable {
  private let eras = Mutex<[[String]: ProtocolEra]>([:])

  public init() {}

  subscript(command: [String]) -> ProtocolEra? {
    get { eras.withLock { $0[command] } }
    set { eras.withLock { $0[command] = newValue } }
  }
}
