import AstroCore
import Testing

@testable import AstroWorkflow

func parse(_ text: String, file: String = "w.yaml") -> ParsedWorkflow {
  WorkflowParser.parse(Array(text.utf8), file: file)
}

/// Everything said about a file, as a terminal shows it.
func rendered(_ text: String) -> String { parse(text).diagnostics.map(\.rendered).joined() }

/// The plan of a file that must be right.
func plan(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> WorkflowPlan {
  let parsed = parse(text)
  #expect(parsed.diagnostics.isEmpty, "\(parsed.diagnostics.map(\.rendered).joined())", sourceLocation: sourceLocation)
  return try #require(parsed.plan, sourceLocation: sourceLocation)
}

/// The one expression of a text that must be right.
func expression(_ text: String) throws -> Expression {
  var scanner = TemplateScanner(text)
  return try scanner.condition()
}
