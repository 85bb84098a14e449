import AstroCore

/// Who is to be told when an attempt is over whose result is kept under a key.
struct CacheFollowers {
  /// Tasks that wait for it and for nothing else.
  private(set) var waiting: [String: Set<AttemptKey>] = [:]
  /// Tasks that were looked up before it began, and wait for a limit or a place.
  private(set) var inLine: [String: Set<AttemptKey>] = [:]
  /// The keys of each of them, so that nothing is left of one that has begun, nor of a run that has ended.
  private(set) var keys: [WorkflowID: [AttemptKey: Set<String>]] = [:]

  /// Under which some task waits.
  var waitedFor: [String] { Array(waiting.keys) }
  var isEmpty: Bool { waiting.isEmpty }

  mutating func wait(_ attempt: AttemptKey, for key: String) {
    waiting[key, default: []].insert(attempt)
    keys[attempt.workflow, default: [:]][attempt, default: []].insert(key)
  }

  mutating func note(_ attempt: AttemptKey, under key: String) {
    inLine[key, default: []].insert(attempt)
    keys[attempt.workflow, default: [:]][attempt, default: []].insert(key)
  }

  /// Who has waited under a key, in order. With a result that is kept, also those who would be spared by it.
  mutating func take(_ key: String, isKept: Bool) -> [AttemptKey] {
    let told = (waiting[key] ?? []).union(isKept ? inLine[key] ?? [] : [])
    for attempt in told { forget(attempt, under: key, isInLine: isKept) }
    return told.sorted { $0.description < $1.description }
  }

  /// An attempt has begun, or need not.
  mutating func forget(_ attempt: AttemptKey) {
    for key in keys[attempt.workflow]?[attempt] ?? [] { forget(attempt, under: key, isInLine: true) }
  }

  mutating func forget(_ run: WorkflowID) {
    for attempt in keys[run].map({ Array($0.keys) }) ?? [] { forget(attempt) }
  }

  private mutating func forget(_ attempt: AttemptKey, under key: String, isInLine: Bool) {
    waiting[key]?.remove(attempt)
    if waiting[key]?.isEmpty == true { waiting[key] = nil }
    if isInLine {
      inLine[key]?.remove(attempt)
      if inLine[key]?.isEmpty == true { inLine[key] = nil }
    }
    guard inLine[key]?.contains(attempt) != true else { return }
    keys[attempt.workflow]?[attempt]?.remove(key)
    if keys[attempt.workflow]?[attempt]?.isEmpty == true { keys[attempt.workflow]?[attempt] = nil }
    if keys[attempt.workflow]?.isEmpty == true { keys[attempt.workflow] = nil }
  }
}
