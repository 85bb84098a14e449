import AstroCore
import AstroJournal
import AstroScheduling
import AstroTelemetry

/// Leave for calls of attempts that run: each is given in its user's turn, in the transaction that takes what it needs, and
/// is heard of once that is committed.
extension Runner {
  /// Puts an ask into the scheduler's line.
  func line(up ask: LeaveAsk) -> CallAsk {
    lastAsk += 1
    asks[lastAsk] = ask
    return CallAsk(
      number: lastAsk, of: ask.key, to: ask.call.agent, until: clock.now().boot + ask.patience.microseconds,
      isReplacing: ask.replacing != nil)
  }

  func answer(_ ask: CallAsk, in transaction: Transaction) throws(Failure) -> LeaveAnswer {
    // Of an attempt that is cancelled, or over.
    guard let asked = asks[ask.number] else { return .over }
    guard let attempt = performing[ask.key] else {
      reply(to: ask, .gone)
      return .over
    }
    // Two reservations for one call would be more than it can take.
    if let replaced = asked.replacing {
      asks[ask.number]?.replacing = nil
      if let call = try transaction.withdraw(replaced) { try refund(call, in: transaction) }
    }
    let demand = demand(of: attempt.start, for: asked.call)
    switch try allowances.take(demand, in: transaction) {
    case .granted(let call?, _):
      for limit in Set(demand.limits) { deltas.increment(.limitGranted, [limit]) }
      reply(to: ask, .granted(call))
      return .granted
    case .granted(nil, _): preconditionFailure("a demand with a ceiling is granted with a call")
    case .never(let reason): reply(to: ask, .never(reason))
    case .overBudget(let reason): reply(to: ask, .overBudget(reason))
    case .spent(let key): reply(to: ask, .spent(until: key.until, key.reason))
    case .refused(let verdict):
      // One that waits is refused once, however often it is looked at.
      if !asked.isRefused { deltas.increment(.limitDenied, [verdict.limiter]) }
      asks[ask.number]?.isRefused = true
      let waits = ask.waits(for: verdict, at: transaction.now.boot)
      if waits {
        tellOpened(try allowances.leaveIdlePlaces(of: demand, in: transaction))
      } else {
        let origin = LimitRefusal.Origin.limit(
          LimitPlace(limiter: verdict.limiter, key: verdict.key), bindsOthers: verdict.bindsOthers)
        reply(to: ask, .notBefore(LimitRefusal(origin, until: transaction.now.wall + verdict.retryAfter)))
      }
      return .refused(verdict, waits: waits)
    }
    return .over
  }

  /// Tells an attempt of a limit that others were refused at: it opens later than the attempt waits.
  func turnAway(_ ask: CallAsk, _ place: LimitPlace, until: Int64, at now: Moment) {
    let wait = Duration.microseconds(max(0, until - now.boot))
    if asks[ask.number]?.isRefused == false { deltas.increment(.limitDenied, [place.limiter]) }
    reply(to: ask, .notBefore(LimitRefusal(.limit(place), until: now.wall + wait)))
  }

  /// Nobody waits for what an attempt asks any more: it is to end.
  func forgetAsks(of key: AttemptKey) {
    for (number, ask) in asks where ask.key == key {
      asks[number] = nil
      ask.reply.answer(.gone)
    }
  }

  /// In the next turn: what a transaction gives back that others may be waiting for.
  func tellOpened(_ places: [LimitPlace]) { if !places.isEmpty { pending.append(.opened(places)) } }

  /// Once it is committed.
  private func reply(to ask: CallAsk, _ leave: CallLeave) {
    guard let asked = asks.removeValue(forKey: ask.number) else { return }
    batch.reply { asked.reply.answer(leave) }
  }
}
