import AstroCore

/// Who is to be told when an attempt is over whose result is kept under a key.
struct CacheFollowers {
  /// Tasks that wait for it and for nothing else.
  private var waiting: [String: [AttemptKey]] = [:]
  /// Tasks that were looked up before it began, and wait for a limit or a place.
  private var inLine: [String: [AttemptKey]] = [:]
  /// The keys of a run, so that nothing of it is left when it ends.
  private var keys: [WorkflowID: Set<String>] = [:]

  /// Under which some task waits.
  var waitedFor: [String] { Array(waiting.keys) }
  var isEmpty: Bool { waiting.isEmpty }

  mutating func wait(_ attempt: AttemptKey, for key: String) {
    waiting[key, default: []].append(attempt)
    keys[attempt.workflow, default: []].insert(key)
  }

  mutating func note(_ attempt: AttemptKey, under key: String) {
    inLine[key, default: []].append(attempt)
    keys[attempt.workflow, default: []].insert(key)
  }

  /// Who has waited under a key. With a result that is kept, also those who would be spared by it.
  mutating func take(_ key: String, isKept: Bool) -> [AttemptKey] {
    (waiting.removeValue(forKey: key) ?? []) + (isKept ? inLine.removeValue(forKey: key) ?? [] : [])
  }

  mutating func forget(_ run: WorkflowID) {
    for key in keys.removeValue(forKey: run) ?? [] {
      waiting[key]?.removeAll { $0.workflow == run }
      if waiting[key]?.isEmpty == true { waiting[key] = nil }
      inLine[key]?.removeAll { $0.workflow == run }
      if inLine[key]?.isEmpty == true { inLine[key] = nil }
    }
  }
}
