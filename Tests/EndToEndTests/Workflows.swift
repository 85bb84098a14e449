/// Texts of small workflows for the tests.
enum Workflows {
  static let succeeding = "tasks: {a: {run: 'true'}}\n"

  /// One task that says that it runs, by a file in the home, and goes on when somebody writes to the pipe.
  static func gated(by pipe: String, marker: String) -> String {
    """
    tasks:
      first: {run: 'echo x >> "\(marker)"; cat "\(pipe)" > /dev/null', grace: 2s}
      second: {needs: [first], run: 'echo x >> "\(marker).second"'}

    """
  }
}
