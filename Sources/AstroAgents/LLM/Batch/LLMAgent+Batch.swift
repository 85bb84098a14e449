import AstroCore
import AstroLLM

extension LLMAgent {
  /// The most that one request of a batch can take; of a body that names no model, by the agent's own.
  func ceiling(of call: RawCall) -> CallCeiling {
    let model = call.model ?? settings.model ?? ""
    return call.ceiling(
      model: model, price: settings.prices.price(of: model), estimator: TokenEstimator(dialect: settings.dialect))
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
