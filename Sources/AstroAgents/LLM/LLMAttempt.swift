import AstroCore
import AstroHTTP
import AstroLLM

/// One attempt at one task: drives a ``StepLoop``, writes the transcript, and makes the calls. Used by one task, and once.
struct LLMAttempt {
  let agent: LLMAgent
  let request: PerformanceRequest
  let desk: any CallDesk
  let task: LLMTask
  let files: TranscriptFile
  let replay: TranscriptReplay
  /// `nil` when the task calls no tools.
  let box: (any ToolBox)?
  let tools: ToolNames
  var loop: StepLoop
  /// Whom calls go to: the agent, then its fallbacks.
  var seats: ArraySlice<LLMSettings>
  /// Refusals by a limit of the provider's since the last answer.
  var refusals: Int
  /// Hides the secrets of the agents and of the task in all that is written down or told.
  let mask: SecretMask
  /// Lines of the transcript that go with the next ones: nothing has been done yet that they tell of.
  private var unwritten: [UInt8] = []

  init(_ agent: LLMAgent, _ request: PerformanceRequest, _ desk: any CallDesk) async throws(Failure) {
    self.agent = agent
    self.request = request
    self.desk = desk
    let task = try agent.task(request.with)
    self.task = task
    let directory = request.directory
    let key = request.key
    let read = try await BlockingWork.run { () throws(Failure) in
      let (file, replay) = try TranscriptFile.open(in: directory.attempt(key))
      return (file: file, replay: replay, parts: try LLMPrompt.parts(of: task, from: directory.files))
    }
    (files, replay) = (read.file, read.replay)
    refusals = replay.refusals
    let seats = [agent.settings] + agent.fallbacks
    self.seats = seats.dropFirst(min(replay.fallbacks, seats.count - 1))
    mask = SecretMask(secrets: seats.flatMap(\.hidden) + request.secrets)
    box = task.tools.isEmpty || replay.ending != nil ? nil : try await agent.toolBoxes(request, task.tools)
    do throws(Failure) {
      tools = ToolNames(try await box?.list() ?? [])
      loop = StepLoop(try LLMPrompt.plan(of: task, parts: read.parts, tools: tools))
    } catch {
      await box?.close()
      throw error
    }
  }

  var seat: LLMSettings { seats[seats.startIndex] }

  mutating func run() async -> PerformanceResult {
    let result: PerformanceResult
    do throws(Failure) { result = try await steps() } catch {
      // A transcript that cannot be written, so that going on would do things twice after a crash; or a fallback that
      // cannot be asked.
      result = .ended(.init(.providerError, message: hide(error.description), infrastructure: true))
    }
    await box?.close()
    return result
  }

  private mutating func steps() async throws(Failure) -> PerformanceResult {
    if !replay.hasBegun {
      let model = try agent.target(of: seat, task, request).model
      unwritten = lines(of: [.begun(agent: seat.id, model: model, loop.plan.conversation)])
    }
    while true {
      switch loop.next(try agent.target(of: seat, task, request)) {
      // Written down, it would be the end of the task in the next runner, where nobody may have cancelled it.
      case .end(let ending) where ending.ending == .cancelled:
        return .ended(.init(.cancelled, message: ending.message))
      case .end(let ending): return try await finish(ending)
      case .run(let calls): try await runTools(calls)
      case .call(let call, let ceiling):
        if let known = replay.answers[loop.turns + 1] {
          loop.receive(known.answer, cost: known.cost)
        } else if let ending = replay.ending {
          // It ended for a reason that lies outside of the loop, and only the journal does not know yet.
          loop.end(with: ending)
        } else if Task.isCancelled {
          loop.end(with: .interrupted)
        } else if let pause = try await make(call, ceiling) {
          return pause
        }
      }
    }
  }

  // MARK: Writing down

  mutating func write(_ events: [TranscriptEvent], durable: Bool = false) async throws(Failure) {
    let (file, text) = (files, unwritten + lines(of: events))
    unwritten = []
    try await BlockingWork.run { () throws(Failure) in try file.append(text, durable: durable) }
  }

  private func lines(of events: [TranscriptEvent]) -> [UInt8] {
    let now = agent.clock.now().wall
    return events.reduce(into: []) { lines, event in lines += masked(event.line(at: now)) + [0x0A] }
  }

  /// A text without any secret in it.
  func hide(_ text: String) -> String { String(decoding: masked(text.utf8), as: UTF8.self) }

  func masked(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var mask = mask
    return mask.masked(bytes)
  }

  // MARK: The end

  private mutating func finish(_ ending: StepEnding) async throws(Failure) -> PerformanceResult {
    let text = hide(ending.text)
    let directory = request.directory.attempt(request.key)
    let (file, last) = (files, replay.ending == nil ? unwritten + lines(of: [.ended(ending)]) : [])
    // What follows from answers and results, which are on disk, follows again after a power cut.
    let durable = ending.ending != .completed
    try await BlockingWork.run { () throws(Failure) in
      if !last.isEmpty { try file.append(last, durable: durable) }
      if !text.isEmpty { try Folder.write(Array(text.utf8), as: "stdout", in: directory) }
    }
    var result = PerformanceResult.Ending(
      ending.ending, message: ending.message.map { hide($0) }, infrastructure: ending.infrastructure,
      stdout: AttemptFiles.shown(Array(text.utf8)[...]))
    guard ending.ending == .completed else { return .ended(result) }
    do throws(MalformedResult) {
      let outputs = try LLMOutputs.of(ending, loop)
      if let missing = request.promise.outputs.first(where: { outputs[$0] == nil }) {
        throw MalformedResult("the promised output '\(missing)' is not in the answer")
      }
      result.outputs = outputs.mapValues { hide($0) }
    } catch {
      result.ending = .invalidOutput
      result.message = hide(error.message)
    }
    return .ended(result)
  }
}

extension StepEnding {
  /// Broken off from outside: by the end of the runner, of the task's time, or by whoever cancels it. The transcript stays
  /// without an end, so that the attempt can go on.
  static let interrupted = StepEnding(.cancelled, message: "cancelled")
}
