/// What a workflow says about itself, for one line each.
enum WorkflowNotes {
  static func line(_ description: String) -> String {
    description.split(whereSeparator: \.isNewline).joined(separator: " ")
  }

  /// `nil` when there are none.
  static func line(_ labels: [String: String]) -> String? {
    labels.isEmpty ? nil : labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
  }
}
