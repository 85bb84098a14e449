public import AstroCore

/// An agent of type command that is a program of its own, such as a coding CLI.
public struct CommandSettings: Sendable, Equatable {
  public enum Preset: String, Sendable, CaseIterable {
    case claudeCode = "claude_code"
    case codex
    case llm
  }

  /// What the program prints.
  public enum ResultFormat: String, Sendable, CaseIterable {
    /// The answer itself.
    case text
    /// One JSON object, whose members become outputs.
    case json
  }

  public enum Program: Sendable, Equatable {
    case preset(Preset)
    /// Words that may hold ``placeholders``; the prompt is given on stdin where no word holds `{prompt}`.
    case own([String], result: ResultFormat)
  }

  /// The members of `with:` that may stand in a word of the command: `{prompt}`.
  public static let placeholders = ["prompt", "system", "model", "max_turns", "max_cost_usd", "output_schema"]

  public var program: Program
  public var environment: [NamedValue] = []
  public var model: String?
  /// Ceilings of tasks that do not say, supervised from outside. `nil` is none.
  public var maxTurns: Int?
  public var maxCost: Money?
  public var timeout: Duration?

  public init(_ program: Program) { self.program = program }
}
