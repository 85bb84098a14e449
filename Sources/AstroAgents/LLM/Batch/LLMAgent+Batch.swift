public import AstroCore
public import AstroLLM

extension LLMAgent {
  /// Whom the requests of a batch go to: the agent, then those of its fallbacks that speak the dialect of the bodies.
  var batchSeats: [LLMSettings] { [settings] + fallbacks.filter { $0.dialect == settings.dialect } }

  /// The most that one request of a batch can take; of a body that names no model, by the agent's own.
  public func ceiling(of call: RawCall) -> CallCeiling { ceiling(of: call, at: settings) }

  func ceiling(of call: RawCall, at seat: LLMSettings) -> CallCeiling {
    let model = call.model ?? seat.model ?? ""
    return call.ceiling(
      model: model, price: seat.prices.price(of: model), estimator: TokenEstimator(dialect: seat.dialect))
  }

  /// That of the first request of the file.
  func firstBatchCall(of request: PerformanceRequest) throws(Failure) -> PlannedCall? {
    let path = request.directory.workflow(extension: "jsonl")
    guard let line = try BatchRequests(path).next(1, where: { _ in true }).first else { return nil }
    do throws(JSONScanner.Malformed) {
      return PlannedCall(to: settings.id, ceiling(of: try RawCall(line)), line: line.number)
    } catch {
      throw Failure(.io, subject: path, message: "line \(line.number) is not what was submitted: \(error.message)")
    }
  }

  /// What calls of a batch took whose runner died before it accounted for them, by the lines of their requests: as the results
  /// say that are on disk.
  /// - Parameter models: what each was sent as.
  public func accounts(
    of models: [Int: String], in directory: RunDirectory, at now: Timestamp
  ) throws(Failure) -> [Int: CallAccount] {
    guard let endpoint = BatchEndpoint.allCases.first(where: { $0.dialect == settings.dialect.rawValue }) else {
      return [:]
    }
    var found: [Int: CallAccount] = [:]
    for (line, text) in try BatchResults.last(Set(models.keys), of: directory.results) {
      guard let model = models[line], let answer = BatchResultLine.answer(text, endpoint, at: now) else { continue }
      found[line] = account(of: answer, model: model)
    }
    return found
  }

  /// `nil` where nobody said what it took.
  private func account(of answer: RawAnswer, model: String) -> CallAccount? {
    var account = CallAccount(model: model, status: .error, usage: nil, cost: nil, duration: .zero)
    guard let said = answer.answer else {
      guard answer.status >= 300 else { return nil }
      // Answers that are none cost nothing.
      (account.usage, account.cost) = (TokenUsage(), .zero)
      return account
    }
    account.succeed(with: said, price: settings.prices.price(of: model))
    return account
  }
}

extension CallAccount {
  /// Takes what an answer of a model says that it took.
  mutating func succeed(with answer: Answer, price: ModelPrice?) {
    (status, usage) = (.success, answer.usage)
    cost = answer.usage.flatMap { price?.cost(of: $0, tier: ServiceTier(answer: answer.serviceTier)) }
    model = answer.model ?? model
  }
}
