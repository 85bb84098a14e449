/// The two ways of the Model Context Protocol to begin: whoever speaks one does not understand the other.
public enum ProtocolEra: String, Sendable, CaseIterable {
  /// Revision 2025-11-25 and before: a session, opened with `initialize`.
  case legacy = "2025-11-25"
  /// Revision 2026-07-28 and after: no session, `_meta` in every request.
  case modern = "2026-07-28"
}
