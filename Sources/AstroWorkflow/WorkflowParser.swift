public import AstroCore
import AstroYAML

/// What became of one workflow file.
public struct ParsedWorkflow: Sendable, Equatable {
  /// `nil` when there is any error.
  public var plan: WorkflowPlan?
  /// Errors and warnings, all of the file's at once, sorted by place.
  public var diagnostics: [Diagnostic]

  public init(plan: WorkflowPlan?, diagnostics: [Diagnostic]) {
    self.plan = plan
    self.diagnostics = diagnostics
  }
}

/// Reads workflow files: YAML or JSON, strict (contract 3).
public enum WorkflowParser {
  /// More tasks in one file are refused: what one file may cost in memory, and in time in which no other is looked at,
  /// is bounded.
  public static let mostTasks = 1_000_000

  /// Never fails otherwise than by diagnostics. Time and memory are in proportion to the file; the stack is bounded.
  /// - Parameter file: the file as the user named it, for the diagnostics.
  public static func parse(_ bytes: [UInt8], file: String) -> ParsedWorkflow {
    parse(bytes, file: file, mostTasks: mostTasks)
  }

  static func parse(_ bytes: [UInt8], file: String, mostTasks: Int) -> ParsedWorkflow {
    let document = YAMLDocument(bytes, file: file)
    let reader = WorkflowReader(document, mostTasks: mostTasks)
    if let root = document.root { reader.read(root) }
    let diagnostics = reader.decoder.diagnostics
    return ParsedWorkflow(plan: reader.decoder.hasErrors ? nil : reader.plan, diagnostics: diagnostics)
  }
}
