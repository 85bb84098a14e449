/// Whose turn it is: start-time fair queueing between users (Goyal, Vin, Cheng, SIGCOMM '96), all weights one.
///
/// What a user is given advances its tag by one; the smallest tag is served, and of equal ones whose user was served longest
/// ago. A newcomer begins at the tag served last: it waits for at most one turn of each who is waiting too. A turn that came
/// to nothing, because a limit refused it, was none.
public struct FairShare: Sendable {
  private var tags: [String: UInt64] = [:]
  /// When each was served last.
  private var times: [String: UInt64] = [:]
  /// Turns that are being taken.
  private var pending: [String: UInt64] = [:]
  private var served: UInt64 = 0
  private var time: UInt64 = 0

  public init() {}

  /// A user's place in the line; the smallest is next.
  public struct Place: Comparable, Sendable {
    var tag: UInt64
    var time: UInt64

    public static func < (a: Place, b: Place) -> Bool { (a.tag, a.time) < (b.tag, b.time) }
  }

  public func place(of user: String) -> Place {
    Place(tag: max(tags[user] ?? 0, served) + (pending[user] ?? 0), time: times[user] ?? 0)
  }

  /// A user takes its turn; whether it comes to anything is told by ``serve(_:)`` or ``giveBack(_:)``.
  public mutating func take(_ user: String) { pending[user, default: 0] += 1 }

  /// A turn that was taken has come to something.
  public mutating func serve(_ user: String) {
    giveBack(user)
    served = max(tags[user] ?? 0, served)
    time += 1
    tags[user] = served + 1
    times[user] = time
    guard tags.count > 1000 else { return }
    // Idle users are forgotten.
    tags = tags.filter { $0.value > served }
    times = times.filter { tags[$0.key] != nil }
  }

  /// A turn that was taken has come to nothing.
  public mutating func giveBack(_ user: String) {
    guard let turns = pending[user] else { preconditionFailure("a turn is given back that was not taken") }
    pending[user] = turns > 1 ? turns - 1 : nil
  }
}
