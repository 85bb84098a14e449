import AstroCore

/// A task that may be spared, while the files that it names are read beside the loop.
struct Lookup {
  /// Of this reading: a task may be looked up again under the same number of an attempt.
  var number: Int64
  var start: AttemptStart
  /// Who could take it.
  var agents: [String]
  var reading: Task<Void, Never>
}
