import AstroCore
import AstroHTTP
import AstroLLM
import Glibc

/// The same question to a provider again and again, so many at a time: written in its dialect, sent, and its streamed answer
/// read to the end. What a runner adds to that (the journal, the transcript) is measured through the binary.
struct Calls {
  let url: String
  let count: Int
  let inFlight: Int

  /// Prints the processor time that all of them took, that of the connections' own thread included.
  func measure() async throws {
    let pool = try HTTPClientPool()
    let encoder = DialectEncoder(dialect: .openAIChat, baseURL: url)
    let call = ModelRequest(
      model: "m", conversation: Conversation(messages: [.user([.text("count to six")])]), maxOutputTokens: 100)
    let start = monotonicNow()
    let used = processorTime()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<inFlight {
        let share = count / inFlight + (worker < count % inFlight ? 1 : 0)
        group.addTask {
          for _ in 0..<share { try await ask(encoder.encode(call, key: "key").request, pool) }
        }
      }
      try await group.waitForAll()
    }
    let spent = processorTime() - used
    print("{\"calls\":\(count),\"cpu_ns\":\(spent),\"start_ns\":\(start),\"end_ns\":\(monotonicNow())}")
    await pool.shutdown()
  }

  private func ask(_ request: HTTPRequest, _ pool: HTTPClientPool) async throws {
    let response = try await pool.send(request, within: HTTPTimeouts())
    var assembler = AnswerAssembler(dialect: .openAIChat)
    for try await part in response.body { assembler.read(part) }
    guard case .whole(let answer) = assembler.finish(), answer.text == "one two three four five six" else {
      throw OtherAnswer(status: response.status)
    }
  }

  private func processorTime() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  struct OtherAnswer: Error {
    let status: Int
  }
}
