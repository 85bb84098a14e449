import AstroCore
import AstroYAML

extension WorkflowReader {
  /// A scalar that is handed to a program: YAML can spell NUL, which would cut it short there.
  func programText(_ node: YAMLNode) -> String? {
    guard let text = decoder.text(node) else { return nil }
    if text.utf8.contains(0) {
      decoder.error("nul", "a text for a program cannot hold a NUL character", at: node)
      return nil
    }
    return text
  }

  /// Reports an expression where none is evaluated: it would be taken as it stands, which nobody means.
  func refuseExpression(
    _ node: YAMLNode, hint: String = "expressions are read in env, workdir, if, with, and where run is a list"
  ) {
    guard let offset = TemplateScanner.firstOpening(in: node) else { return }
    decoder.error(
      "expression_here", "no expression can stand here", in: node, offset: offset, width: 3, hint: hint)
  }

  /// `env:`, each value a template.
  func environment(_ node: YAMLNode, scope: Scope) -> [EnvironmentPlan] {
    guard let entries = decoder.entries(node, hint: "write {NAME: value}") else { return [] }
    var result: [EnvironmentPlan] = []
    for entry in entries {
      let name = entry.key.text
      if !Identifier.isValid(name, dashes: .refused) {
        decoder.error(
          "bad_name", "\(StrictDecoder.describe(entry.key)) is not the name of an environment variable", at: entry.key,
          hint: "letters, digits and _, beginning with a letter or _")
      } else if name.hasPrefix("ASTRO_") {
        decoder.error("reserved_name", "names that begin with ASTRO_ are reserved", at: entry.key)
      }
      if let value = template(entry.value, scope: scope) { result.append(EnvironmentPlan(name: name, value: value)) }
    }
    return result
  }

  /// A scalar with expressions in it.
  func template(_ node: YAMLNode, scope: Scope) -> Template? {
    guard let text = programText(node) else { return nil }
    guard TemplateScanner.firstOpening(in: node) != nil else { return Template(text) }
    var scanner = TemplateScanner(text)
    let (template, errors) = scanner.template()
    check(scanner.notes, in: node, scope: scope)
    for error in errors { report(error, in: node) }
    if errors.isEmpty { checkSecretsStandAlone(template, scanner.notes, in: node) }
    return errors.isEmpty ? template : nil
  }

  /// `if:`, with or without `${{ }}` around it.
  func condition(_ node: YAMLNode, scope: Scope) -> Expression? {
    guard let text = decoder.text(node, expecting: "a condition") else { return nil }
    var scanner = TemplateScanner(text)
    do {
      let expression = try scanner.condition()
      check(scanner.notes, in: node, scope: scope)
      return expression
    } catch {
      report(error, in: node)
      return nil
    }
  }

  private func report(_ error: ExpressionError, in node: YAMLNode) {
    let hint: String?
    switch error.remedy {
    case .none: hint = nil
    case .hint(let text): hint = text
    case .nearest(let word, let words, let otherwise):
      hint = decoder.suggestion(for: word, among: words) ?? otherwise
    }
    decoder.error(error.code, error.message, in: node, offset: error.offset, width: error.width, hint: hint)
  }
}
