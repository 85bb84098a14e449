import AstroCore
import Testing

@testable import AstroLLM

/// What is reserved for a call that somebody else has written.
@Suite struct RawCallTests {
  private func reserved(_ body: String, _ endpoint: BatchEndpoint = .chatCompletions) throws -> Int64 {
    let line = #"{"custom_id":"a","method":"POST","url":"\#(endpoint.rawValue)","body":\#(body)}"#
    let call = try RawCall(BatchLine(Array(line.utf8)[...], number: 1))
    let ceiling = call.ceiling(model: "m", price: nil, estimator: TokenEstimator(dialect: .openAIChat))
    return ceiling.tokens - Int64(call.body.count) - TokenEstimator.perMessage
  }

  @Test(
    arguments: [
      (#"{"max_tokens":10}"#, 10), (#"{"max_completion_tokens":20}"#, 20),
      // Which of them a server honours is its own affair.
      (#"{"max_tokens":10,"max_completion_tokens":20}"#, 20), (#"{"max_tokens":30,"max_completion_tokens":20}"#, 30),
      (#"{"max_tokens":10,"max_tokens":5}"#, 10), (#"{"max_tokens":null,"max_completion_tokens":20}"#, 20),
      // What is not of the endpoint bounds nothing there.
      (#"{"max_output_tokens":5}"#, RawCall.usualOutput), (#"{"max_output_tokens":50000}"#, 50_000),
      (#"{"max_tokens":10,"max_output_tokens":40}"#, 40), (#"{"max_tokens":-1}"#, RawCall.usualOutput),
      (#"{"max_tokens":"10"}"#, RawCall.usualOutput), ("{}", RawCall.usualOutput),
      (#"{"max_tokens":10,"n":3}"#, 30), (#"{"n":2}"#, 2 * RawCall.usualOutput), (#"{"max_tokens":10,"n":0}"#, 10),
    ] as [(String, Int64)])
  func theLargestBoundThatMayHoldIsReserved(body: String, tokens: Int64) throws {
    #expect(try reserved(body) == tokens)
  }

  @Test func responsesHaveABoundOfTheirOwn() throws {
    #expect(try reserved(#"{"max_output_tokens":7}"#, .responses) == 7)
    #expect(try reserved(#"{"max_tokens":7}"#, .responses) == RawCall.usualOutput)
    #expect(try reserved(#"{"max_output_tokens":7,"max_tokens":9}"#, .responses) == 9)
  }
}
