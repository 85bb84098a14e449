import AstroCore

/// An attempt under way whose result will be kept.
struct CacheLeader {
  /// Who does it.
  var agent: String
  var ticket: CacheTicket
}
