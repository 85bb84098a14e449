/// Texts of small workflows for the tests.
enum Workflows {
  static let succeeding = "tasks: {a: {run: 'true'}}\n"

  /// Two tasks that count in files of the home how often they ran; the first goes on when it is let on.
  static func gated(by gate: Gate) -> String {
    """
    tasks:
      first: {run: 'echo x >> "$ASTRO_HOME/ran"; \(gate.pass)', grace: 2s}
      second: {needs: [first], run: 'echo x >> "$ASTRO_HOME/ran-second"'}

    """
  }
}
