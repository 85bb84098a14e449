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

  /// Of the first request of the file: leave for it serves whichever is sent first, unless that takes more.
  func batchCeiling(of request: PerformanceRequest) throws(Failure) -> CallCeiling? {
    let path = request.directory.workflow(extension: "jsonl")
    guard let line = try BatchRequests(path).next(1, where: { _ in true }).first else { return nil }
    do throws(JSONScanner.Malformed) {
      return ceiling(of: try RawCall(line))
    } catch {
      throw Failure(.io, subject: path, message: "line \(line.number) is not what was submitted: \(error.message)")
    }
  }
}
