/// Finds what somebody meant to write.
public enum NearestWord {
  /// Longer words are not compared: the distance costs the product of the lengths.
  private static let longest = 64

  /// The candidate nearest to `word`: the same in other case, else the one whose distance is least and at most about a
  /// third of the length; the first of equals.
  public static func of(_ word: String, among candidates: some Sequence<String>) -> String? {
    let typed = Array(word.utf8)
    guard (1...longest).contains(typed.count) else { return nil }
    let lower = word.lowercased()
    if let same = candidates.first(where: { $0.utf8.count == typed.count && $0 != word && $0.lowercased() == lower }) {
      return same
    }
    var best: (word: String, distance: Int)?
    var allowed = max(1, typed.count / 3)
    for candidate in candidates where abs(candidate.utf8.count - typed.count) <= allowed {
      let letters = Array(candidate.utf8)
      guard letters.count <= longest, candidate != word else { continue }
      let distance = distance(typed, letters)
      // A word that shares no letter is no suggestion, however short both are.
      guard distance <= allowed, distance < max(typed.count, letters.count) else { continue }
      best = (candidate, distance)
      allowed = distance - 1
      if distance <= 1 { break }
    }
    return best?.word
  }

  /// Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, substitutions and swaps of
  /// neighbours cost 1; swaps are not edited again. F. J. Damerau, CACM 7 (1964) 171.
  static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    var row = last
    for i in 0..<a.count {
      row[0] = i + 1
      for j in 0..<b.count {
        let substitution = last[j] + (a[i] == b[j] ? 0 : 1)
        row[j + 1] = min(substitution, last[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { row[j + 1] = min(row[j + 1], beforeLast[j - 1] + 1) }
      }
      (beforeLast, last, row) = (last, row, beforeLast)
    }
    return last[b.count]
  }
}
