import AstroCore
import Synchronization

/// Who waits for which limit in this process, first come first served for each limiter and key.
final class WaitingLine: Sendable {
  struct Ticket: Sendable, Equatable {
    var number: UInt64
    var weight: Int64
    /// Boot time in microseconds at which it joined.
    var since: Int64
  }

  private struct Lines {
    var next: UInt64 = 0
    var waiting: [LimitPlace: [Ticket]] = [:]
  }

  private let lines = Mutex(Lines())

  func join(_ place: LimitPlace, weight: Int64, at now: Int64) -> Ticket {
    lines.withLock { lines in
      lines.next += 1
      let ticket = Ticket(number: lines.next, weight: weight, since: now)
      lines.waiting[place, default: []].append(ticket)
      return ticket
    }
  }

  func leave(_ place: LimitPlace, _ ticket: Ticket) {
    lines.withLock { lines in
      lines.waiting[place]?.removeAll { $0.number == ticket.number }
      // A key nobody waits for is forgotten, or the table would grow with every user ever seen.
      if lines.waiting[place]?.isEmpty == true { lines.waiting[place] = nil }
    }
  }

  /// The weights of those before `ticket`, in their order.
  func weights(before ticket: Ticket, in place: LimitPlace) -> [Int64] {
    lines.withLock { lines in
      (lines.waiting[place] ?? []).prefix { $0.number != ticket.number }.map(\.weight)
    }
  }

  /// Everybody who waits, oldest first for each place.
  var all: [LimitPlace: [Ticket]] { lines.withLock { $0.waiting } }
}
