public import AstroCore
import AstroProcess

/// A program that answers a prompt, such as a coding CLI: what the task asks becomes its arguments, the prompt what it reads on
/// standard input, and what it prints the outputs.
public struct CommandLineAgent: ProgramAgent {
  private let program: CommandLineProgram
  public let variables: [SecretVariable]
  private let defaults: CommandLineRequest.Defaults
  private let prices: PriceTable

  /// - Parameter prices: for programs that say what they used and not what it cost.
  public init(
    _ program: CommandLineProgram, variables: [SecretVariable] = [], defaults: CommandLineRequest.Defaults = .init(),
    prices: PriceTable = .init()
  ) {
    self.program = program
    self.variables = variables
    self.defaults = defaults
    self.prices = prices
  }

  /// One place in the ledger stands for all that the program asks of its model.
  public func ceiling(of with: JSONValue) throws(Failure) -> CallCeiling? {
    guard let name = program.name else { return nil }
    let asked = try CommandLineRequest(with, defaults: defaults)
    var ceiling = CallCeiling(model: asked.model ?? name, tokens: 0, cost: asked.maxCost)
    if asked.maxCost == nil {
      ceiling.unboundedBecause = "there is no max_cost_usd, and so no most that \(name) may cost"
    }
    return ceiling
  }

  public func process(for request: ProgramRequest) throws(Failure) -> ProgramProcess {
    let asked = try CommandLineRequest(request.with, defaults: defaults)
    let call = try program.call(for: asked)
    return ProgramProcess(call.arguments, environment: request.environment, input: call.input)
  }

  public func read(
    _ end: inout AttemptEnding, _ files: AttemptFiles, promise: AttemptPromise
  ) throws(Failure) {
    switch end.outcome {
    case .exited: break
    default: return
    }
    // A request that cannot be read any more was read before; then only what depends on it is missing.
    let asked = try? CommandLineRequest(try files.request(), defaults: defaults)
    let printed = try files.printed(omitted: end.omitted.stdout)
    do throws(MalformedResult) {
      guard var answer = try program.answer(in: try printed.get(), exit: end.outcome) else { return }
      answer.price(as: asked?.model, by: prices)
      if let name = program.name { end.account = answer.account(of: asked?.model ?? name, lasting: end.duration) }
      try asked?.check(&answer)
      for name in promise.outputs where answer.ending == .completed && answer.outputs[name] == nil {
        throw MalformedResult("the promised output '\(name)' is not in the answer")
      }
      if answer.ending == .completed { try ResultOutputs.check(answer.outputs) }
      take(answer, into: &end, promise)
    } catch {
      // One that failed anyway keeps its own code: what it printed then is no answer.
      if end.outcome == .exited(0) { end.outcome = .invalidOutput(error.message) }
    }
  }

  private func take(_ answer: CommandLineAnswer, into end: inout AttemptEnding, _ promise: AttemptPromise) {
    end.outputs = answer.ending == .completed ? answer.outputs : [:]
    end.isAgentFault = answer.ending == .providerError
    guard answer.ending == .completed else {
      end.outcome = .performed(answer.ending, answer.message)
      return
    }
    if promise.keepsStdout { end.stdout = answer.text }
  }
}
