import AstroCore
import AstroHTTP
import AstroLLM

/// One attempt at a batch file: as many of its requests are under way at a time as the agent takes. Each asks leave before
/// it is sent, its result is on disk before it is accounted for, and what has a result is never sent again.
///
/// Where a limit or a budget has no more, nothing new is sent, what is under way comes to its end, and the rest waits: here
/// when it is for a moment, else the attempt is parked.
struct BatchAttempt {
  let agent: LLMAgent
  let request: PerformanceRequest
  let desk: any CallDesk
  let endpoint: BatchEndpoint
  let results: BatchResults
  let requests: BatchRequests
  let mask: SecretMask
  /// Whom requests go to.
  let seats: [LLMSettings]
  /// Those of them that can serve somebody, in the order they are asked; never none.
  var open: [Int]
  /// Requests in a row that the first of them gave up and another answered.
  var forsaken = 0
  var tally: BatchResults.Tally
  /// Read and not done, in the order of the file; what could not be sent stands before what has not been tried.
  var queue: ArraySlice<BatchCall> = []
  /// Refusals by the provider's limits since an answer.
  var refusals = 0
  /// In a row.
  var givenUp = 0

  /// Why a request is not sent now.
  enum Halt: Sendable {
    case pause(LimitRefusal)
    case overBudget(String)
    case ended(PerformanceResult.Ending)
  }

  init(
    _ agent: LLMAgent, _ request: PerformanceRequest, _ desk: any CallDesk, _ endpoint: BatchEndpoint
  ) async throws(Failure) {
    self.agent = agent
    self.request = request
    self.desk = desk
    self.endpoint = endpoint
    let (directory, key) = (request.directory, request.key)
    let opened = try await BlockingWork.run { () throws(Failure) in
      let (results, tally) = try BatchResults.open(directory.results)
      return (
        results: results, tally: tally, requests: try BatchRequests(directory.workflow(extension: "jsonl")),
        forsaken: try TranscriptFile.replay(in: directory.attempt(key)).forsaken
      )
    }
    (results, tally, requests) = (opened.results, opened.tally, opened.requests)
    let seats = agent.batchSeats
    self.seats = seats
    let left = seats.indices.filter { !opened.forsaken.contains(seats[$0].id) }
    open = left.isEmpty ? Array(seats.indices) : left
    mask = SecretMask(secrets: seats.flatMap(\.hidden) + request.secrets)
  }

  mutating func run() async -> PerformanceResult {
    guard agent.settings.dialect.rawValue == endpoint.dialect else {
      return .ended(
        .init(
          .providerError,
          message: "agent '\(agent.settings.id)' does not speak the dialect of \(endpoint.rawValue)"))
    }
    while true {
      switch await wave() {
      case nil: return finish()
      case .ended(let ending)?: return .ended(ending)
      case .overBudget(let why)?: return .held(why, next: planned(queue[queue.startIndex]))
      case .pause(let refusal)?:
        let wait = refusal.until - agent.clock.now().wall
        // Who waits for a place gives its own away: it may be what those who hold the other wait for.
        guard wait <= LLMAttempt.longestWait, !refusal.place.isOfSlots else {
          return .parked(refusal, next: queue.first.map(planned))
        }
        do { try await agent.sleep(max(wait, .milliseconds(10))) } catch {
          return .ended(.init(.cancelled, message: "cancelled"))
        }
      }
    }
  }

  /// Sends what there is until it is all done, or no more may be sent and nothing is under way any more.
  ///
  /// What is refused leave may only have to wait for those under way: they hold places, and reserve more than they take. So
  /// fewer are sent at a time after a refusal, one more after each answer, and none once not even one is let through.
  private mutating func wave() async -> Halt? {
    let most = max(1, agent.settings.concurrency)
    var halt: Halt?
    var isRefused = false
    await withTaskGroup(of: (BatchCall, BatchOutcome).self) { group in
      var (underway, width) = (0, most)
      while true {
        while halt == nil, underway < width, let call = await next(&halt) {
          let (copy, refusals) = (self, refusals)
          group.addTask { (call, await copy.perform(call, refusals: refusals)) }
          underway += 1
        }
        guard let (call, outcome) = await group.next() else { break }
        underway -= 1
        switch outcome {
        case .written(let result, let seat):
          count(result, of: call, &halt)
          await forsakeFirst(answeredBy: seat, &halt)
          refusals = 0
          width = min(width + 1, most)
        case .forsaken(let seat, let reason):
          queue.insert(call, at: queue.startIndex)
          // With the others it may be another thing, for this request and for all that come.
          if open == [seat] { halt = halt ?? reason } else { await forsake(seat, because: reason, &halt) }
        case .left(let reason, let isRefusal):
          queue.insert(call, at: queue.startIndex)
          isRefused = isRefused || isRefusal
          width = underway
          if case .ended = reason { halt = halt ?? reason } else if underway == 0 { halt = halt ?? reason }
        }
      }
    }
    // Those that were under way together count as one.
    if isRefused { refusals += 1 }
    return halt
  }

  /// So many requests in a row that come to nothing say more of the provider than of themselves: the others are left for a
  /// retry.
  private static let mostGivenUp = 16

  /// One that gives up request after request which another answers is asked no more.
  private mutating func forsakeFirst(answeredBy seat: Int, _ halt: inout Halt?) async {
    forsaken = seat == open[0] ? 0 : forsaken + 1
    guard forsaken >= Self.mostGivenUp, open.count > 1 else { return }
    let reason = "it gave up \(forsaken) requests in a row that another answered"
    await forsake(open[0], because: .failed(.providerError, reason), &halt)
    forsaken = 0
  }

  /// Asks one of them no more, also when the attempt is begun again: finding out anew would cost as many requests each time.
  /// That a key is used up the journal knows, and until when; who has it is asked again then.
  private mutating func forsake(_ seat: Int, because reason: Halt, _ halt: inout Halt?) async {
    guard open.contains(seat) else { return }
    open.removeAll { $0 == seat }
    guard case .ended(let ending) = reason, !reason.isOfKey else { return }
    let event = TranscriptEvent.forsaken(agent: seats[seat].id, hide(ending.message ?? ""))
    let line = masked(event.line(at: agent.clock.now().wall)) + [0x0A]
    let directory = request.directory.attempt(request.key)
    do throws(Failure) {
      try await BlockingWork.run { () throws(Failure) in
        try TranscriptFile.open(in: directory).file.append(line, durable: true)
      }
    } catch {
      halt = halt ?? .failed(.providerError, hide(error.description))
    }
  }

  /// What a request asks leave for first.
  private func planned(_ call: BatchCall) -> PlannedCall {
    let seat = seats[open[0]]
    return PlannedCall(to: seat.id, agent.ceiling(of: call.raw, at: seat), line: call.line.number)
  }

  private mutating func count(_ result: BatchOutcome.Result, of call: BatchCall, _ halt: inout Halt?) {
    switch result {
    case .success:
      _ = tally.add(call.line.number, isSuccess: true)
      givenUp = 0
    case .refused:
      _ = tally.add(call.line.number, isSuccess: false)
      givenUp = 0
    case .givenUp(let why):
      _ = tally.add(call.line.number, isSuccess: false)
      givenUp += 1
      guard givenUp >= Self.mostGivenUp else { return }
      halt = halt ?? .failed(.providerError, "\(givenUp) requests in a row came to nothing: \(why)")
    }
  }

  /// How many lines are read at once.
  private static let readTogether = 64

  private mutating func next(_ halt: inout Halt?) async -> BatchCall? {
    if let call = queue.popFirst() { return call }
    do throws(Failure) {
      let (requests, tally) = (requests, tally)
      let lines = try await BlockingWork.run { () throws(Failure) in
        try requests.next(Self.readTogether) { !tally.holds($0) }
      }
      queue = try lines.map { line throws(Failure) in try self.call(line) }[...]
    } catch {
      halt = .ended(.init(.providerError, message: hide(error.description), infrastructure: true))
    }
    return queue.popFirst()
  }

  private func call(_ line: BatchLine) throws(Failure) -> BatchCall {
    do throws(JSONScanner.Malformed) {
      return BatchCall(line: line, raw: try RawCall(line))
    } catch {
      throw Failure(.io, subject: "line \(line.number)", message: "is not what was submitted: \(error.message)")
    }
  }

  private func finish() -> PerformanceResult {
    let total = tally.completed + tally.failed
    if tally.completed == 0, total > 0 {
      return .ended(
        .init(.providerError, message: "none of \(total) \(total == 1 ? "request" : "requests") succeeded"))
    }
    return .ended(
      .init(
        .completed,
        outputs: [
          "total": String(total), "completed": String(tally.completed), "failed": String(tally.failed),
        ]))
  }

  /// A sentence without the agent's secrets in it.
  func hide(_ text: String) -> String { String(decoding: masked(Array(text.utf8)), as: UTF8.self) }

  func masked(_ bytes: [UInt8]) -> [UInt8] {
    var mask = mask
    return mask.masked(bytes)
  }
}
