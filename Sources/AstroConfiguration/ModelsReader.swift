import AstroCore
import AstroYAML

/// Checks `models.yaml`. No agent has a price yet, so nothing is kept; but a file that will be money is not left broken.
struct ModelsReader {
  private let decoder: StrictDecoder

  init(_ document: YAMLDocument) {
    decoder = StrictDecoder(document)
    guard let root = document.root, let top = decoder.mapping(root, keys: ["models"]),
      let models = top.member("models"), !models.isNull
    else { return }
    guard models.kind == .sequence else {
      decoder.mismatch("a list of models", at: models, hint: "each begins with '- model: ...'")
      return
    }
    _ = decoder.list(models, of: "models") { [decoder] node -> Bool? in
      guard
        let model = decoder.mapping(
          node, keys: ["model", "input", "output", "cache_read", "cache_write"],
          hint: "write {model: name, input: 0.15, output: 0.60}")
      else { return nil }
      _ = model.required("model").flatMap { decoder.string($0) }
      // USD per million tokens.
      for price in ["input", "output", "cache_read", "cache_write"] as [StaticString] {
        _ = model.number(price, in: 0...1_000_000)
      }
      return true
    }
  }

  var diagnostics: [Diagnostic] { decoder.diagnostics }
}
