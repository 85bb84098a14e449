public import AstroCore
import AstroYAML

/// What became of one workflow file.
public struct ParsedWorkflow: Sendable, Equatable {
  /// `nil` when there is any error.
  public var plan: WorkflowPlan?
  /// What `user:` says, also where something else is wrong.
  public var user: String?
  /// Errors and warnings, all of the file's at once, sorted by place.
  public var diagnostics: [Diagnostic]

  public init(plan: WorkflowPlan?, user: String?, diagnostics: [Diagnostic]) {
    self.plan = plan
    self.user = user
    self.diagnostics = diagnostics
  }
}

/// Reads workflow files, strict: YAML or JSON, and OpenAI's batch files where the name ends in `.jsonl`.
public enum WorkflowParser {
  /// More tasks in one file are refused: what one file may cost in memory, and in time in which no other is looked at,
  /// is bounded.
  public static let mostTasks = 1_000_000

  /// Never fails otherwise than by diagnostics. Time and memory are in proportion to the file; the stack is bounded.
  /// - Parameters:
  ///   - file: the file as the user named it, for the diagnostics.
  ///   - surroundings: what the home has; what is not there is an error then: tasks that no agent could ever take,
  ///     limits and servers that nobody configured.
  public static func parse(_ bytes: [UInt8], file: String, in surroundings: Surroundings? = nil) -> ParsedWorkflow {
    parse(bytes, file: file, in: surroundings, mostTasks: mostTasks)
  }

  static func parse(
    _ bytes: [UInt8], file: String, in surroundings: Surroundings? = nil, mostTasks: Int
  ) -> ParsedWorkflow {
    if file.utf8.reversed().starts(with: BatchFile.suffix.utf8.reversed()) {
      return BatchFile.parse(bytes, file: file, in: surroundings)
    }
    let document = YAMLDocument(bytes, file: file)
    let reader = WorkflowReader(document, mostTasks: mostTasks)
    if let root = document.root { reader.read(root) }
    reader.checkTakers(in: surroundings)
    return ParsedWorkflow(
      plan: reader.decoder.hasErrors ? nil : reader.plan, user: reader.plan.user,
      diagnostics: reader.decoder.diagnostics)
  }
}
