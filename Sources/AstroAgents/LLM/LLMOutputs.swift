import AstroCore
import AstroLLM

/// What other tasks see of a finished step.
enum LLMOutputs {
  /// - Throws: why they cannot be outputs.
  static func of(_ ending: StepEnding, _ loop: StepLoop) throws(MalformedResult) -> [String: String] {
    var outputs = [
      "text": ending.text, "finish_reason": (ending.finish ?? .stop).word,
      "prompt_tokens": String(loop.usage.prompt), "completion_tokens": String(loop.usage.output),
    ]
    outputs["model"] = loop.last?.model
    outputs["cost_usd"] = loop.cost?.spelled
    // What the task demanded by name is what it means by that name.
    if case .map(let members)? = ending.value {
      for (name, value) in members { outputs[name] = value.text }
    }
    try ResultOutputs.check(outputs)
    return outputs
  }
}
